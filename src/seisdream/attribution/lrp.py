"""Layer-wise relevance propagation by Captum, for the networks that it holds for.

Captum follows modules, not what a network computes between them. Here the U-Net of seisdream is rebuilt so that every
operation which divides relevance is a module, and for any network it is tried whether the propagation is right: with
the epsilon rule alone, relevance through convolutions, means, maxima and rectifiers must equal gradient times input
(Ancona, Ceolini, Oztireli and Gross 2018).
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn

from seisdream.attribution.target import Target
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network, Preprocessing
from seisdream.models.zoo.unet import UNet

# Relative difference from gradient times input above which the propagation counts as wrong.
_TOLERANCE = 1e-3
_EPSILON = 1e-9
# Linear, so that the epsilon rule is right for them, though Captum's table lacks them.
_LINEAR = (
    *(nn.BatchNorm1d, nn.ConvTranspose2d, nn.Dropout2d, nn.Flatten, nn.Identity, nn.Upsample, nn.UpsamplingBilinear2d),
    *(nn.UpsamplingNearest2d, nn.ZeroPad2d),
)


class Relevance:
    """LRP for one network and one target.

    Parameters
    ----------
    network : Network
        What is asked; a copy of it is worked on, in float64 on the CPU, because relevance is a product of many
        quotients.
    target : Target
        What is asked about.
    gamma : float
        Of the gamma rule (Montavon and others 2019) on convolutions behind the first; 0 is the epsilon rule
        everywhere. The first convolution, whose input has both signs, and all else have the epsilon rule (Bach and
        others 2015).

    Raises
    ------
    SeisdreamError
        If the network has modules that Captum has no rule for.
    """

    def __init__(self, network: Network, target: Target, gamma: float) -> None:
        from captum.attr._core.lrp import SUPPORTED_LAYERS_WITH_RULES, SUPPORTED_NON_LINEAR_LAYERS

        self._network, self._target, self._gamma = network, target, gamma
        module = of_modules(network.module)
        order = network.preprocessing.order
        # What is propagated starts at the network's own input, which is zero where nothing was recorded.
        twin = Network(network.name, module, Preprocessing("grey" if order == "grey" else "rgb"))
        self._prepared = twin.prepared("cpu", "float64")
        known = {*SUPPORTED_LAYERS_WITH_RULES, *SUPPORTED_NON_LINEAR_LAYERS, *_LINEAR}
        leaves = [part for part in self._prepared.module.modules() if not any(True for _ in part.children())]
        strange = sorted({type(part).__name__ for part in leaves if type(part) not in known})
        if strange:
            names = sorted(kind.__name__ for kind in known if not kind.__name__.startswith("Addition"))
            raise SeisdreamError(
                f"{network.name} has modules of kinds that LRP has no rule for ({', '.join(strange)}); it knows "
                f"{', '.join(names)}. Use --method integrated-gradients."
            )

    def __call__(self, picture: torch.Tensor, weights: torch.Tensor, on_look: Callable[[int], object]) -> torch.Tensor:
        """Return the relevance ``(1, 1, row, column)``, float64, of a picture's samples.

        Parameters
        ----------
        picture : Tensor
            ``(1, channel, row, column)`` in grey levels.
        weights : Tensor
            How much each unit of the target's layer counts, ``(row, column)``.
        on_look : callable
            Called with the number of pictures after each look.

        Raises
        ------
        SeisdreamError
            If what the network computes between its modules makes the propagation wrong.
        """
        values = self._network.preprocessing(picture.detach().cpu().double())
        self._check(values, weights, on_look)
        return self._propagate(values, weights, self._gamma, on_look).sum(1, keepdim=True)

    def _propagate(self, values: torch.Tensor, weights: torch.Tensor, gamma: float, on_look) -> torch.Tensor:
        from captum.attr import LRP
        from captum.attr._utils.lrp_rules import EpsilonRule, GammaRule

        network = _Scored(self._prepared, self._target, weights, on_look)
        convolutions = [part for part in network.network.modules() if isinstance(part, nn.Conv2d)]
        for part in convolutions:
            is_first = part is convolutions[0]
            part.rule = EpsilonRule(_EPSILON) if is_first or not gamma else GammaRule(gamma)  # pyright: ignore
        for part in network.network.modules():
            if type(part) in _LINEAR:
                part.rule = EpsilonRule(_EPSILON)  # pyright: ignore
        leaf = values.clone().requires_grad_()
        try:
            relevance = LRP(network).attribute(leaf)
        except (RuntimeError, TypeError, AttributeError, KeyError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise self._refusal(reason) from error
        assert isinstance(relevance, torch.Tensor)
        return relevance.detach()

    def _check(self, values: torch.Tensor, weights: torch.Tensor, on_look: Callable[[int], object]) -> None:
        """Raise `SeisdreamError` where Captum's propagation does not follow the network."""
        relevance = self._propagate(values, weights, 0.0, on_look)
        leaf = values.clone().requires_grad_()
        score = _Scored(self._prepared, self._target, weights, on_look)(leaf).sum()
        (gradient,) = torch.autograd.grad(score, leaf)
        expected = gradient * values
        error = float((relevance - expected).norm() / expected.norm().clamp_min(1e-300))
        if not error < _TOLERANCE:
            raise self._refusal(
                f"with the epsilon rule it should be gradient × input, and is off by {error:.0%}, because between its "
                "modules the network computes what Captum does not see, such as sums, means and activations"
            )

    def _refusal(self, reason: str) -> SeisdreamError:
        return SeisdreamError(
            f"Relevance cannot be propagated through {self._network.name}: {reason.rstrip('.')}. Use --method "
            "integrated-gradients."
        )


