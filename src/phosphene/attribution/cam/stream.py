"""The layer that a map is read from where none is named: the last that all influence of the image passes through.

Maps of a layer speak of an answer only if the answer hangs on the image through that layer and through nothing beside
it. Queries, keys and values stand beside each other, what is inside a residual branch beside its skip, one stage that a
decoder reads beside the others. Which values have nothing beside them is read off autograd's graph (`ways`).

Of these the last is taken of which the target reads more than one place: after its last attention, a vision transformer
that answers from its class token reads that token alone. A target that has a place itself, as the units of a
segmentation network have, must read several channels, and more rows or columns of them than of its own map where that
is enlarged. From there the way is followed on through what treats each place by itself and leaves the size, as the norm
before an attention does, while no more than single places are passed on beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ...network import OUTPUTS, Layer, Network
from ...network.running.outputs import main_tensor, per_image
from ...network.running.seam import OUTPUT
from ..maps.targets import Question, check_gradient, units
from .ways import Edge, edge_of, entries, gradient_edge, unmoved, ways

AT_ONCE = 24  # layers whose gradients are taken together


def default_layer(network: Network, x: Tensor, question: Question) -> str:
    """The last layer with a grid of places that all influence of the images `x` (N, C, H, W) on the targets passes.

    It stands before the layer that the targets are in. Raises LookupError where there is no such layer.
    """
    size = (int(x.shape[-2]), int(x.shape[-1]))
    earlier = layers_before(network, question.layer, size)
    if not earlier:
        raise LookupError(f"{network.name} computes nothing with a grid of places before {question.layer}")
    for index, address in enumerate(question.addresses):
        one = Question(question.layer, (address,), question.names[:1])
        with torch.inference_mode(False), torch.enable_grad():
            stream = _stream(network, x[index : index + 1] if len(x) > 1 else x, one, earlier)
            if not stream.cuts:
                raise LookupError(
                    f"no layer of {network.name} with a grid of places has all in it that {question.layer} hangs on; "
                    "name one, or several with commas between them, as the layer"
                )
            if (value := stream.last()) is not None:
                return value.layer.name
    return stream.cuts[-1].layer.name  # nothing moves any of the units


def first_name(network: Network, x: Tensor, question: Question, layer: str) -> str:
    """The first layer whose value is the same tensor as that of `layer`: a module inside, where others return it."""
    earlier = layers_before(network, question.layer, (int(x.shape[-2]), int(x.shape[-1])))
    with torch.inference_mode(False), torch.enable_grad():
        run = network.reduce(x[:1].detach().clone().requires_grad_(), {one.name: _edge for one in earlier})
    return next((one.name for one in earlier if run[one.name] == run[layer]), layer)


def layers_before(network: Network, target: str, size: tuple[int, int]) -> list[Layer]:
    """The layers with more than one place before the target, in order; those inside it only if there are no others."""
    layers = network.layers(size)
    name = network.layer(target, size).name
    end = next(index for index, layer in enumerate(layers) if layer.name == name)
    spread = [layer for layer in layers[:end] if layer.layout is not None and cell_count(layer) > 1]
    outside = [layer for layer in spread if target in OUTPUTS or not layer.name.startswith(f"{name}.")]
    return outside or spread


def cell_count(layer: Layer) -> int:
    """How many places a channel of the layer has."""
    _, rows, columns = layer.maps_shape
    return rows * columns


@dataclass(frozen=True, eq=False)
class Value:
    """A layer in one run, and where the gradient by its value is taken."""

    layer: Layer
    edge: Edge


@dataclass(frozen=True, eq=False)
class Stream:
    """One image's run up to a target: the layers before it, and those of them that nothing passes beside, in order."""

    target: Tensor
    top: Edge  # of the target
    seed: Tensor  # the unit's gradient by the target
    values: tuple[Value, ...]
    cuts: tuple[Value, ...]
    has_cell: bool  # whether the unit has a place among others
    unit_extent: int  # rows or columns that it may read without reading more than its own place

    def last(self) -> Value | None:
        """The layer to read; None where nothing moves the target's unit."""
        extent_of_unit = self.unit_extent
        for end in range(len(self.cuts), 0, -AT_ONCE):
            for value, gradient in self.gradients(self.cuts[max(0, end - AT_ONCE) : end]):
                channels, extent = _read(value.layer, gradient)
                if self.has_cell and channels < 2:  # the target's own map
                    extent_of_unit = max(extent_of_unit, extent)
                elif extent > extent_of_unit:
                    stream = replace(self, unit_extent=extent_of_unit)
                    return stream._before_moves(stream._onwards(value))
        return None

    def gradients(self, values: Sequence[Value]) -> list[tuple[Value, Tensor]]:
        """The values, the last first, with the unit's gradient by each; without those that it does not hang on."""
        edges = [gradient_edge(value.edge) for value in values]
        back = torch.autograd.grad(self.target, edges, self.seed, retain_graph=True, allow_unused=True)
        pairs = [(value, one) for value, one in zip(values, back, strict=True) if one is not None]
        return pairs[::-1]

    def spread(self, layer: Layer, gradient: Tensor | None) -> bool:
        """Whether more places of the layer are read than the target's own."""
        return gradient is not None and _read(layer, gradient)[1] > self.unit_extent

    def _onwards(self, start: Value) -> Value:
        """The last value as large as `start` that takes each of its places by itself and passes all of them on."""
        spreading: set[Edge] = set()  # by which functions more than single places of it go on

        def note(function: Any, at: int) -> Callable[[tuple, tuple], None]:
            def hook(gradients: tuple, _: tuple) -> None:
                if self.spread(start.layer, gradients[at]):
                    spreading.add((function, at))

            return hook

        handles = [function.register_hook(note(function, at)) for function, at in entries(self.top, start.edge)]
        try:
            self.gradients([start])
        finally:
            for handle in handles:
                handle.remove()
        among = ways(self.top, start.edge, spreading).cuts()
        shape = start.layer.maps_shape
        after = [value for value in self.values if value.edge in among and value.layer.maps_shape == shape]
        for value, gradient in self.gradients(after) if after else ():
            if self.spread(value.layer, gradient) and _place_by_place(value, gradient, start):
                return value
        return start

    def _before_moves(self, value: Value) -> Value:
        """The module's value that this one was only sliced or permuted out of, if its places are the same ones."""
        if value.layer.module:
            return value
        chain, grid = unmoved(value.edge), value.layer.maps_shape
        same = [one for one in self.values if one.layer.module and one.layer.maps_shape == grid and one.edge in chain]
        return same[-1] if same else value


