"""A network whose layer of classes is the strength of concepts: what predicts classes maps concepts too."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import torch

from seisdream.models.network import Network
from seisdream.representations.factorise import Factorisation

# Where no concept is present, all are equally probable.
_FAINT = 1e-6


class ConceptNetwork(Network):
    """A network up to a layer, where it returns the strengths of concepts in place of channels.

    Strengths are used as classes are: the probability of a concept is its share of the sum of all strengths.

    Parameters
    ----------
    network : Network
        The network whose layer was factorised.
    layer : str
        The layer.
    factorisation : Factorisation
        Its concepts.
    names : sequence of str
        Names of the concepts.
    folder : str, optional
        That the concepts were read from, for the provenance.
    """

    class_kind = "concept"

    def __init__(
        self,
        network: Network,
        layer: str,
        factorisation: Factorisation,
        names: Sequence[str],
        folder: str | None = None,
    ) -> None:
        vars(self).update(vars(network))
        self.factorisation, self._of = factorisation, layer
        self.classes, self.colours = tuple(names), ()
        self.survey, self.is_ordered, self.is_loadable = "", False, False
        digest = hashlib.sha256(factorisation.parts.tobytes()).hexdigest()
        self.options = {**network.options, "concepts": folder, "concepts_sha256": digest}

    @property
    def class_layer(self) -> str:
        """The layer that was factorised."""
        return self._of

    @property
    def class_map_layer(self) -> str:
        """The layer that was factorised."""
        return self._of

    @property
    def class_activation(self) -> Any:
        """Concepts share each sample, as exclusive classes do."""
        return "softmax"

    def class_probabilities(self, logits: torch.Tensor, dim: int = 1) -> torch.Tensor:
        """Return the share of each concept, from strengths along an axis."""
        strengths = logits + _FAINT
        return strengths / strengths.sum(dim, keepdim=True)

    def class_log_probabilities(self, logits: torch.Tensor, dim: int = 1) -> torch.Tensor:
        """Return the logarithms of the shares."""
        return self.class_probabilities(logits, dim).log()

    def convert_activations(self, recorded: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return activations, those of the layer as strengths ``(batch, concept, *space)``."""
        layer = self.class_layer
        return {
            name: _strengths(values, self.factorisation) if name == layer else values
            for name, values in recorded.items()
        }


def _strengths(activations: torch.Tensor, factorisation: Factorisation) -> torch.Tensor:
    channels_last = activations.detach().movedim(1, -1).float()
    found = factorisation.strengths(channels_last.flatten(0, -2).cpu().numpy())
    shape = (*channels_last.shape[:-1], factorisation.n_concepts)
    return torch.from_numpy(found).reshape(shape).movedim(-1, 1)
