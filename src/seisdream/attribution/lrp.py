"""Layer-wise relevance propagation with captum, for the networks for which it is right.

captum propagates through modules, and does not see what a network computes between them. So the U-Net of seisdream is
rebuilt with a module for every operation that divides relevance. For any network the propagation is checked: with the
epsilon rule alone, relevance through convolutions, means, maxima and rectifiers must equal gradient times input
(Ancona, Ceolini, Oztireli and Gross 2018).
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn

from seisdream.attribution.target import Target
from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork
from seisdream.models.preprocessing import AlreadyNormalised
from seisdream.models.zoo.unet import UNet

OnForward = Callable[[int], object]

# Largest difference from gradient times input, as a share of its norm.
_TOLERANCE = 1e-3
_EPSILON = 1e-9
# Linear modules that captum's table lacks; the epsilon rule is right for them.
_LINEAR = (
    *(nn.BatchNorm1d, nn.ConvTranspose2d, nn.Dropout2d, nn.Flatten, nn.Identity, nn.Upsample, nn.UpsamplingBilinear2d),
    *(nn.UpsamplingNearest2d, nn.ZeroPad2d),
)


class LayerwiseRelevance:
    """Layer-wise relevance propagation for one network and one target.

    Parameters
    ----------
    network : Network
        The network; a copy of it is used, in float64 on the CPU, because relevance is a product of many quotients.
    target : Target
        What is explained.
    gamma : float
        Of the gamma rule (Montavon and others 2019), for all convolutions but the first; 0 is the epsilon rule
        everywhere. The first convolution, whose input has both signs, and all other modules use the epsilon rule (Bach
        and others 2015).

    Raises
    ------
    SeisdreamError
        If captum is not installed (``missing-extra``), or has no rule for some modules (``not-supported``).
    """

    def __init__(self, network: Network, target: Target, gamma: float) -> None:
        rules = require_extra("captum.attr._core.lrp", "attribution", "Attribution")
        self._network, self._target, self._gamma = network, target, gamma
        module = separate_operations(network.module)
        # Relevance ends at the network's own input, which is zero where nothing was recorded.
        copied = Network(network.name, module, AlreadyNormalised(network.preprocessing))
        self._prepared = PreparedNetwork(copied, "cpu", "float64")
        known = {*rules.SUPPORTED_LAYERS_WITH_RULES, *rules.SUPPORTED_NON_LINEAR_LAYERS, *_LINEAR}
        leaves = [part for part in self._prepared.module.modules() if not any(True for _ in part.children())]
        unknown = sorted({type(part).__name__ for part in leaves if type(part) not in known})
        if unknown:
            names = sorted(kind.__name__ for kind in known if not kind.__name__.startswith("Addition"))
            raise self._refusal(f"there is no rule for {', '.join(unknown)}, only for {', '.join(names)}")

    def __call__(self, values: torch.Tensor, weights: torch.Tensor, on_forward: OnForward) -> torch.Tensor:
        """Return the relevance ``(1, 1, row, column)``, float64, of an image's samples.

        Parameters
        ----------
        values : Tensor
            ``(1, channel, row, column)``, float64: the normalised input of the network.
        weights : Tensor
            Weight of each unit of the target's layer in the score, ``(row, column)``.
        on_forward : callable
            Called with the number of images after each forward pass.

        Raises
        ------
        SeisdreamError
            If what the network computes between its modules makes the propagation wrong (``not-supported``).
        """
        self._check(values, weights, on_forward)
        relevance = self._propagate(values, weights, self._gamma, on_forward)
        # Constant channels are not part of the section.
        return relevance[:, : self._network.preprocessing.n_image_channels].sum(1, keepdim=True)

    def _propagate(
        self, values: torch.Tensor, weights: torch.Tensor, gamma: float, on_forward: OnForward
    ) -> torch.Tensor:
        method = require_extra("captum.attr", "attribution", "Attribution").LRP
        rules = require_extra("captum.attr._utils.lrp_rules", "attribution", "Attribution")
        network = _ScoredNetwork(self._prepared, self._target, weights, on_forward)
        convolutions = [part for part in network.network.modules() if isinstance(part, nn.Conv2d)]
        for part in convolutions:
            is_first = part is convolutions[0]
            part.rule = rules.EpsilonRule(_EPSILON) if is_first or not gamma else rules.GammaRule(gamma)
        for part in network.network.modules():
            if type(part) in _LINEAR:
                part.rule = rules.EpsilonRule(_EPSILON)
        leaf = values.clone().requires_grad_()
        try:
            relevance = method(network).attribute(leaf)
        except (RuntimeError, TypeError, AttributeError, KeyError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise self._refusal(reason) from error
        assert isinstance(relevance, torch.Tensor)
        return relevance.detach()

    def _check(self, values: torch.Tensor, weights: torch.Tensor, on_forward: OnForward) -> None:
        """Raise `SeisdreamError` if captum's propagation does not follow the network."""
        relevance = self._propagate(values, weights, 0.0, on_forward)
        leaf = values.clone().requires_grad_()
        score = _ScoredNetwork(self._prepared, self._target, weights, on_forward)(leaf).sum()
        (gradient,) = torch.autograd.grad(score, leaf)
        expected = gradient * values
        error = float((relevance - expected).norm() / expected.norm().clamp_min(1e-300))
        if not error < _TOLERANCE:
            raise self._refusal(
                f"with the epsilon rule it must equal gradient × input, and differs by {100 * error:.0f} %, because "
                "the network computes something between its modules (sums, means, activations) that captum does not see"
            )

    def _refusal(self, reason: str) -> SeisdreamError:
        return SeisdreamError(
            f"Relevance cannot be propagated through {self._network.name}: {reason.rstrip('.')}. Use "
            "`method=integrated-gradients`.",
            code="not-supported",
            option="method",
        )


