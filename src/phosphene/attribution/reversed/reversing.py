"""Reversed networks: a signal that starts at a unit and runs back to the image, layer by layer.

A reversed network has two switches (A. Mahendran and A. Vedaldi, *Salient Deconvolutional Networks*, ECCV 2016): which
mask a rectifier puts on the signal (`rectifiers`), and where max pooling sends it (`unpooling`). Gradient, deconvnet
and guided backprop are three of their settings. Everything linear is transposed as autograd does it. One forward pass
under rules, one pass back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...instrument import instrument
from ...instrument.roles import Images, Target
from ...network import Network, Rules
from ...network.running.outputs import main_tensor
from ..maps.attribution import photo_fields
from ..maps.signal import Signal
from ..maps.targets import check_gradient, questions, units
from .cropped import alike, pieces, room, signals_in
from .rectifiers import MASKS, Mask, rectifiers
from .unpooling import Pooling, Reading, poolings

METHODS = {"forward": "gradient", "backward": "deconvnet", "both": "guided backprop", "none": "no rectifiers"}
MANY = 8  # units for which pieces of the image are looked for


@dataclass(frozen=True)
class Reversal:
    """The two switches of a reversed network, and how overlapping windows are read."""

    relu: Mask = "forward"
    pooling: Pooling = "places"
    reading: Reading = "sum"

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("relu", self.relu, MASKS),
            ("pooling", self.pooling, ("places", "centre")),
            ("reading", self.reading, ("sum", "overwrite")),
        ):
            if value not in choices:
                raise ValueError(f"{name} is one of {', '.join(choices)}, not {value!r}")

    def __str__(self) -> str:
        name = METHODS[self.relu]
        if (self.pooling, self.reading) != ("places", "sum"):
            name += f", unpooling to the {self.pooling}, overlaps {'added' if self.reading == 'sum' else 'overwritten'}"
        return name

    def rules(self) -> Rules | None:
        """What it replaces; None for the gradient, which autograd takes by itself."""
        if self == Reversal():
            return None
        table = {} if self.relu == "forward" else rectifiers(self.relu)
        return Rules(str(self), "ReLU" if table else "max pooling", {**table, **poolings(self.pooling, self.reading)})


def signals(network: Network, x: Tensor, target: Target, reversal: Reversal) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """The signals (B, C, H, W) at the input `x` (N, C, H, W), the units' own values (B,), and their names."""
    question = questions(network, x, target)
    size = (int(x.shape[-2]), int(x.shape[-1]))
    with torch.inference_mode(False), torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        recorded = network.record(x, question.layer, rules=reversal.rules())
        value = main_tensor(recorded[question.layer])
        assert value is not None
        check_gradient(network, question.layer, value, x)
        at = units(network, question, value, size)
        values = value.detach().flatten(1)
        if len(x) == len(at):
            seeds = torch.zeros_like(value).flatten(1).scatter(1, at[:, None], 1.0).view_as(value)
            (gradients,) = torch.autograd.grad(value, x, seeds)
            return gradients, values.gather(1, at[:, None])[:, 0], question.names
        several = _in_pieces(network, x, question.layer, value, at, reversal)
        return _whole(x, value, at) if several is None else several, values[0, at], question.names


