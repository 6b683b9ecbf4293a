"""Films are read back: size, frames, colours, comment; without ffmpeg there is a GIF."""

import re
import shutil
import subprocess
import weakref

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from errors import raises
from seisdream.plotting import films
from seisdream.plotting.films import find_ffmpeg, write_films


def read_mp4(path):
    """Return what ffmpeg reports of a film, its size, and its frames."""
    ffmpeg = find_ffmpeg()
    report = subprocess.run([ffmpeg, "-i", path], capture_output=True, check=False).stderr.decode()
    raw = subprocess.run(
        [ffmpeg, "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    ).stdout
    width, height = map(int, re.search(r"Video: .*? (\d+)x(\d+)[ ,]", report).groups())
    return report, (width, height), np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def read_gif(path):
    with Image.open(path) as gif:
        frames, durations = [], []
        for number in range(gif.n_frames):
            gif.seek(number)
            frames.append(np.asarray(gif.convert("RGB")))
            durations.append(gif.info["duration"])
        return frames, durations, dict(gif.info)


def smooth_frames(n_frames, n_rows, n_columns, colour=False):
    rows, columns = np.mgrid[:n_rows, :n_columns]
    for number in range(n_frames):
        grey = 127 + 90 * np.sin(rows / 9 + number / 3) * np.cos(columns / 11)
        frame = np.stack([grey, 255 - grey if colour else grey, grey], axis=-1)
        yield frame.astype(np.uint8)


@pytest.mark.parametrize("colour", [False, True])
def test_frames_are_read_back(tmp_path, colour):
    frames = list(smooth_frames(9, 240, 320, colour))
    comment = '{"layer": "inception_4c/output", "credit": "TNO – 地震", "n": 1}'
    write_films(iter(frames), tmp_path / "a.mp4", tmp_path / "a.gif", frames_per_second=10, comment=comment)
    report, size, film = read_mp4(tmp_path / "a.mp4")
    assert "h264" in report
    assert "yuv420p" in report
    assert " 10 fps" in report
    assert size == (320, 240)
    assert len(film) == 9
    for frame, known in zip(film, frames, strict=True):
        assert np.abs(frame.astype(int) - known).mean() < 4
    frames_of_gif, durations, info = read_gif(tmp_path / "a.gif")
    assert len(frames_of_gif) == 9
    assert durations == [100] * 8 + [1500]
    assert info["loop"] == 0
    assert info["comment"].decode() == comment
    assert np.abs(frames_of_gif[-1].astype(int) - frames[-1]).mean() < 4


def test_a_caption_is_written_into_every_frame(tmp_path):
    write_films(smooth_frames(2, 64, 200), tmp_path / "a.mp4", tmp_path / "a.gif", caption="A dream")
    write_films(smooth_frames(2, 64, 200), tmp_path / "b.mp4", tmp_path / "b.gif")
    for written, plain in zip(read_gif(tmp_path / "a.gif")[0], read_gif(tmp_path / "b.gif")[0], strict=True):
        assert written[:24, :90].min() < 40
        assert written[:24, :90].max() > 215
        assert np.abs(written[40:].astype(int) - plain[40:]).mean() < 4


def test_colours_are_kept(tmp_path):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (127, 127, 127), (200, 90, 30)]
    frame = np.repeat(np.repeat(np.array([colours], np.uint8), 64, axis=0), 64, axis=1)
    write_films([frame], tmp_path / "a.mp4", tmp_path / "a.gif")
    film, gif = read_mp4(tmp_path / "a.mp4")[2][0], read_gif(tmp_path / "a.gif")[0][0]
    for place, colour in enumerate(colours):
        assert np.abs(film[32, 64 * place + 32].astype(int) - colour).max() <= 5
        assert np.abs(gif[32, 64 * place + 32].astype(int) - colour).max() <= 5


def test_the_comment_is_in_the_mp4(tmp_path):
    comment = '{"seed": 0, "credit": "TNO – 地震; a=b # c"}'
    write_films(smooth_frames(2, 64, 64), tmp_path / "a.mp4", tmp_path / "a.gif", comment=comment)
    assert comment.encode() in (tmp_path / "a.mp4").read_bytes()
    notes = write_films(smooth_frames(2, 64, 64), tmp_path / "b.mp4", tmp_path / "b.gif", comment="x" * 30_000)
    assert len(notes) == 1
    assert len(read_mp4(tmp_path / "b.mp4")[2]) == 2


@pytest.mark.parametrize("shape", [(321, 401), (50, 5), (1, 1), (2, 700)])
def test_any_size_becomes_a_film(tmp_path, shape):
    write_films(smooth_frames(1, *shape), tmp_path / "a.mp4", tmp_path / "a.gif")
    _, size, film = read_mp4(tmp_path / "a.mp4")
    assert len(film) == 1
    assert all(side % 2 == 0 and side >= 16 for side in size)
    assert len(read_gif(tmp_path / "a.gif")[0]) == 1


def test_frames_are_resized_to_the_first(tmp_path):
    frames = [*smooth_frames(1, 330, 340), *smooth_frames(1, 200, 100)]
    write_films(frames, tmp_path / "a.mp4", tmp_path / "a.gif")
    _, size, film = read_mp4(tmp_path / "a.mp4")
    assert size == (340, 330)
    assert len(film) == 2


def test_a_long_film_is_streamed_and_its_gif_is_short(tmp_path):
    references = []

    def frames():
        for frame in smooth_frames(200, 32, 40):
            references.append(weakref.ref(frame))
            assert sum(reference() is not None for reference in references) <= 3
            yield frame

    write_films(frames(), tmp_path / "a.mp4", tmp_path / "a.gif", frames_per_second=25)
    assert len(read_mp4(tmp_path / "a.mp4")[2]) == 200
    gif, durations, _ = read_gif(tmp_path / "a.gif")
    assert 30 <= len(gif) <= 62
    assert sum(durations[:-1]) == pytest.approx(200 / 25 * 1000, rel=0.05)
    last = np.asarray(list(smooth_frames(200, 32, 40))[-1]).repeat(8, axis=0).repeat(8, axis=1)
    assert np.abs(gif[-1].astype(int) - last).mean() < 4


def test_a_gif_is_small(tmp_path):
    write_films(smooth_frames(1, 800, 1200), tmp_path / "a.mp4", tmp_path / "a.gif")
    assert read_gif(tmp_path / "a.gif")[0][0].shape == (320, 480, 3)


def test_bad_frames_and_speeds_are_refused(tmp_path):
    with raises("missing-argument", "frames"):
        write_films([], tmp_path / "a.mp4", tmp_path / "a.gif")
    with raises("out-of-range", "frames_per_second"):
        write_films(smooth_frames(1, 9, 9), tmp_path / "a.mp4", tmp_path / "a.gif", frames_per_second=0)
    with raises("wrong-shape", "frames"):
        write_films([np.zeros((9, 9, 3))], tmp_path / "a.mp4", tmp_path / "a.gif")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def started(monkeypatch):
    """The processes that were started."""
    processes = []
    popen = subprocess.Popen

    def start(*args, **options):
        processes.append(popen(*args, **options))
        return processes[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    return processes


BROKEN = {
    "is no program": "",
    "does not run": "#!/bin/sh\nexit 1",
    "reports an error": "#!/bin/sh\n[ $1 = -version ] || { cat >/dev/null; echo No space left on device >&2; exit 1; }",
    "ends early": "#!/bin/sh\n[ $1 = -version ] || exec 0<&-",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_where_ffmpeg_fails_the_gif_is_whole_and_no_process_is_left(tmp_path, started, monkeypatch, text):
    ffmpeg = tmp_path / "ffmpeg"
    ffmpeg.write_text(text)
    ffmpeg.chmod(0o755)
    monkeypatch.setattr(films, "find_ffmpeg", lambda: str(ffmpeg))
    with raises("write-failed"):
        write_films(smooth_frames(20, 300, 400), tmp_path / "a.mp4", tmp_path / "a.gif")
    assert [process.poll() for process in started if process.poll() is None] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gif", "ffmpeg"]
    assert len(read_gif(tmp_path / "a.gif")[0]) == 20


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_film_leaves_no_process(tmp_path, started, failure):
    def frames():
        yield from smooth_frames(3, 300, 400)
        raise failure("stop")

    with pytest.raises(failure):
        write_films(frames(), tmp_path / "a.mp4", tmp_path / "a.gif")
    assert [process.poll() is None for process in started] == [False, False]


@pytest.fixture
def no_ffmpeg(monkeypatch):
    def missing():
        raise RuntimeError("No ffmpeg exe could be found")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", missing)
    monkeypatch.setattr(shutil, "which", lambda name: None)


def test_without_ffmpeg_there_is_a_gif_and_a_note(tmp_path, no_ffmpeg):
    (note,) = write_films(smooth_frames(3, 64, 64), tmp_path / "a.mp4", tmp_path / "a.gif")
    assert "a.mp4" in note
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]
    assert len(read_gif(tmp_path / "a.gif")[0]) == 3


def test_the_ffmpeg_of_the_system_is_used_without_the_extra(no_ffmpeg, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"bin/{name}")
    assert find_ffmpeg() == "bin/ffmpeg"


def test_grey_films_keep_all_grey_levels(tmp_path):
    ramp = np.repeat(np.tile(np.arange(256, dtype=np.uint8), (340, 1))[..., None], 3, axis=2)
    write_films([ramp, ramp], tmp_path / "a.mp4", tmp_path / "a.gif")
    assert len(np.unique(read_gif(tmp_path / "a.gif")[0][0])) > 250
