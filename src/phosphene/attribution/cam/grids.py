"""A layer's maps and their gradients: what every class activation map but the first is made of.

The gradient of a value y by a layer's maps A (N, C, rows, columns) is taken inside one run of the network, from y back
to the layer and no further. A layer is any value that has a grid of places: maps, channels-last maps, or the tokens of
a transformer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from ...network import OUTPUTS, Layer, Network
from ...network.running.outputs import main_tensor
from ..maps.targets import Question, check_gradient, units
from .stream import default_layer

AT_ONCE = 32  # gradients of one image that are taken together


@dataclass(frozen=True, eq=False)
class Grid:
    """A layer's maps (B, C, rows, columns) and the gradients of the targets' values by them, one for each target."""

    layer: str
    maps: Tensor
    gradients: Tensor
    at: Tensor  # (B,): the targets' units, as flat indices into their layer's value of one image


def grids(network: Network, x: Tensor, question: Question, layers: Sequence[str]) -> tuple[list[Grid], Tensor]:
    """The `layers` in one run of the input `x` (N, C, H, W), and the targets' values (B,).

    Raises LookupError for a layer that is not there, ValueError for one without a grid of places.
    """
    size = (int(x.shape[-2]), int(x.shape[-1]))
    grid_layers = [network.layer(name, size) for name in layers]
    for layer in grid_layers:
        if layer.layout is None:
            raise ValueError(
                f"{layer.name} of {network.name} is {' × '.join(map(str, layer.shape))} an image and has no grid of "
                "places; choose a layer that has one"
            )
    if len(x) > 1 and network.steadiness(size).coupled:
        return _one_by_one(network, x, question, layers)
    with torch.inference_mode(False), torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        recorded = network.record(x, *layers, question.layer)
        value = main_tensor(recorded[question.layer])
        assert value is not None
        check_gradient(network, question.layer, value, x)
        at = units(network, question, value, size)
        values = [main_tensor(recorded[name]) for name in layers]
        gradients = _gradients(value, at, [part for part in values if part is not None])
        scores = value.detach().flatten(1)
    scores = scores.gather(1, at[:, None])[:, 0] if len(scores) == len(at) else scores[0, at]
    pairs = zip(grid_layers, values, gradients, strict=True)
    return [_grid(layer, part.detach(), back, at) for layer, part, back in pairs if part is not None], scores


def _one_by_one(network: Network, x: Tensor, question: Question, layers: Sequence[str]) -> tuple[list[Grid], Tensor]:
    """`grids` of images that would change each other's values in one run."""
    single_questions = [Question(question.layer, (address,), ()) for address in question.addresses]
    runs = [grids(network, one, single, layers) for one, single in zip(x.split(1), single_questions, strict=True)]
    several = zip(*(of_one for of_one, _ in runs), strict=True)
    return [_together(each) for each in several], torch.cat([scores for _, scores in runs])


def _together(each: Sequence[Grid]) -> Grid:
    maps, gradients, at = (torch.cat([getattr(one, name) for one in each]) for name in ("maps", "gradients", "at"))
    return Grid(each[0].layer, maps, gradients, at)


def _grid(layer: Layer, value: Tensor, gradient: Tensor, at: Tensor) -> Grid:
    assert layer.layout is not None
    of_one = gradient.ndim > value.ndim  # several gradients of one image: (B, *value.shape)
    back = gradient.movedim(layer.batch + 1, 1)[:, 0] if of_one else gradient.movedim(layer.batch, 0)
    back = layer.layout.maps(back)
    return Grid(layer.name, layer.layout.maps(value.movedim(layer.batch, 0)).expand_as(back), back, at)


def _gradients(value: Tensor, at: Tensor, parts: Sequence[Tensor]) -> list[Tensor]:
    """The gradients of the units `at` by the values that `parts` are copies of; zero where nothing leads to a unit."""
    several = len(value) != len(at)
    edges = {index: _edge(part) for index, part in enumerate(parts) if part.grad_fn is not None}
    pieces_by_part: list[list[Tensor]] = [[] for _ in parts]
    for units_at_once in at.split(AT_ONCE if several else len(at)):
        seeds = value.new_zeros(len(units_at_once), value.numel() if several else value[0].numel())
        seeds = seeds.scatter(1, units_at_once[:, None], 1.0)
        seeds = seeds.view(-1, *value.shape) if several else seeds.view_as(value)
        back: dict[int, Tensor | None] = {}
        if edges and value.requires_grad:
            gradients = torch.autograd.grad(
                value, list(edges.values()), seeds, is_grads_batched=several, retain_graph=several, allow_unused=True
            )
            back = dict(zip(edges, gradients, strict=True))
        for index, part in enumerate(parts):
            shape = (len(units_at_once), *part.shape) if several else part.shape
            one = back.get(index)
            pieces_by_part[index].append(part.new_zeros(shape) if one is None else one)
    return [torch.cat(pieces) if several else pieces[0] for pieces in pieces_by_part]


def _edge(copy: Tensor) -> GradientEdge:
    """Where the gradient by the value itself is taken, of which the network went on after `copy` was made."""
    assert copy.grad_fn is not None
    node, number = copy.grad_fn.next_functions[0]
    assert node is not None
    return GradientEdge(node, number)


def between(network: Network, x: Tensor, layer: str, target: str) -> set[str]:
    """The names of autograd's functions on the ways from a layer's value to that of the layer `target`."""
    with torch.inference_mode(False), torch.enable_grad():
        recorded = network.record(x[:1].detach().clone().requires_grad_(), layer, target)
        start, end = main_tensor(recorded[layer]), main_tensor(recorded[target])
        assert start is not None
        assert end is not None
        users: dict[Any, list[Any]] = {end.grad_fn: []}  # function -> those that its result goes into
        ahead = [end.grad_fn]
        while ahead:
            node = ahead.pop()
            for before, _ in node.next_functions if node is not None else ():
                if before not in users:
                    users[before] = []
                    ahead.append(before)
                users[before].append(node)
        visited, ahead = set(), [_edge(start).node]
        while ahead:
            for node in users.get(ahead.pop(), ()):
                if node not in visited:
                    visited.add(node)
                    ahead.append(node)
    return {node.name() for node in visited}


def last_grid(network: Network, x: Tensor, question: Question) -> tuple[Grid, Tensor]:
    """The layer that is read where none is named (`stream.default_layer`), and the targets' values (B,)."""
    (grid,), scores = grids(network, x, question, [default_layer(network, x, question)])
    return grid, scores


def _parts(network: Network, name: str, size: tuple[int, int]) -> list[bool]:
    """Of each of the network's layers whether it is the one named, or inside it."""
    name_of_layer = network.layer(name, size).name
    return [layer.name == name_of_layer or layer.name.startswith(f"{name}.") for layer in network.layers(size)]


def computed_after(network: Network, name: str, other: str, size: tuple[int, int]) -> bool:
    """Whether all of a layer is computed after the whole of another, which so can't depend on it."""
    if other in OUTPUTS:
        return False
    one, two = (_parts(network, each, size) for each in (name, other))
    return one.index(True) > max(position for position, inside in enumerate(two) if inside)
