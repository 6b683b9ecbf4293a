"""seisdream shows what a neural network sees in seismic.

Open a section, load a network, dream:

>>> import seisdream as sd
>>> section = sd.open_section("sample:built-in")
>>> result = sd.dream(section, "gabor", steps=1, octaves=1)
>>> result.dataset["dream"].dims
('time', 'trace')
"""

import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

# Names load when they are first used, so that `import seisdream` and the command line's help stay quick.
_HOMES = {
    "AtlasSettings": "seisdream.atlas.settings",
    "AttributionSettings": "seisdream.attribution.settings",
    "ComparisonSettings": "seisdream.representations.comparison_settings",
    "ConceptResult": "seisdream.results.concept_result",
    "ConceptSettings": "seisdream.representations.concept_settings",
    "ControlResult": "seisdream.results.control_result",
    "ControlSettings": "seisdream.significance.settings",
    "Dream": "seisdream.dreaming.dream",
    "DreamResult": "seisdream.results.dream_result",
    "DreamSettings": "seisdream.dreaming.settings",
    "DreamState": "seisdream.dreaming.loop",
    "Evaluation": "seisdream.evaluation.evaluate",
    "EvaluationSettings": "seisdream.evaluation.settings",
    "Network": "seisdream.models.network",
    "NetworkComparison": "seisdream.representations.comparison_result",
    "PathCheck": "seisdream.significance.path_result",
    "PredictionSettings": "seisdream.inference.prediction_settings",
    "Preprocessing": "seisdream.models.preprocessing",
    "Result": "seisdream.results.result",
    "SeisdreamError": "seisdream.errors",
    "TrainingSettings": "seisdream.training.settings",
    "attribute": "seisdream.volumes.attribute",
    "build_atlas": "seisdream.atlas.build",
    "check_path": "seisdream.significance.path_check",
    "compare_networks": "seisdream.representations.comparison",
    "concepts": "seisdream.representations.concepts",
    "controls": "seisdream.volumes.controls",
    "dream": "seisdream.volumes.dream",
    "evaluate": "seisdream.evaluation.evaluate",
    "fit_probe": "seisdream.evaluation.probe",
    "list_layers": "seisdream.models.registry",
    "list_networks": "seisdream.models.registry",
    "load_network": "seisdream.models.registry",
    "load_result": "seisdream.results.load",
    "make_earth": "seisdream.synthetic",
    "make_section": "seisdream.seismic.sections",
    "open_section": "seisdream.io.inputs",
    "open_volume": "seisdream.volumes.volume",
    "predict": "seisdream.volumes.predict",
    "record_activations": "seisdream.inference.recorder",
    "replay": "seisdream.dreaming.replay",
    "show": "seisdream.notebook.show",
    "train": "seisdream.training.train",
}
_MODULES = {
    "constraints": "seisdream.dreaming.constraints",
    "objectives": "seisdream.dreaming.objectives",
    "parameterizations": "seisdream.dreaming.parameterizations",
    "regularizers": "seisdream.dreaming.regularizers",
    "transforms": "seisdream.dreaming.transforms",
}

__all__ = sorted([*_HOMES, *_MODULES])  # pyright: ignore[reportUnsupportedDunderAll]

if TYPE_CHECKING:
    from seisdream.atlas.build import build_atlas
    from seisdream.atlas.settings import AtlasSettings
    from seisdream.attribution.settings import AttributionSettings
    from seisdream.dreaming import constraints, objectives, parameterizations, regularizers, transforms
    from seisdream.dreaming.dream import Dream
    from seisdream.dreaming.loop import DreamState
    from seisdream.dreaming.replay import replay
    from seisdream.dreaming.settings import DreamSettings
    from seisdream.errors import SeisdreamError
    from seisdream.evaluation.evaluate import Evaluation, evaluate
    from seisdream.evaluation.probe import fit_probe
    from seisdream.evaluation.settings import EvaluationSettings
    from seisdream.inference.prediction_settings import PredictionSettings
    from seisdream.inference.recorder import record_activations
    from seisdream.io.inputs import open_section
    from seisdream.models.network import Network
    from seisdream.models.preprocessing import Preprocessing
    from seisdream.models.registry import list_layers, list_networks, load_network
    from seisdream.notebook.show import show
    from seisdream.representations.comparison import compare_networks
    from seisdream.representations.comparison_result import NetworkComparison
    from seisdream.representations.comparison_settings import ComparisonSettings
    from seisdream.representations.concept_settings import ConceptSettings
    from seisdream.representations.concepts import concepts
    from seisdream.results.concept_result import ConceptResult
    from seisdream.results.control_result import ControlResult
    from seisdream.results.dream_result import DreamResult
    from seisdream.results.load import load_result
    from seisdream.results.result import Result
    from seisdream.seismic.sections import make_section
    from seisdream.significance.path_check import check_path
    from seisdream.significance.path_result import PathCheck
    from seisdream.significance.settings import ControlSettings
    from seisdream.synthetic import make_earth
    from seisdream.training.settings import TrainingSettings
    from seisdream.training.train import train
    from seisdream.volumes.attribute import attribute
    from seisdream.volumes.controls import controls
    from seisdream.volumes.dream import dream
    from seisdream.volumes.predict import predict
    from seisdream.volumes.volume import open_volume


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        value = import_module(_MODULES[name])
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'seisdream' has no attribute '{name}'")
    if "xarray" in sys.modules:
        # Registers `DataArray.seisdream`, as soon as there can be an array to use it on.
        import_module("seisdream.accessor")
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