class _ScoredNetwork(nn.Module):
    """A network whose last layer is the score, linear in the units, so that relevance starts from each unit's share."""

    def __init__(self, prepared, target: Target, weights: torch.Tensor, on_forward: OnForward) -> None:
        super().__init__()
        self.network = prepared.module
        self.readout = nn.Linear(weights.numel() * len(target.channels), 1, bias=False).double()
        channels = torch.tensor(target.weights, dtype=torch.float64)
        self.readout.weight.data = (channels[:, None] * weights.flatten().double().cpu()).reshape(1, -1)
        self.readout.weight.requires_grad_(False)
        self._record, self._target, self._on_forward = prepared.record, target, on_forward

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        activations = self._record(values, (self._target.layer,))[self._target.layer]
        self._on_forward(len(values))
        return self.readout(activations[:, list(self._target.channels)].flatten(1))[:, 0]


class _SeparatedUNet(UNet):
    """The U-Net with a module for each average pooling, whose input no other module uses.

    What else it computes between modules (concatenation, repetition, cropping) is linear with weights of one, and
    passes relevance on as it should.
    """

    def __init__(self, **settings) -> None:
        super().__init__(**settings)
        for stage in range(2, self.n_stages + 1):
            self.add_module(f"pool{stage}", nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False))

    def encode(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Return the activations of each encoder stage, as `UNet.encode` does."""
        stages = [self.get_submodule("enc1")(image)]
        for stage in range(2, self.n_stages + 1):
            # A clone, because captum multiplies what returns to a module by its input, and the skip is not part of it.
            pooled = self.get_submodule(f"pool{stage}")(stages[-1].clone())
            stages.append(self.get_submodule(f"enc{stage}")(pooled))
        return stages


def separate_operations(module: nn.Module) -> nn.Module:
    """Return a copy of a network; of seisdream's U-Net, with a module for every operation that divides relevance."""
    if type(module) is UNet and module.n_dims == 2:
        copied = _SeparatedUNet(**module.settings)
        copied.load_state_dict(module.state_dict())
    else:
        copied = copy.deepcopy(module)
    for part in copied.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False
    return copied.eval()
