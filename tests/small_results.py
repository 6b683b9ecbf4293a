"""Settings and a network with what provenance and writers read of them."""

from dataclasses import dataclass
from types import SimpleNamespace

from seisdream.settings import Settings, setting

NETWORK = SimpleNamespace(
    name="gabor", weights=None, options={}, sha256="0" * 64, credit="the authors", licence="Apache-2.0"
)


@dataclass(frozen=True)
class FewSettings(Settings):
    """The settings that writers read."""

    layer: str = setting("bank", "Layer.")
    percentile: float = setting(99.0, "Percentile.")
    parameterization: str = setting("pixel", "Parameterization.")
    levels: int = setting(1, "Levels.")
    zoom: float = setting(0.0, "Zoom.")
    colour: bool = setting(False, "Colour.")
    steps: int | None = setting(None, "Steps.")
    seed: int = setting(0, "Seed.")
    method: str = setting("integrated-gradients", "Method.")
