"""Files fetched once from their public homes, checked against a pinned hash and kept for the user."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pooch
import requests
from tqdm import tqdm

from seisdream.errors import SeisdreamError
from seisdream.io.atomic import writing_file

Progress = bool | Callable[[int, int], None]


def cache_folder() -> Path:
    """Return the folder of fetched files: the environment's SEISDREAM_CACHE, or the user's cache folder."""
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
    """Return a file from the cache, fetching it first where it is not there yet.

    A file is kept only when its content is the pinned one, whichever home it came from; a cached file whose
    content is not is fetched again.

    Parameters
    ----------
    urls : str or sequence of str
        The file's home, or several, tried in their order.
    file_name : str
        Its name in the cache.
    sha256, sha1, md5 : str, optional
        The pinned hash, in hexadecimal; MD5 tells a damaged file, not a forged one, and is what Zenodo publishes.
    verify : callable, optional
        Instead of a hash, a function of the file's path that says whether the content is right (`git_blob_id`
        helps to write one). At least one of the four is needed.
    folder : path, optional
        The folder to keep it in; by default `cache_folder()`.
    progress : bool or callable, default True
        A bar on a terminal (none elsewhere), nothing, or a function that is called with the bytes done
        and the bytes in all (0 where the server does not say).
    timeout_s : float, default 30
        How long a server may stay silent.

    Returns
    -------
    pathlib.Path
        The cached file.

    Raises
    ------
    SeisdreamError
        If no home gives the file; it says where to get the file by hand, and where to put it.
    """
    if not (sha256 or sha1 or md5 or verify):
        raise ValueError("fetch needs sha256, sha1, md5 or verify, so that nothing unchecked is kept")
    path = (Path(folder) if folder is not None else cache_folder()) / file_name

    def fault_of(candidate: Path) -> str | None:
        for algorithm, expected in (("sha256", sha256), ("sha1", sha1), ("md5", md5)):
            if expected and (got := pooch.file_hash(str(candidate), alg=algorithm)) != expected.lower():
                return f"its {algorithm.upper()} is {got}, expected {expected}"
        return "its content is not the expected one" if verify and not verify(candidate) else None

    if path.is_file() and fault_of(path) is None:
        return path
    faults = []
    with writing_file(path, force=True, option="SEISDREAM_CACHE") as partial:
        for url in [urls] if isinstance(urls, str) else urls:
            fault = _download(url, partial, file_name, progress, timeout_s) or fault_of(partial)
            if fault is None:
                break
            faults.append(f"{url} ({fault})")
        else:
            raise SeisdreamError(
                f"Cannot fetch {file_name} from {' or '.join(faults)}. Get the file by hand (on another "
                f"machine, if this one is offline) and put it at {path}."
            )
    return path


def git_blob_id(path: str | os.PathLike[str]) -> str:
    """Return git's name for a file's content: the SHA-1 of ``blob LENGTH``, a null byte and the bytes."""
    content = Path(path).read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _download(url: str, path: Path, title: str, progress: Progress, timeout_s: float) -> str | None:
    """Fetch one address into a file, and return what went wrong, if anything."""
    # disable=None: no bar where the output is not a terminal.
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
    except requests.HTTPError as error:
        return f"the server answers {error.response.status_code if error.response is not None else error}"
    except requests.RequestException as error:
        return f"not reached: {type(error).__name__}"
    return None


class _Meter:
    """What the downloader takes for a progress bar, passing the count of bytes on to a function."""

    def __init__(self, report: Callable[[int, int], None]):
        self.report = report
        self.total = 0
        self.n_done = 0

    def update(self, n_bytes: int) -> None:
        # The downloader counts whole chunks and then everything once more.
        self.n_done += n_bytes
        self.report(min(self.n_done, self.total) if self.total else self.n_done, self.total)

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass
