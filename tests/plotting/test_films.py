"""Films play: their size, frames, colours and comment are read back."""

import re
import subprocess
import weakref

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from seisdream.errors import SeisdreamError
from seisdream.plotting.films import write_films


def read_mp4(path):
    """Return what ffmpeg says about a film, its size, and its frames."""
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    story = subprocess.run([ffmpeg, "-i", path], capture_output=True, check=False).stderr.decode()
    raw = subprocess.run(
        [ffmpeg, "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    ).stdout
    width, height = map(int, re.search(r"Video: .*? (\d+)x(\d+)[ ,]", story).groups())
    return story, (width, height), np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


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
def test_what_is_written_is_read_back(tmp_path, colour):
    frames = list(smooth_frames(9, 240, 320, colour))
    comment = '{"layer": "inception_4c/output", "credit": "TNO – 地震", "n": 1}'
    write_films(iter(frames), tmp_path / "a.mp4", tmp_path / "a.gif", frames_per_second=10, comment=comment)
    story, size, film = read_mp4(tmp_path / "a.mp4")
    assert "h264" in story
    assert "yuv420p" in story
    assert " 10 fps" in story
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


def test_known_colours_stay(tmp_path):
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
    with pytest.warns(UserWarning, match="too long"):
        write_films(smooth_frames(2, 64, 64), tmp_path / "b.mp4", tmp_path / "b.gif", comment="x" * 30_000)
    assert len(read_mp4(tmp_path / "b.mp4")[2]) == 2


@pytest.mark.parametrize("shape", [(321, 401), (50, 5), (1, 1), (2, 700)])
def test_any_size_becomes_a_film(tmp_path, shape):
    write_films(smooth_frames(1, *shape), tmp_path / "a.mp4", tmp_path / "a.gif")
    _, size, film = read_mp4(tmp_path / "a.mp4")
    assert len(film) == 1
    assert all(side % 2 == 0 and side >= 16 for side in size)
    assert len(read_gif(tmp_path / "a.gif")[0]) == 1


def test_frames_of_other_sizes_take_that_of_the_first(tmp_path):
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


def test_what_cannot_be_a_film(tmp_path):
    with pytest.raises(SeisdreamError, match="at least one frame"):
        write_films([], tmp_path / "a.mp4", tmp_path / "a.gif")
    with pytest.raises(SeisdreamError, match="frames per second"):
        write_films(smooth_frames(1, 9, 9), tmp_path / "a.mp4", tmp_path / "a.gif", frames_per_second=0)
    with pytest.raises(ValueError, match="uint8"):
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


@pytest.mark.parametrize("n_frames", [1, 60])
def test_a_refused_file_is_an_error_and_leaves_no_process(tmp_path, started, n_frames):
    with pytest.raises(SeisdreamError, match="ffmpeg says"):
        write_films(smooth_frames(n_frames, 300, 400), tmp_path / "no folder" / "a.mp4", tmp_path / "a.gif")
    assert [process.poll() is None for process in started] == [False]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_film_leaves_no_process(tmp_path, started, failure):
    def frames():
        yield from smooth_frames(3, 300, 400)
        raise failure("stop")

    with pytest.raises(failure):
        write_films(frames(), tmp_path / "a.mp4", tmp_path / "a.gif")
    assert [process.poll() is None for process in started] == [False]


def test_a_machine_without_ffmpeg(tmp_path, monkeypatch):
    def missing():
        raise RuntimeError("No ffmpeg exe could be found")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", missing)
    with pytest.raises(SeisdreamError, match="pip install imageio-ffmpeg"):
        write_films(smooth_frames(1, 9, 9), tmp_path / "a.mp4", tmp_path / "a.gif")
