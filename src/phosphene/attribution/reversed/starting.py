"""Where signals start whose selectivity is tested: units, vectors of noise and classes of one image, in four groups."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ...network import Address, Network, NoScoresError
from ...network.running.outputs import main_tensor
from ...network.running.seam import OUTPUT
from ..cam.stream import cell_count, default_layer
from ..maps.targets import Question

GROUPS = ("strongest", "random", "noise", "classes")


def starts_of(
    network: Network, image: Tensor, layer: str, units: int, generator: torch.Generator
) -> Iterator[tuple[str, str, tuple[str, ...], Tensor]]:
    """For each group: its name, the layer, what its starts are called, and the signals that start (K, C, ...).

    ValueError for a layer without maps of so many channels.
    """
    value = main_tensor(network.record(image, layer)[layer])
    source_layer = network.layer(layer, (int(image.shape[-2]), int(image.shape[-1])))
    if value is None or source_layer.layout is None or source_layer.maps_shape[0] < units:
        raise ValueError(f"{layer} has no maps of at least {units} channels to start at; choose another layer")
    numbers = torch.arange(value[0].numel()).view(1, *value.shape[1:])
    indices = source_layer.layout.maps(numbers)[0].flatten(1)  # (channels, places): where each lies in the flat value
    maps = value.detach()[0].flatten().cpu()[indices]
    largest, at = maps.max(1)
    best = largest.topk(units).indices
    cell = int(at[best[0]])

    def seeds(where: Tensor, values: Tensor) -> Tensor:
        empty = torch.zeros(len(where), value[0].numel(), dtype=torch.float64)
        return empty.scatter(1, where, values.double()).view(-1, *value.shape[1:])

    ones = torch.ones(units, 1)
    start_names = tuple(f"{layer}:{int(channel)}" for channel in best)
    yield "strongest", layer, start_names, seeds(indices[best, at[best]][:, None], ones)

    active = (maps[:, cell] > 0).nonzero()[:, 0]
    others = active[active != best[0]]
    random_channels = others[torch.randperm(len(others), generator=generator)[: units - 1]]
    if len(random_channels):
        channels = torch.cat([best[:1], random_channels])
        start_names = tuple(f"{layer}:{int(channel)}" for channel in channels)
        yield "random", layer, start_names, seeds(indices[channels, cell][:, None], ones[: len(channels)])

    noise = torch.randn(units - 1, len(indices), generator=generator, dtype=torch.float64)
    unit = torch.zeros(1, len(indices), dtype=torch.float64)
    unit[0, best[0]] = 1
    start_names = (f"{layer}:{int(best[0])}", *(f"noise {number + 1}" for number in range(units - 1)))
    yield "noise", layer, start_names, seeds(indices[:, cell].expand(units, -1), torch.cat([unit, noise]))

    try:
        scores = network.scores(image)
    except NoScoresError:
        return
    if scores.shape[1] >= units:
        top = int(scores[0].argmax())
        shuffled = torch.randperm(scores.shape[1], generator=generator)
        classes = torch.cat([torch.tensor([top]), shuffled[shuffled != top][: units - 1]])
        flat = torch.zeros(units, scores.shape[1], dtype=torch.float64).scatter(1, classes[:, None], 1.0)
        yield "classes", OUTPUT, tuple(f"logits:{int(class_)}" for class_ in classes), flat


def deepest(network: Network, x: Tensor) -> str:
    """The last convolution whose maps have more than one place; where tokens follow it or there is none, the layer that
    all influence of an image on the answer passes.

    Before a rectifier nothing is cut yet, while at the ceiling of a ReLU6 the strongest units have no gradient.
    """
    for layer in reversed(network.layers((int(x.shape[-2]), int(x.shape[-1])))):
        if layer.layout is not None and cell_count(layer) > 1:
            if layer.layout.tokens is not None:
                break
            if layer.kind == "Conv2d":
                return layer.name
    try:
        best = int(network.scores(x[:1])[0].argmax())
    except NoScoresError:
        best = 0
    return default_layer(network, x[:1], Question(OUTPUT, (Address(OUTPUT, best),), (OUTPUT,)))
