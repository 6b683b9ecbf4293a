"""Dreams, rated by classifiers that took no part in them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.dreaming.dream import dream
from seisdream.evaluation.confusion import score_predictions
from seisdream.evaluation.test_sets import HELD_OUT_SEED
from seisdream.models.network import Network
from seisdream.research.experiments.base import ProgressCounter
from seisdream.research.experiments.trained_networks import train_network
from seisdream.research.independent_classifiers import (
    AttributeClassifier,
    Classifier,
    NetworkClassifier,
    class_fractions,
)
from seisdream.seismic.sections import make_section
from seisdream.synthetic import FACIES
from seisdream.training.settings import TrainingSettings

CLASSES = tuple(facies.name for facies in FACIES)
INDEPENDENT_NETWORK, ATTRIBUTE_TREES = "independent network", "attribute trees"
CLASSIFIER_WIDTHS, CLASSIFIER_SEED = (16, 32, 64, 96), 1
"""The independent network has two stages fewer than the networks of seisdream, and other initial weights."""

EARTHS_PER_SEED = 1000
"""How far apart the numbers of earths are for consecutive random seeds of the experiment."""

_CLASSIFIER_EARTHS_SEED = 5
_DT_MS = 4.0
_RECIPE = {"boundary": "mirror", "zoom": 0.0, "allow_undersized": True}


@dataclass(frozen=True)
class Dreamer:
    """A network, and the recipe with which it dreams.

    Attributes
    ----------
    network : Network
        The network.
    preset : str
        A preset of `seisdream.dream`.
    """

    network: Network
    preset: str

    def dream(self, section: xr.DataArray, objective: str, **settings: Any) -> xr.DataArray:
        """Return the dream of a section."""
        return dream(section, self.network, objective, preset=self.preset, **_RECIPE, **settings).dataset["dream"]


@dataclass(frozen=True)
class Ratings:
    """Rates dreams by the fraction of a section in each class, according to each classifier.

    Attributes
    ----------
    sections : list of DataArray
        Sections to dream on.
    classifiers : dict of Classifier
        By name.
    before : dict of array
        Fractions before dreaming, by classifier: ``(section, class)``.
    """

    sections: list[xr.DataArray]
    classifiers: dict[str, Classifier]
    before: dict[str, NDArray]

    @classmethod
    def of(cls, sections: list[xr.DataArray], classifiers: dict[str, Classifier]) -> Ratings:
        """Return ratings whose reference is the sections themselves."""
        return cls(sections, classifiers, _rate(classifiers, sections))

    def gains(
        self, dreamer: Dreamer, objectives: Sequence[str], counter: ProgressCounter, **settings: Any
    ) -> dict[str, NDArray]:
        """Dream on every section with every objective; return the gain of each class.

        Returns
        -------
        dict of array
            By classifier ``(section, objective, class)``: fraction after the dream minus fraction before it.
        """
        dreams = (
            dreamer.dream(section, objective, **settings) for section in self.sections for objective in objectives
        )
        after = _rate(self.classifiers, counter.over(dreams))
        return {
            name: fractions.reshape(len(self.sections), len(objectives), -1) - self.before[name][:, None]
            for name, fractions in after.items()
        }


def _rate(classifiers: Mapping[str, Classifier], sections: Iterable[xr.DataArray]) -> dict[str, NDArray]:
    """Return the fraction of each section in each class, ``(section, class)``, by classifier."""
    fractions: dict[str, list[NDArray]] = {name: [] for name in classifiers}
    for section in sections:
        for name, classifier in classifiers.items():
            fractions[name].append(class_fractions(classifier, section))
    return {name: np.array(rows) for name, rows in fractions.items()}


def make_classifiers(
    seed: int,
    counter: ProgressCounter,
    *,
    n_steps: int,
    n_earths: int,
    side: int,
    n_attribute_sections: int,
    n_tests: int,
) -> tuple[dict[str, Classifier], dict[str, dict[str, float]]]:
    """Return the trained classifiers, and their scores on earths that they were not trained on.

    Parameters
    ----------
    seed : int
        Random seed of the experiment.
    counter : ProgressCounter
        Counts the steps of the training.
    n_steps, n_earths : int
        Steps of the independent network's training, and earths for it.
    side : int
        Side of all other sections in samples.
    n_attribute_sections : int
        Sections to fit the attribute trees on.
    n_tests : int
        Sections to score both on.
    """
    with tempfile.TemporaryDirectory() as folder:
        training = GeneratedEarths(_CLASSIFIER_EARTHS_SEED, n_earths, size=128, folder=f"{folder}/earths")
        settings = TrainingSettings(
            widths=CLASSIFIER_WIDTHS, steps=n_steps, seed=CLASSIFIER_SEED + seed, class_balance=0.4,
            validate_every=n_steps, workers=0, device="cpu",
        )  # fmt: skip
        network = train_network(
            settings, training, folder, title="an independent classifier", default_layer="enc4",
            colours=training.colours, on_step=counter.count,
        )  # fmt: skip
    earths = GeneratedEarths(_CLASSIFIER_EARTHS_SEED, size=side, augmentation=None)
    examples = [labelled_section(earths, number) for number in range(n_attribute_sections)]
    classifiers: dict[str, Classifier] = {
        INDEPENDENT_NETWORK: NetworkClassifier(network),
        ATTRIBUTE_TREES: AttributeClassifier(CLASSES, examples, seed=seed),
    }
    held_out = GeneratedEarths(HELD_OUT_SEED, size=side, augmentation=None)
    first = seed * EARTHS_PER_SEED + 500
    tests = [labelled_section(held_out, first + number) for number in range(n_tests)]
    return classifiers, {name: _score(classifier, tests) for name, classifier in classifiers.items()}


def _score(classifier: Classifier, tests: Sequence[tuple[xr.DataArray, NDArray]]) -> dict[str, float]:
    scores = score_predictions(classifier.probabilities, tests, CLASSES)
    return {"mean_iou": scores.mean_iou, "pixel_accuracy": scores.pixel_accuracy, "n_sections": len(tests)}


def labelled_section(earths: GeneratedEarths, number: int) -> tuple[xr.DataArray, NDArray]:
    """Return the section of an earth, and the class code of each sample."""
    sample = earths[number]
    return make_section(sample.image[0], dt_ms=_DT_MS), sample.classes
