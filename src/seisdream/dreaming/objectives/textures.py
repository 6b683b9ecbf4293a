"""Terms of texture: how strongly channels of a layer are active together, wherever that is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch

from seisdream.dreaming.objectives.feature_matching import TINY, StatefulTerm
from seisdream.dreaming.objectives.terms import Term, Window, to_float
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network


@dataclass(frozen=True)
class GramTerm(StatefulTerm):
    """A score of the Gram matrix: how strongly every two channels are active together, regardless of position.

    Gram matrices are means over all positions. Where a section is processed in tiles, a first forward pass adds them
    up, and each tile then counts for its share.
    """

    def n_units(self, size: tuple[int, ...]) -> int:
        """Return 1, because the score is one of all positions together."""
        return 1

    def of_grams(self, grams: torch.Tensor) -> torch.Tensor:
        """Return the score of Gram matrices ``(1, channel, channel)``."""
        raise NotImplementedError

    def capture(self, activations: torch.Tensor, window: Window) -> None:
        """Add up the Gram matrices."""
        self.memory["grams"] = self.memory.get("grams", 0.0) + _gram(activations, window)

    def total(self, activations: torch.Tensor, window: Window) -> torch.Tensor:
        """Return the score, or the window's share of it with the gradient of the whole."""
        part = _gram(to_float(activations), window)
        if tuple(activations.shape[2:]) == tuple(window.whole_size):
            return self.of_grams(part)
        whole = self.memory["grams"]
        share = activations[0, 0].numel() / window.n_positions
        # The value of the whole, with the gradient of this part alone.
        return self.of_grams(whole + part - part.detach()) - (1.0 - share) * self.of_grams(whole)


@dataclass(frozen=True)
class Style(GramTerm):
    """Similarity of texture, wherever it is: minus the squared distance of Gram matrices.

    After Gatys, Ecker and Bethge (2015). Relative to the target matrix: 0 where the style is the guide's, -1 for a
    section without activations.
    """

    def set_target_gram(self) -> None:
        """Take the matrix that was captured as the target."""
        self.memory["target"] = self.memory.pop("grams")

    def of_grams(self, grams: torch.Tensor) -> torch.Tensor:
        """Return minus the squared distance divided by the squared length."""
        target = self.memory["target"].to(grams)
        return -(grams - target).square().sum() / target.square().sum().clamp_min(TINY)

    def target(self) -> str:
        """Return ``style:layer``."""
        return f"style:{self.layer}"


@dataclass
class DreamBatch:
    """Dreams that run side by side, and the last Gram matrices of each.

    Attributes
    ----------
    n_dreams : int
        How many there are.
    turn : int
        Number of the one that is evaluated, from 0.
    grams : dict of dict of Tensor
        By term and number, Gram matrices of unit length.
    """

    n_dreams: int = 1
    turn: int = 0
    grams: dict[str, dict[int, torch.Tensor]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Diversity(GramTerm):
    """How much a dream differs from the others of its batch: minus the mean cosine between Gram matrices.

    After Olah, Mordvintsev and Schubert (2017). -1 where all have the same texture; 0 for the first step of the first,
    which has nothing to differ from yet.

    Attributes
    ----------
    batch : DreamBatch
        Shared by the dreams; set when their settings are resolved.
    """

    batch: DreamBatch = field(default_factory=DreamBatch, compare=False, repr=False, kw_only=True)

    def bind(self, network: Network) -> Term:
        """Check the layer, and that there are other dreams."""
        if self.batch.n_dreams < 2:
            raise SeisdreamError(
                f"'{self.target()}' makes dreams differ from one another, and there is only one; use `variants=4`.",
                code="incompatible",
                option="variants",
            )
        return super().bind(network)

    def of_grams(self, grams: torch.Tensor) -> torch.Tensor:
        """Return minus the mean cosine with the other dreams."""
        seen, turn = self.batch.grams.setdefault(str(replace(self, weight=1.0)), {}), self.batch.turn
        own = _unit(grams)
        seen[turn] = own.detach()
        others = [gram for other, gram in seen.items() if other != turn]
        return -torch.stack([(own * other.to(own)).sum() for other in others]).mean() if others else 0.0 * own.sum()

    def target(self) -> str:
        """Return ``diversity:layer``."""
        return f"diversity:{self.layer}"


def _gram(activations: torch.Tensor, window: Window) -> torch.Tensor:
    """Return the window's part of the mean over positions of all products of two channels."""
    vectors = activations.flatten(2)
    return vectors @ vectors.mT / window.n_positions


def _unit(grams: torch.Tensor) -> torch.Tensor:
    return grams / grams.norm().clamp_min(TINY)
