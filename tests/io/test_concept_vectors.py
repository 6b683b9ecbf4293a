import numpy as np
import pytest

from seisdream.errors import SeisdreamError
from seisdream.io.concept_vectors import open_concept_vector, write_directions


def test_what_was_written_is_opened(tmp_path):
    path = write_directions(tmp_path / "probe.npz", {"salt": [1.0, -2.0], "channel fill": np.array([[0.5], [3.0]])})
    assert open_concept_vector(f"{path}#salt").tolist() == [1.0, -2.0]
    assert open_concept_vector(f"{path}#channel fill").tolist() == [0.5, 3.0]
    np.save(tmp_path / "one.npy", np.arange(3))
    assert open_concept_vector(tmp_path / "one.npy").tolist() == [0.0, 1.0, 2.0]
    alone = write_directions(tmp_path / "alone.npz", {"salt": [1.0]})
    assert open_concept_vector(alone).tolist() == [1.0], "the only one needs no name"
    with pytest.raises(SeisdreamError, match="--force"):
        write_directions(path, {"salt": [1.0]})


def test_what_is_no_direction_is_refused(tmp_path):
    path = write_directions(tmp_path / "probe.npz", {"salt": [1.0], "chaotic": [2.0]})
    with pytest.raises(SeisdreamError, match=r"holds 2 directions; name one after a #.*#salt .*salt, chaotic"):
        open_concept_vector(path)
    with pytest.raises(SeisdreamError, match=r"has no direction 'sald'.*#salt"):
        open_concept_vector(f"{path}#sald")
    with pytest.raises(SeisdreamError, match="There is no direction"):
        open_concept_vector(tmp_path / "nowhere.npy")
    (tmp_path / "text.npy").write_text("1 2 3")
    with pytest.raises(SeisdreamError, match="cannot be read"):
        open_concept_vector(tmp_path / "text.npy")
    np.save(tmp_path / "matrix.npy", np.ones((2, 3)))
    with pytest.raises(SeisdreamError, match=r"shape \(2, 3\); it must be real numbers, one for each channel"):
        open_concept_vector(tmp_path / "matrix.npy")
    with pytest.raises(SeisdreamError, match=r"written as \.npz"):
        write_directions(tmp_path / "one.npy", {"salt": [1.0]})
