"""Formats that are not read: what they are, and what converts them."""

from __future__ import annotations

import os
from pathlib import Path

_SEGY_EXPORT = "export it as SEG-Y from the program that wrote it"
_FORMATS = {
    (".vds", ".ovds"): ("OpenVDS", "convert it to SEG-Y with SEGYExport of OpenVDS"),
    (".zgy",): ("ZGY, of Petrel", "export it as SEG-Y from Petrel, or convert it with pyzgy"),
    (".cbvs",): ("CBVS, of OpendTect", "export it as SEG-Y from OpendTect"),
    (".rsf", ".rsf@"): ("RSF, of Madagascar", "convert it to SEG-Y with sfsegywrite"),
    (".segd", ".sgd", ".segd2"): ("SEG-D, field data", "process it, or convert it to SEG-Y"),
    (".seg2", ".sg2"): ("SEG-2, field data", "convert it to SEG-Y, for example with ObsPy"),
    (".3dv", ".vol", ".bri"): ("a volume of an interpretation program", _SEGY_EXPORT),
    (".js", ".jsf", ".xtf"): ("a format of acquisition or processing", _SEGY_EXPORT),
    (".sac", ".mseed", ".miniseed", ".gse2"): ("earthquake seismology", "convert it to SEG-Y with ObsPy"),
    (".dzt", ".dt1", ".rd3", ".rad"): ("ground-penetrating radar", "convert it to SEG-Y, or save it as .npy"),
    (".las", ".dlis"): ("a well log", "give seismic sections or volumes"),
    (".csv", ".txt", ".asc", ".ascii", ".xyz", ".tsv"): (
        "a text file",
        "load the table (numpy.loadtxt) and save its samples as .npy (numpy.save)",
    ),
    (".pt", ".pth", ".ckpt", ".onnx", ".safetensors", ".caffemodel"): ("a network", "give it as the network"),
    (".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".tgz"): (
        "compressed or an archive",
        "unpack it first (only SEG-Y and Seismic Unix are read from .gz)",
    ),
    (".pkl", ".pickle", ".joblib"): ("a Python pickle, which can run code and is never loaded", "save numbers as .npy"),
    (".parquet", ".feather", ".xlsx", ".xls"): ("a table", "save the samples as .npy (numpy.save)"),
    (".pdf", ".svg", ".eps", ".docx", ".pptx"): ("a document", "save the section as .png or .tif"),
}
# What files of other formats begin with.
_BY_CONTENT = {
    b"\x1f\x8b": ("compressed by gzip", "name it .sgy.gz, or unpack it (gunzip)"),
    b"PK\x03\x04": ("a ZIP archive", "unpack it (unzip)"),
    b"BZh": ("compressed by bzip2", "unpack it (bunzip2)"),
    b"\xfd7zXZ\0": ("compressed by xz", "unpack it (unxz)"),
    b"\x28\xb5\x2f\xfd": ("compressed by zstd", "unpack it (unzstd)"),
    b"7z\xbc\xaf": ("a 7z archive", "unpack it (7z x)"),
    b"Rar!": ("a RAR archive", "unpack it (unrar x)"),
    b"\x89HDF": ("an HDF5 file", "name it .h5 or .nc"),
    b"\x93NUMPY": ("a NumPy array", "name it .npy"),
    b"\x89PNG": ("a PNG picture", "name it .png"),
    b"%PDF": ("a PDF document", "give the SEG-Y file itself"),
}
_BY_ENDING = {ending: described for endings, described in _FORMATS.items() for ending in endings}


def describe_foreign(path: str | os.PathLike[str]) -> str | None:
    """Return what a file is by its ending and what converts it, as the end of a sentence; None if it is not known."""
    found = _BY_ENDING.get(Path(path).suffix.lower())
    return None if found is None else f"{found[0]}, which is not read; {found[1]}."


def describe_content(head: bytes) -> str | None:
    """Return what a file is by its first bytes and what to do, as the end of a sentence; None if it is not known."""
    for mark, (what, remedy) in _BY_CONTENT.items():
        if head.startswith(mark):
            return f"{what}, and not SEG-Y; {remedy}."
    return None
