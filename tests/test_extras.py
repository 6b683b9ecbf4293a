"""The core works without the optional packages, and what needs one is refused with the line that installs it."""

import subprocess
import sys

import pytest

from errors import raises
from seisdream.extras import require_extra

OPTIONAL = (
    "captum",
    "h5netcdf",
    "h5py",
    "imageio_ffmpeg",
    "numcodecs",
    "onnx",
    "onnx2torch",
    "tifffile",
    "timm",
    "torchmetrics",
    "torchvision",
    "zarr",
)

HIDE = f"""
import importlib.abc, os, shutil, sys
class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {OPTIONAL}:
            raise ModuleNotFoundError(f"No module named '{{name}}'", name=name)
sys.meta_path.insert(0, Hidden())
os.environ["PATH"] = ""
"""


def run_without_extras(code, folder):
    """Run Python code in a process that finds none of the optional packages, and no ffmpeg."""
    return subprocess.run(
        [sys.executable, "-c", HIDE + code], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.slow
def test_the_core_runs_without_extras(tmp_path):
    code = """
from seisdream.cli.main import main
for words in (
    ["--help"],
    ["dream", "--help"],
    ["info", "sample:built-in"],
    ["dream", "noise:48x64", "--network", "gabor", "--octaves", "1", "--steps", "2", "--out", "a.dream", "--film"],
    ["predict", "noise:48x64", "--network", "facies", "--out", "a.prediction"],
    ["controls", "noise:48x64", "--network", "gabor", "--help"],
):
    sys.argv = ["seisdream", *words]
    try:
        main()
    except SystemExit as end:
        assert not end.code, (words, end.code)
"""
    done = run_without_extras(code, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "a.dream" / "dream.gif").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "extra"),
    [
        ("sd.open_section('a.zarr')", "formats"),
        ("sd.open_section('a.h5')", "formats"),
        ("sd.open_section('a.tif')", "formats"),
        ("sd.load_network('timm:resnet18')", "models"),
        ("sd.load_network('torchvision:resnet18')", "models"),
        ("sd.attribute(sd.open_section('noise:48x64'), 'facies')", "attribution"),
        ("import seisdream.evaluation.confusion", "train"),
    ],
)
def test_a_missing_extra_is_refused_with_the_line_that_installs_it(statement, extra, tmp_path):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (tmp_path / "a.tif").write_bytes(b"II*\0" + bytes(100))
    code = f"""
import seisdream as sd
from seisdream.errors import SeisdreamError
try:
    {statement}
except SeisdreamError as error:
    assert error.code == "missing-extra", error
    print(error)
"""
    done = run_without_extras(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "pip install" in done.stdout
    assert f"'.[{extra}]'" in done.stdout


def test_a_module_that_is_there_is_imported():
    assert require_extra("json", "formats", "Reading JSON").__name__ == "json"


def test_a_module_that_is_not_there_is_refused():
    with raises("missing-extra"):
        require_extra("no_such_module", "formats", "Nothing")