def _nonzero(layer: Layer, gradient: Tensor) -> Tensor:
    """Which numbers (C, rows, columns) of a layer's maps a gradient of one image is not zero at, but for rounding."""
    assert layer.layout is not None
    maps = layer.layout.maps(gradient.movedim(layer.batch, 0))[0].abs()
    return maps > 8 * torch.finfo(maps.dtype).eps * maps.max()


def _read(layer: Layer, gradient: Tensor) -> tuple[int, int]:
    """Of how many channels, and of how many rows or columns, a layer's maps are read."""
    is_read = _nonzero(layer, gradient)
    return int(is_read.flatten(1).any(1).sum()), max(int(is_read.any(0).any(side).sum()) for side in (0, 1))


def _place_by_place(value: Value, gradient: Tensor, start: Value) -> bool:
    """Whether a place of the value hangs on one place of the start."""
    assert value.layer.layout is not None
    numbers = torch.arange(gradient.numel()).view_as(gradient)
    numbers = value.layer.layout.maps(numbers.movedim(value.layer.batch, 0))[0].flatten(1)
    strength = gradient.detach().flatten().cpu()[numbers].abs().sum(0)
    one = torch.zeros(gradient.numel(), dtype=gradient.dtype)
    one[numbers[:, int(strength.argmax())]] = 1
    one = (one.view_as(gradient) * torch.rand(gradient.shape, generator=torch.Generator().manual_seed(0))).to(gradient)
    (back,) = torch.autograd.grad(
        [gradient_edge(value.edge)], [gradient_edge(start.edge)], [one], retain_graph=True, allow_unused=True
    )
    return back is not None and int(_nonzero(start.layer, back).any(0).sum()) == 1


# ---- one run


def _stream(network: Network, x: Tensor, question: Question, earlier: Sequence[Layer]) -> Stream:
    size = (int(x.shape[-2]), int(x.shape[-1]))
    x = x.detach().clone().requires_grad_()
    target_layer = network.layer(question.layer, size)
    keep: dict[str, Callable[[Any], Any]] = {layer.name: _edge for layer in earlier}
    run = network.reduce(x, keep | {target_layer.name: _output if target_layer.name == OUTPUT else _with_edge})
    target, top = run[target_layer.name]
    check_gradient(network, question.layer, target, x)
    values = [Value(layer, run[layer.name]) for layer in earlier if run[layer.name] not in (None, top)]
    bottom = edge_of(x)
    assert bottom is not None
    among = ways(top, bottom).cuts()
    seed, has_cell = _seed(network, question, target, target_layer, size)
    cuts = tuple(value for value in values if value.edge in among)
    return Stream(target, top, seed, tuple(values), cuts, has_cell, 2 if has_cell else 1)


def _edge(value: Any) -> Edge | None:
    return edge_of(main_tensor(value))


def _with_edge(value: Any) -> tuple[Tensor | None, Edge | None]:
    tensor = main_tensor(value)
    return (None if tensor is None else tensor.clone()), edge_of(tensor)


def _output(value: Any) -> tuple[Tensor | None, Edge | None]:
    """Of what the network returns for one image, as it is recorded."""
    tensor, edge = _with_edge(value)
    rows = None if tensor is None else per_image(tensor, 1)
    return (tensor if rows is None else rows), edge


def _seed(
    network: Network, question: Question, target: Tensor, target_layer: Layer, size: tuple[int, int]
) -> tuple[Tensor, bool]:
    """The unit's gradient by the layer's value, and whether the unit has a place among others.

    A probability hangs on all scores of its place: they get random numbers.
    """
    has_cell = target_layer.layout is not None and cell_count(target_layer) > 1 and question.addresses[0].token is None
    numbers, mixed = torch.arange(target.numel()).view_as(target), question.layer == "probabilities"
    indices = numbers.flatten()
    if has_cell or not mixed:
        indices = units(network, question, target, size)[:1].cpu()
        if mixed:
            assert target_layer.layout is not None
            maps = target_layer.layout.maps(numbers)[0].flatten(1)
            indices = maps[:, int((maps == indices).any(0).nonzero()[0])]
    values = torch.rand(len(indices), generator=torch.Generator().manual_seed(0)) if mixed else torch.ones(1)
    return torch.zeros(target.numel()).scatter(0, indices, values).view_as(target).to(target), has_cell
