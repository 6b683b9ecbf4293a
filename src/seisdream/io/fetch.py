"""Download public files once, check their hash, and keep them in a cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pooch
from tqdm import tqdm

from seisdream.errors import SeisdreamError
from seisdream.io.atomic import writing_file

Progress = bool | Callable[[int, int], None]


def cache_folder() -> Path:
    """Return the folder of downloaded files: the environment variable SEISDREAM_CACHE, or the user's cache folder."""
    return Path(os.environ.get("SEISDREAM_CACHE") or pooch.os_cache("seisdream"))


def fetch(
    urls: str | Sequence[str],
    file_name: str,
    *,
    sha256: str | None = None,
    sha1: str | None = None,
    md5: str | None = None,
    verify: Callable[[Path], bool] | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: Progress = True,
    timeout_s: float = 30.0,
) -> Path:
    """Return a file from the cache, downloaded on first use.

    A file is kept only if its hash is the expected one; a cached file with another hash is downloaded again.

    Parameters
    ----------
    urls : str or sequence of str
        Addresses of the file, tried in order.
    file_name : str
        Name in the cache.
    sha256, sha1, md5 : str, optional
        Expected hash, in hexadecimal. MD5, which Zenodo publishes, detects damage but not forgery.
    verify : callable, optional
        Instead of a hash: a function of the file's path that returns whether the content is right; see
        `git_blob_id`. At least one of the four is needed.
    folder : path, optional
        The folder to keep the file in. Default: `cache_folder()`.
    progress : bool or callable, default True
        True for a progress bar on a terminal, False for none, or a function that is called with the bytes done and
        the bytes in total (0 if the server does not send it).
    timeout_s : float, default 30
        Seconds to wait for the server.

    Returns
    -------
    pathlib.Path
        The cached file.

    Raises
    ------
    SeisdreamError
        If no address gives the file; the message says where to put a copy.
    """
    if not (sha256 or sha1 or md5 or verify):
        raise ValueError("fetch needs sha256, sha1, md5 or verify, so that no unchecked file is kept")
    path = (Path(folder) if folder is not None else cache_folder()) / file_name

    def fault_of(candidate: Path) -> str | None:
        for algorithm, expected in (("sha256", sha256), ("sha1", sha1), ("md5", md5)):
            if expected and (got := pooch.file_hash(str(candidate), alg=algorithm)) != expected.lower():
                return f"its {algorithm.upper()} is {got}, expected {expected}"
        return "its content is not the expected one" if verify and not verify(candidate) else None

    if path.is_file() and fault_of(path) is None:
        return path
    faults = []
    with writing_file(path, force=True) as partial:
        for url in [urls] if isinstance(urls, str) else urls:
            fault = _download(url, partial, file_name, progress, timeout_s) or fault_of(partial)
            if fault is None:
                break
            faults.append(f"{url} ({fault})")
        else:
            raise SeisdreamError(
                f"{file_name} cannot be downloaded from {' or '.join(faults)}. Download it yourself (on another "
                f"machine if this one is offline) and put it at {path}.",
                code="hash-mismatch" if all("expected" in fault for fault in faults) else "download-failed",
            )
    return path


def git_blob_id(path: str | os.PathLike[str]) -> str:
    """Return the git hash of a file's content: the SHA-1 of ``blob LENGTH``, a null byte and the bytes."""
    content = Path(path).read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _download(url: str, path: Path, title: str, progress: Progress, timeout_s: float) -> str | None:
    """Download one address into a file, and return what went wrong, if anything."""
    # disable=None: no bar if the output is not a terminal.
    bar = tqdm(desc=title, unit="B", unit_scale=True, disable=None if progress is True else True)

    def show(n_done: int, n_bytes: int) -> None:
        bar.total = n_bytes or None
        bar.update(n_done - bar.n)

    meter: Any = _Meter(progress if callable(progress) else show)
    downloader = pooch.HTTPDownloader(
        progressbar=meter, chunk_size=1 << 16, timeout=timeout_s, headers={"Connection": "close"}
    )
    try:
        with bar:
            downloader(url, str(path), None)
    except OSError as error:  # all exceptions of requests are
        response = getattr(error, "response", None)
        if response is not None:
            return f"the server answers {response.status_code}"
        if not type(error).__module__.startswith("requests"):
            raise  # the disk, not the server
        return f"not reached: {type(error).__name__}"
    return None


class _Meter:
    """A progress bar, as the downloader expects it, that calls a function with the bytes done and in total."""

    def __init__(self, report: Callable[[int, int], None]):
        self.report = report
        self.total = 0
        self.n_done = 0

    def update(self, n_bytes: int) -> None:
        # The downloader counts whole chunks, and then the whole file once more.
        self.n_done += n_bytes
        self.report(min(self.n_done, self.total) if self.total else self.n_done, self.total)

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass
