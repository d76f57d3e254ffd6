"""Rectified layers: the values that a layer cuts off, and how far they are from what it would take for a photo's.

    D(z) = Σ (z − φ0)² over the units with r(z) ≠ φ0

φ = r(z) is the layer, z what its rectifier was given (r a ReLU, a ReLU6, or any other that clips). D is the squared
distance from z to the nearest value that r takes to φ0, so it is 0 where |φ − φ0|² is, never below it, and, unlike it,
has a slope where r has none: a unit that is off in the image and on in the photo is pulled up.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ...network import Network
from ..engine.layers.codes import Code, code, reading
from ..engine.objectives import Objective, objective

CUT = "cut off"
NEAREST = 6  # values before the layer, of its shape, that are looked at


def rectified_by(network: Network, read: Code, images: Tensor) -> Code | None:
    """How to read the values that the layer got by clipping, found by its values for images (N, 3, H, W) in [0, 1].

    None for a layer that clips nothing of these images.
    """
    size = (int(images.shape[-2]), int(images.shape[-1]))
    layers = network.layers(size)
    names = [layer.name for layer in layers]
    if read.layer.name not in names:
        return None
    earlier = reversed(layers[: names.index(read.layer.name)])
    near = [layer.name for layer in earlier if layer.shape == read.layer.shape][:NEAREST]
    codes = {name: code(network, replace(read.address, layer=name), size) for name in near}
    values = reading(network, {"": read, **codes}, images)
    output = read(values[""])
    for name in near:
        before = codes[name](values[name])
        if not torch.equal(before, output):
            return codes[name] if torch.equal(before.clamp(output.min(), output.max()), output) else None
    return None


def cut_off(read: Code, before: Code, features: Tensor, norm: Tensor) -> Objective:
    """What D is more than |φ − φ0|², over `norm`: (N,). `features` (N, values) is φ0."""

    def measure(result: Tensor, rectifier_input: Tensor) -> Tensor:
        away, further = read(result) - features, before(rectifier_input) - features
        return torch.where(away == 0, 0.0, further.square() - away.square()).sum(1) / norm

    return objective(CUT, (read.reads, before.reads), measure)
