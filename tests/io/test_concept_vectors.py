import numpy as np

from errors import raises
from seisdream.io.concept_vectors import open_concept_vector, write_concept_vectors


def test_concept_vectors_round_trip(tmp_path):
    path = write_concept_vectors(
        tmp_path / "probe.npz", {"salt": [1.0, -2.0], "channel fill": np.array([[0.5], [3.0]])}
    )
    assert open_concept_vector(f"{path}#salt").tolist() == [1.0, -2.0]
    assert open_concept_vector(f"{path}#channel fill").tolist() == [0.5, 3.0]
    np.save(tmp_path / "one.npy", np.arange(3))
    assert open_concept_vector(tmp_path / "one.npy").tolist() == [0.0, 1.0, 2.0]
    alone = write_concept_vectors(tmp_path / "alone.npz", {"salt": [1.0]})
    assert open_concept_vector(alone).tolist() == [1.0], "the only one needs no name"
    with raises("exists"):
        write_concept_vectors(path, {"salt": [1.0]})


def test_invalid_concept_vectors_are_refused(tmp_path):
    path = write_concept_vectors(tmp_path / "probe.npz", {"salt": [1.0], "chaotic": [2.0]})
    with raises("ambiguous"):
        open_concept_vector(path)
    with raises("unknown-name"):
        open_concept_vector(f"{path}#sald")
    with raises("not-found"):
        open_concept_vector(tmp_path / "nowhere.npy")
    (tmp_path / "text.npy").write_text("1 2 3")
    with raises("unreadable"):
        open_concept_vector(tmp_path / "text.npy")
    np.save(tmp_path / "matrix.npy", np.ones((2, 3)))
    with raises("wrong-shape"):
        open_concept_vector(tmp_path / "matrix.npy")
    with raises("invalid"):
        write_concept_vectors(tmp_path / "one.npy", {"salt": [1.0]})
