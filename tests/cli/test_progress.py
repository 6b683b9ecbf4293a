"""The bar of a dream counts samples: a step of a small octave is less work than one of a large octave."""

from types import SimpleNamespace

from seisdream.cli.report import ProgressBar


def test_a_step_counts_by_the_samples_of_its_octave(monkeypatch):
    shape = {"n_levels": 1, "n_octaves": 2, "n_steps": 2, "level": 1, "score": 0.0}
    counted = []
    with ProgressBar(is_shown=False) as bar:
        monkeypatch.setattr(bar, "advance", lambda n, **_: counted.append(n))
        bar.phase("Opening")
        for octave in (1, 2):
            for step in (1, 2):
                bar.step(SimpleNamespace(octave=octave, step=step, **shape), [100, 300])
        total = bar._bar.total
    assert counted == [100, 100, 300, 300]
    assert total == sum(counted)
