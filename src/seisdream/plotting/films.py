"""Films of a dream: MP4 for the eye, GIF for pages that take nothing else."""

from __future__ import annotations

import os
import subprocess
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from PIL import Image

from seisdream.errors import SeisdreamError

AnyPath = str | os.PathLike[str]

# Smaller films are enlarged to about this side, whole pixels for pixels, so that a short section can be watched.
_LEAST_SIDE = 320
# A GIF stores nearly every pixel of every frame: it is kept small in each direction.
_GIF_SIDE = 480
_GIF_FRAMES = 60
_GIF_GREYS = 64
_GIF_LAST_MS = 1500
# The longest comment that every system takes on a command line.
_MAX_COMMENT_BYTES = 24_000


def write_films(
    frames: Iterable[np.ndarray],
    mp4_path: AnyPath,
    gif_path: AnyPath,
    *,
    frames_per_second: float = 12.0,
    comment: str = "",
) -> None:
    """Write frames as an MP4 and a GIF that loops, one frame in memory at a time.

    Parameters
    ----------
    frames : iterable of uint8 arrays
        RGB ``(row, column, 3)``, at least one; all are brought to the size of the first.
    mp4_path, gif_path : path
        Written at once; `seisdream.io.atomic` gives paths that appear whole. The MP4 is H.264 (yuv420p, an even
        number of rows and columns); the GIF has up to 60 of the frames, 480 pixels wide or high at most.
    frames_per_second : float, default 12
        Of both.
    comment : str, optional
        A text for both files' comment, such as a recipe.

    Raises
    ------
    SeisdreamError
        If there is no frame, no ffmpeg, or the disk refuses.
    """
    if not (np.isfinite(frames_per_second) and 0 < frames_per_second <= 120):
        raise SeisdreamError(f"A film has more than 0 and at most 120 frames per second, not {frames_per_second}.")
    same_sized = _of_one_size(frames)
    first = next(same_sized, None)
    if first is None:
        raise SeisdreamError("A film needs at least one frame; got none.")
    gif = _Gif()
    n_rows, n_columns = first.shape[:2]
    with _encoding(mp4_path, n_rows, n_columns, frames_per_second, comment) as encode:
        encode(first)
        gif.add(first)
        for frame in same_sized:
            encode(frame)
            gif.add(frame)
    gif.write(gif_path, frames_per_second, comment)


def _of_one_size(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Give every frame in the size of the first, enlarged where tiny and with even sides."""
    shape = None
    for frame in frames:
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
            raise ValueError(f"a frame is uint8 (row, column, 3), got {frame.dtype} {frame.shape}")
        shape = shape or frame.shape
        if frame.shape != shape:
            frame = np.asarray(Image.fromarray(frame).resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
        factor = max(1, _LEAST_SIDE // max(shape[:2]))
        frame = frame.repeat(factor, axis=0).repeat(factor, axis=1)
        # H.264 stores colour for blocks of 2 × 2.
        odd = [(0, max(n % 2, 16 - n)) for n in frame.shape[:2]]
        yield np.ascontiguousarray(np.pad(frame, (*odd, (0, 0)), mode="edge"))


@contextmanager
def _encoding(path: AnyPath, n_rows: int, n_columns: int, frames_per_second: float, comment: str):
    """Run ffmpeg while the block lasts, and give the function that takes a frame."""
    if len(comment.encode()) > _MAX_COMMENT_BYTES:
        warnings.warn("The recipe is too long for the film's comment; it is in recipe.json.", stacklevel=4)
        comment = ""
    try:
        ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise SeisdreamError(f"No ffmpeg for films ({error}); pip install imageio-ffmpeg.") from error
    command = [
        *(ffmpeg, "-v", "error", "-nostdin", "-y"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{n_columns}x{n_rows}", "-r", f"{frames_per_second:g}"),
        *("-i", "pipe:0", "-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "18"),
        # Say which colours these are, or players guess by the size of the picture.
        *("-vf", "scale=out_color_matrix=bt709:out_range=tv", "-pix_fmt", "yuv420p"),
        *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"),
        *(("-metadata", f"comment={comment}") if comment else ()),
        *("-movflags", "+faststart", "-f", "mp4", f"file:{Path(path).absolute()}"),
    ]
    with tempfile.TemporaryFile() as complaints:
        # Its own session: Ctrl-C is ours to handle, and must not stop ffmpeg in the middle of a file.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaints, start_new_session=True
        )
        stream = process.stdin
        assert stream is not None

        def encode(frame: np.ndarray) -> None:
            stream.write(frame.data)

        try:
            try:
                yield encode
                stream.close()
                process.wait()
            except BrokenPipeError:
                process.wait()
            if process.returncode:
                complaints.seek(0)
                lines = complaints.read().decode(errors="replace").strip().splitlines() or ["no reason given"]
                raise SeisdreamError(
                    f"The film {path} was not written: ffmpeg says '{lines[-1]}'. Check the disk (--out)."
                )
        finally:
            if process.poll() is None:
                process.kill()
            with suppress(BrokenPipeError):
                stream.close()
            process.wait()


class _Gif:
    """Frames for a GIF, fewer and smaller than those of the film."""

    def __init__(self):
        self._frames: list[Image.Image] = []
        self._last: Image.Image | None = None
        self._every, self._n_seen = 1, 0

    def add(self, frame: np.ndarray) -> None:
        """Take up a frame; when there are too many, every second one goes."""
        image = Image.fromarray(frame)
        image.thumbnail((_GIF_SIDE, _GIF_SIDE), Image.Resampling.LANCZOS)
        self._last = None
        if self._n_seen % self._every == 0:
            self._frames.append(image)
            if len(self._frames) > _GIF_FRAMES:
                self._frames = self._frames[::2]
                self._every *= 2
        else:
            self._last = image
        self._n_seen += 1

    def write(self, path: AnyPath, frames_per_second: float, comment: str) -> None:
        """Write the GIF; the last frame stays a while before the film starts over."""
        kept = [*self._frames, *([self._last] if self._last is not None else [])]
        frames = _indexed(kept)
        # GIF counts in hundredths of a second, and players slow down what is faster than two.
        duration = max(20, round(100 * self._every / frames_per_second) * 10)
        frames[0].save(
            path,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=[*[duration] * (len(frames) - 1), _GIF_LAST_MS],
            loop=0,
            comment=comment.encode(),
        )


def _indexed(images: list[Image.Image]) -> list[Image.Image]:
    """Reduce RGB images to the 256 colours of a GIF: greys where all are grey, or one palette for all."""
    pixels = [np.asarray(image) for image in images]
    if all((frame == frame[..., :1]).all() for frame in pixels):
        # Fewer greys are hardly seen and halve the file.
        step = 255.0 / (_GIF_GREYS - 1)
        return [Image.fromarray(np.rint(np.rint(frame[..., 0] / step) * step).astype(np.uint8)) for frame in pixels]
    # A palette for each frame would make still parts flicker.
    typical = Image.fromarray(np.concatenate([pixels[0], pixels[len(pixels) // 2], pixels[-1]]))
    palette = typical.quantize(256, method=Image.Quantize.MEDIANCUT)
    return [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
