"""Films of a dream: always a GIF, and an MP4 where ffmpeg is installed."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seisdream.errors import SeisdreamError
from seisdream.io.atomic import writing_file

AnyPath = str | os.PathLike[str]

# Smaller frames are enlarged to about this side by whole factors.
_MIN_SIDE = 320
# A GIF stores nearly every pixel of every frame, so it is smaller and has fewer frames.
_GIF_SIDE = 480
_GIF_FRAMES = 60
_GIF_LAST_MS = 1500
# The longest argument that every system accepts.
_MAX_COMMENT_BYTES = 24_000


def write_films(
    frames: Iterable[np.ndarray],
    mp4_path: AnyPath,
    gif_path: AnyPath,
    *,
    frames_per_second: float = 12.0,
    comment: str = "",
    caption: str = "",
) -> list[str]:
    """Write frames as a GIF that loops and, where ffmpeg is installed, as an MP4.

    Parameters
    ----------
    frames : iterable of uint8 arrays
        RGB ``(row, column, 3)``, at least one; all are resized to the first. One frame at a time is in memory.
    mp4_path, gif_path : path
        The files. The MP4 is H.264 (yuv420p, an even number of rows and columns); the GIF has up to 60 of the frames,
        at most 480 pixels wide or high.
    frames_per_second : float, default 12
        Of both.
    comment : str, optional
        A comment for both files, such as the provenance.
    caption : str, optional
        Written into every frame, at its upper left.

    Returns
    -------
    list of str
        Notes: that there is no MP4 for want of ffmpeg, or that its comment was left out.

    Raises
    ------
    SeisdreamError
        If there is no frame (``missing-argument``), the speed is out of range (``out-of-range``), or a film cannot be
        written (``write-failed``); where ffmpeg fails, the GIF is there.
    """
    if not (np.isfinite(frames_per_second) and 0 < frames_per_second <= 120):
        raise SeisdreamError(
            f"`frames_per_second` is {frames_per_second}; it must be above 0 and at most 120.",
            code="out-of-range",
            option="frames_per_second",
        )
    same_sized = (_captioned(frame, caption) for frame in _of_one_size(frames))
    first = next(same_sized, None)
    if first is None:
        raise SeisdreamError("A film needs at least one frame; got none.", code="missing-argument", option="frames")
    notes, ffmpeg, name = [], find_ffmpeg(), os.path.basename(mp4_path)
    if ffmpeg is None:
        notes.append(f"Of the film only a GIF was written; {name} needs ffmpeg (pip install imageio-ffmpeg).")
    elif len(comment.encode()) > _MAX_COMMENT_BYTES:
        notes.append(f"{name} has no provenance inside, because it is too long for a comment; see recipe.json.")
    gif, failure, left = _Gif(), None, itertools.chain([first], same_sized)
    try:
        with _encoding(ffmpeg, mp4_path, first.shape, frames_per_second, comment) as encode:
            for frame in left:
                gif.add(frame)
                encode(frame)
    except SeisdreamError as error:
        if error.code != "write-failed":
            raise
        failure = error
    for frame in left:
        gif.add(frame)
    with writing_file(gif_path, force=True) as new:
        gif.write(new, frames_per_second, comment)
    if failure:
        raise failure
    return notes


def find_ffmpeg() -> str | None:
    """Return the ffmpeg of the package imageio-ffmpeg or of the system; None where there is neither."""
    try:
        import imageio_ffmpeg

        return imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        return shutil.which("ffmpeg")


def _of_one_size(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield every frame in the size of the first, small ones enlarged, with even sides."""
    shape = None
    for frame in frames:
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
            raise SeisdreamError(
                f"A frame is {frame.dtype} {frame.shape}; it must be uint8 (row, column, 3).",
                code="wrong-shape",
                option="frames",
            )
        shape = shape or frame.shape
        if frame.shape != shape:
            frame = np.asarray(Image.fromarray(frame).resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
        factor = max(1, _MIN_SIDE // max(shape[:2]))
        frame = frame.repeat(factor, axis=0).repeat(factor, axis=1)
        # H.264 stores colour for blocks of 2 × 2.
        odd = [(0, max(n % 2, 16 - n)) for n in frame.shape[:2]]
        yield np.ascontiguousarray(np.pad(frame, (*odd, (0, 0)), mode="edge"))


def _captioned(frame: np.ndarray, caption: str) -> np.ndarray:
    """Return a frame with white words on black at its upper left, legible also where the frame is made smaller."""
    if not caption:
        return frame
    picture = Image.fromarray(frame)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(max(11, max(frame.shape) // 40))
    left, top, right, bottom = draw.textbbox((4, 2), caption, font=font)
    draw.rectangle((0, 0, right + left, bottom + top), fill=(0, 0, 0))
    draw.text((4, 2), caption, fill=(255, 255, 255), font=font)
    return np.asarray(picture)


@contextmanager
def _encoding(
    ffmpeg: str | None, path: AnyPath, shape: tuple[int, ...], frames_per_second: float, comment: str
) -> Iterator[Callable[[np.ndarray], None]]:
    """Run ffmpeg while the block lasts, and give the function that takes a frame; without ffmpeg it does nothing."""
    if ffmpeg is None:
        yield lambda frame: None
        return
    _check_runs(ffmpeg, path)
    if len(comment.encode()) > _MAX_COMMENT_BYTES:
        comment = ""
    command = [
        *(ffmpeg, "-v", "error", "-nostdin", "-y"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{shape[1]}x{shape[0]}", "-r", f"{frames_per_second:g}"),
        *("-i", "pipe:0", "-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "18"),
        # State the colour space: players guess it from the picture's size otherwise.
        *("-vf", "scale=out_color_matrix=bt709:out_range=tv", "-pix_fmt", "yuv420p"),
        *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"),
        *(("-metadata", f"comment={comment}") if comment else ()),
        *("-movflags", "+faststart", "-f", "mp4"),
    ]
    with writing_file(path, force=True) as new, tempfile.TemporaryFile() as messages:
        # A session of its own: Ctrl-C must not stop ffmpeg in the middle of a file.
        process = subprocess.Popen(
            [*command, f"file:{new.absolute()}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=messages,
            start_new_session=True,
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
                is_whole = process.returncode == 0
            except BrokenPipeError:
                process.wait()
                is_whole = False
            if not is_whole:
                messages.seek(0)
                lines = messages.read().decode(errors="replace").strip().splitlines() or ["no reason given"]
                raise SeisdreamError(
                    f"The film {path} was not written: ffmpeg reports '{lines[-1]}'. Check the disk, or write to "
                    "another folder.",
                    code="write-failed",
                    option="out",
                )
        finally:
            if process.poll() is None:
                process.kill()
            with suppress(BrokenPipeError):
                stream.close()
            process.wait()


def _check_runs(ffmpeg: str, path: AnyPath) -> None:
    """Raise `SeisdreamError` where ffmpeg does not run at all, so that nothing waits for it."""
    try:
        subprocess.run([ffmpeg, "-version"], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        raise SeisdreamError(
            f"The film {path} was not written: {ffmpeg} does not run ({error}). Repair or remove it; without ffmpeg "
            "only the GIF is written.",
            code="write-failed",
            option="out",
        ) from error


class _Gif:
    """Frames for a GIF, fewer and smaller than those of the film."""

    def __init__(self):
        self._frames: list[Image.Image] = []
        self._last: Image.Image | None = None
        self._every, self._n_added = 1, 0

    def add(self, frame: np.ndarray) -> None:
        """Add a frame; when there are too many, every second one is dropped."""
        image = Image.fromarray(frame)
        image.thumbnail((_GIF_SIDE, _GIF_SIDE), Image.Resampling.LANCZOS)
        self._last = None
        if self._n_added % self._every == 0:
            self._frames.append(image)
            if len(self._frames) > _GIF_FRAMES:
                self._frames = self._frames[::2]
                self._every *= 2
        else:
            self._last = image
        self._n_added += 1

    def write(self, path: AnyPath, frames_per_second: float, comment: str) -> None:
        """Write the GIF; the last frame stays for a while before the film starts again."""
        frames = _indexed([*self._frames, *([self._last] if self._last is not None else [])])
        # GIF counts in hundredths of a second, and players slow down frames shorter than two.
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
    """Convert RGB images to the 256 colours of a GIF: greys where all are grey, or one palette for all."""
    pixels = [np.asarray(image) for image in images]
    if all((frame == frame[..., :1]).all() for frame in pixels):
        return [Image.fromarray(np.ascontiguousarray(frame[..., 0])) for frame in pixels]
    # With a palette for each frame, still parts would flicker.
    typical = Image.fromarray(np.concatenate([pixels[0], pixels[len(pixels) // 2], pixels[-1]]))
    palette = typical.quantize(256, method=Image.Quantize.MEDIANCUT)
    return [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
