"""Which layers a report shows: an early, a middle and a late one, and a convolution deeper than the first.

Units are looked at after their activation function, where a unit that found nothing is silent; but before it where it
has a ceiling (ReLU6, sigmoid): there many strong units are equal and none is the strongest. Early is the last such
layer in the first third of the network whose maps are still fine (a place every 4 pixels or closer), middle the one
halfway, late the last map that has more than one place. A network with fewer such layers shows fewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from ..network import Field, Layer, Network

CAPPED = "relu6 hardtanh sigmoid hardsigmoid tanh".split()
ACTIVATIONS = (
    "relu leaky_relu leakyrelu rrelu prelu elu selu celu gelu gelutanh quickgelu silu swish mish hardswish softplus"
).split() + CAPPED
PASSIVE = (
    "identity dropout dropout2d droppath pad interpolate upsample flatten transpose permute reshape view contiguous "
    "getitem clone chunk split unflatten"
).split()
FINE = 4  # input pixels from one place of an early map to the next


@dataclass(frozen=True)
class Chosen:
    """A layer and the part that it plays in the report: 'early', 'middle' or 'late'."""

    part: str
    layer: Layer
    before: str = ""  # the activation function with a ceiling that follows it


def choose(layers: Sequence[Layer]) -> tuple[Chosen, ...]:
    """At most three layers with maps of more than one place, in the network's order; none if there is no such map."""
    maps = [layer for layer in layers if _has_places(layer) and layer.name != "logits"]
    maps = [layer for layer in maps if layer.kind.lower() not in PASSIVE]
    if not maps:
        return ()
    active = [layer for layer in maps if layer.kind.lower().rstrip("_") in ACTIVATIONS] or maps
    late = maps[-1]
    before = [layer for layer in active if layers.index(layer) < layers.index(late) - 1]
    early = _early(active, maps)
    after = [layer for layer in before if layers.index(layer) > layers.index(early)]
    middle = after[max(0, len(before) // 2 - (len(before) - len(after)))] if after else None
    choices: list[Chosen] = []
    for part, layer in (("early", early), ("middle", middle), ("late", late)):
        if layer is not None:
            layer_shown, cap = _uncapped(layers, layer)
            if all(layer_shown is not other.layer for other in choices):
                choices.append(Chosen(part, layer_shown, cap))
    return tuple(choices)


def _uncapped(layers: Sequence[Layer], layer: Layer) -> tuple[Layer, str]:
    """The value before an activation function with a ceiling, and that function's kind; otherwise the layer itself."""
    at = layers.index(layer)
    while at and layers[at].kind.lower().rstrip("_") not in CAPPED:
        if layers[at - 1].shape != layer.shape or not layers[at - 1].name.startswith(f"{layer.name}."):
            return layer, ""
        at -= 1
    cap = layers[at].kind
    at -= 1
    while at > 0 and layers[at].kind.lower() in PASSIVE and layers[at - 1].shape == layer.shape:
        at -= 1
    return (layers[at], cap) if at >= 0 and layers[at].shape == layer.shape else (layer, "")


def _early(active: Sequence[Layer], maps: Sequence[Layer]) -> Layer:
    third = active[: max(1, len(active) // 3)]
    fine = [layer for layer in third if _bounded(layer) and _stride(layer) <= FINE]
    if fine:
        return fine[-1]
    if any(_bounded(layer) for layer in third):
        return third[0]
    bounded = [layer for layer in maps if _bounded(layer) and layer.module]  # a transformer's patches
    outermost = [layer for layer in bounded if layer.depth == min(other.depth for other in bounded)]
    return outermost[-1] if outermost else third[0]


def deeper_convolution(network: Network) -> str | None:
    """The convolution with the largest kernels after the first one, nearest the middle; None if all are 1 × 1."""
    convolutions = [(name, part) for name, part in network.module.named_modules() if isinstance(part, nn.Conv2d)]
    wide = [(at, name, part) for at, (name, part) in enumerate(convolutions) if at and max(part.kernel_size) > 1]
    if not wide:
        return None
    largest = max(_area(part) for _, _, part in wide)
    middle = len(convolutions) / 2
    return min((abs(at - middle), at, name) for at, name, part in wide if _area(part) == largest)[2]


def _area(part: nn.Conv2d) -> int:
    return part.kernel_size[0] * part.kernel_size[1]


def _has_places(layer: Layer) -> bool:
    if layer.layout is None:
        return False
    _, rows, columns = layer.maps_shape
    return rows * columns > 1


def _bounded(layer: Layer) -> bool:
    return isinstance(layer.field, Field)


def _stride(layer: Layer) -> int:
    assert isinstance(layer.field, Field)
    return max(layer.field.height.stride, layer.field.width.stride)