class _Scored(nn.Module):
    """A network with its target as a last, linear layer, so that relevance starts from each unit's own share."""

    def __init__(self, prepared, target: Target, weights: torch.Tensor, on_look: Callable[[int], object]) -> None:
        super().__init__()
        self.network = prepared.module
        self.readout = nn.Linear(weights.numel() * len(target.channels), 1, bias=False).double()
        channels = torch.tensor(target.weights, dtype=torch.float64)
        self.readout.weight.data = (channels[:, None] * weights.flatten().double().cpu()).reshape(1, -1)
        self.readout.weight.requires_grad_(False)
        self._record, self._target, self._on_look = prepared.record, target, on_look

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        said = self._record(values, (self._target.layer,))[self._target.layer]
        self._on_look(len(values))
        return self.readout(said[:, list(self._target.channels)].flatten(1))[:, 0]


class _UNetOfModules(UNet):
    """The U-Net with each of its means over neighbours as a module, whose input nothing else looks at.

    What else it computes between modules hands relevance on as it should: joining, doubling and cutting are linear with
    weights of one.
    """

    def __init__(self, **settings) -> None:
        super().__init__(**settings)
        for stage in range(2, self.n_stages + 1):
            self.add_module(f"pool{stage}", nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False))

    def encode(self, picture: torch.Tensor) -> list[torch.Tensor]:
        """Return what each encoder stage says, as `UNet.encode` does."""
        said = [self.get_submodule("enc1")(picture)]
        for stage in range(2, self.n_stages + 1):
            # A clone, because Captum multiplies by a module's input what comes back to it, and the skip is not its.
            halved = self.get_submodule(f"pool{stage}")(said[-1].clone())
            said.append(self.get_submodule(f"enc{stage}")(halved))
        return said


def of_modules(module: nn.Module) -> nn.Module:
    """Return a copy of a network in which what divides relevance is a module, for those that seisdream knows."""
    if type(module) is UNet and module.n_dims == 2:
        twin = _UNetOfModules(**module.settings)
        twin.load_state_dict(module.state_dict())
    else:
        twin = copy.deepcopy(module)
    for part in twin.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False
    return twin.eval()
