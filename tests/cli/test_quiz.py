"""`seisdream quiz` and `seisdream experiment` on the command line."""

import numpy as np
import pytest

from seisdream.research.psychophysics.model_observers import ideal_d_prime
from seisdream.research.psychophysics.study import OBSERVERS, TrialResponses


class GaussianPanel:
    """Observers of d′ 1, instead of a network whose read-out must be fitted first."""

    def respond(self, trials, progress):
        rng, n = np.random.default_rng(0), len(trials)
        scores = {name: rng.standard_normal((n, 2)) + np.arange(2.0) for name in OBSERVERS}
        kinds = np.array([trial.kind for trial in trials])
        levels = np.array([trial.snr_db for trial in trials])
        limits = np.array([ideal_d_prime(trial) for trial in trials])
        progress(n)
        return TrialResponses(np.arange(n), kinds, levels, limits, np.full((n, 2), ""), scores)


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def fitted(monkeypatch):
    """The network and the observers of each panel, none of which is fitted."""
    panels = []

    def fit_panel(network, seed, n_pairs, progress, *, fitted):
        panels.append((network, n_pairs, fitted))
        progress(0, 150)
        return GaussianPanel()

    monkeypatch.setattr("seisdream.research.quiz.observers.fit_panel", fit_panel)
    return panels


def test_a_quiz_does_not_replace_another_without_force(seisdream, tmp_path, fitted):
    code, out, err = seisdream("quiz", "--seed", 5, "--network", "geology")
    assert code == 0, err
    assert fitted == [("geology", 6, ("network",))]
    assert "60 questions" in out
    page = (tmp_path / "quiz.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert '"seed": 5' in page
    code, _, err = seisdream("quiz")
    assert code == 2
    assert "quiz.html exists; replace it with --force" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("quiz", "score", "none.csv"), "There is no file none.csv"),
        (("quiz", "score"), "Missing argument"),
        (("quiz", "--seed", "-1"), "not in the range"),
        (("experiment", "sigth"), "'sigth' is not one of"),
        (("experiment",), "Missing argument"),
        (("experiment", "sight", "--out", "."), "is not empty"),
    ],
)
def test_errors_are_reported_before_any_work(seisdream, tmp_path, words, message):
    (tmp_path / "kept.txt").write_text("kept")
    code, _, err = seisdream(*words)
    assert code == 2
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


@pytest.mark.drawn
def test_answers_of_two_people_are_pooled_and_drawn(seisdream, tmp_path, fitted):
    from PIL import Image

    header = "version,seed,sitting,trial,kind,snr_db,target,answer,seconds\n"
    for sitting, wrong in (("aa", {3, 9}), ("bb", {2, 3, 4, 5, 20})):
        rows = [f"1,1,{sitting},{n},fault,4,left,{'right' if n in wrong else 'left'},1.0\n" for n in range(1, 21)]
        (tmp_path / f"{sitting}.csv").write_text(header + "".join(rows))
    code, out, err = seisdream("quiz", "score", "aa.csv", "bb.csv")
    assert code == 0, err
    assert fitted == [("facies", 6, ("network", "attributes"))]
    assert "2 sittings, 40 answers" in out
    # 33 of 40: √2 z(33.5 / 41).
    people = next(line for line in out.splitlines() if line.startswith("people"))
    assert people.split()[1:3] == ["0.82", "1.28"]
    with Image.open(tmp_path / "people.png") as picture:
        assert min(picture.size) > 300