def _whole(x: Tensor, value: Tensor, at: Tensor) -> Tensor:
    """The signals (B, C, H, W) of the units `at` (B,), flat indices into the `value` of the one image `x`."""
    parts = []
    for units_at_once in at.split(max(1, 4 * room(x) // (x.shape[-2] * x.shape[-1]))):
        seeds = torch.zeros(len(units_at_once), value.numel(), dtype=value.dtype, device=value.device)
        seeds = seeds.scatter(1, units_at_once[:, None], 1.0).view(-1, *value.shape)
        (part,) = torch.autograd.grad(value, x, seeds, is_grads_batched=True, retain_graph=True)
        parts.append(part[:, 0])
    return torch.cat(parts)


def _in_pieces(network: Network, x: Tensor, layer: str, value: Tensor, at: Tensor, reversal: Reversal) -> Tensor | None:
    """The same, of the pieces of the image that the units see; None where that is not less work, or not the same.

    Windows that overwrite do so even with nothing: which of them stands is no matter of the unit's own window alone.
    """
    size = (int(x.shape[-2]), int(x.shape[-1]))
    layout = network.layer(layer, size).layout
    if len(at) < MANY or reversal.reading == "overwrite" or layout is None or value.ndim != 4:
        return None
    numbers = layout.maps(torch.arange(value.numel()).view(value.shape))[0]
    order = numbers.flatten().argsort()
    rows, columns = numbers.shape[1:]
    positions = [(i // (rows * columns), i // columns % rows, i % columns) for i in order[at.cpu()].tolist()]
    plan = pieces(network, layer, size, positions)
    if plan is None:
        return None
    try:
        unit_values, unit_signals = signals_in(network, x, plan, positions, reversal.rules())
    except (RuntimeError, TypeError, ValueError, LookupError, AssertionError):  # a size that it was not made for
        return None
    ends = sorted(range(len(at)), key=lambda index: positions[index][1:])[
        :: len(at) - 1
    ]  # the uppermost and the lowest
    same = alike(unit_values, value.detach().flatten()[at]) and alike(unit_signals[ends], _whole(x, value, at[ends]))
    return unit_signals if same else None


def _signal(network: Network, images: Any, target: Target, reversal: Reversal) -> Signal:
    x = network.inputs(images)
    values, scores, names = signals(network, x, target, reversal)
    return Signal(method=str(reversal), targets=names, values=values, scores=scores, **photo_fields(network, images))


@instrument
def gradient(network: Network, images: Images, target: Target = None) -> Signal:
    """The gradient of a unit or class score: which pixels would change it most (Simonyan, Vedaldi and Zisserman, 2013).

    Raises LookupError for a target that is not there, ValueError for images that the network can't take.

    - `target`: a class or unit, such as 'logits:goose', 'blocks.3:17' (its largest activation) or 'blocks.3:17@5,6'; if
      not given, each image's best class
    """
    return _signal(network, images, target, Reversal())


@instrument
def deconvnet(network: Network, images: Images, target: Target = None) -> Signal:
    """The deconvnet's projection of a unit: at rectifiers only positive signals pass (Zeiler and Fergus, 2013).

    Max pooling sends the signal to the places of the maxima. Raises LookupError if the network has no rectifier or no
    such target, ValueError for images that it can't take.

    - `target`: a class or unit, such as 'logits:goose', 'blocks.3:17' (its largest activation) or 'blocks.3:17@5,6'; if
      not given, each image's best class
    """
    return _signal(network, images, target, Reversal("backward"))


@instrument
def guided(network: Network, images: Images, target: Target = None) -> Signal:
    """Guided backprop: at rectifiers only positive signals of active units pass (Springenberg et al., 2014).

    Raises LookupError if the network has no rectifier or no such target, ValueError for images that it can't take.

    - `target`: a class or unit, such as 'logits:goose', 'blocks.3:17' (its largest activation) or 'blocks.3:17@5,6'; if
      not given, each image's best class
    """
    return _signal(network, images, target, Reversal("both"))


@instrument
def reverse(
    network: Network,
    images: Images,
    target: Target = None,
    *,
    relu: Mask = "both",
    pooling: Pooling = "places",
    reading: Reading = "sum",
) -> Signal:
    """A reversed network, with a choice for rectifiers and for max pooling (Mahendran and Vedaldi, 2016).

    Raises LookupError if the network has nothing that the options change, or no such target.

    - `target`: a class or unit, such as 'logits:goose', 'blocks.3:17' (its largest activation) or 'blocks.3:17@5,6'; if
      not given, each image's best class
    - `relu`: the mask on the signal at rectifiers: forward (the photo's: the gradient), backward (the signal's own:
      deconvnet), both (guided backprop) or none
    - `pooling`: where max pooling sends the signal: places (those of the maxima) or the centre of each window
    - `reading`: where windows overlap: sum of their signals (as in autograd), or overwrite (as in unpooling: the signal
      of the last window in reading order)
    """
    return _signal(network, images, target, Reversal(relu, pooling, reading))
