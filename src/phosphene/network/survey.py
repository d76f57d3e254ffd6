"""What a network computes, listed: every value with its name, kind, shape, receptive field, layout and cost.

One forward pass on `meta` tensors answers all of it without computing anything; operations are counted by PyTorch's own
formulas (a multiply-add counts as two). A network whose control flow depends on values is surveyed by one real pass
instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from .geometry import Extent, Field, Layout, Place, Placed, Tracking
from .running.call_names import modules_of
from .running.evaluating import evaluating
from .running.lineage import Lineage
from .running.operations import Operations
from .running.outputs import described, main_tensor, per_image
from .running.refusing import refusal
from .running.seam import OUTPUT, Run
from .running.unseen import is_scripted


@dataclass(frozen=True)
class Layer:
    """One value that a network computes for an image of a given size."""

    name: str
    kind: str  # class of the module, or name of the function
    shape: tuple[int, ...]  # without the batch: (C, H, W) for maps, (tokens, C) for tokens, (C,) for vectors
    field: Field | Extent  # of its units, in pixels of the network's input
    layout: Layout | None  # how it lies as maps, or None where it has no grid
    parameters: int  # of the module, its parts included; 0 for functions
    operations: int  # multiply-adds count as two
    module: bool  # whether a module returned it; otherwise a function did
    depth: int  # modules around it
    batch: int = 0  # the dimension of the value that holds the images, where it is not the first

    @property
    def channels(self) -> int:
        if self.layout:
            return self.maps_shape[0]
        return self.shape[-1 if len(self.shape) == 2 else 0] if self.shape else 1

    @property
    def maps_shape(self) -> tuple[int, int, int]:
        """(C, rows, columns); vectors are maps of one place."""
        if self.layout is None:
            return (self.shape[0] if self.shape else 1, 1, 1)
        channels, rows, columns = self.layout.maps(torch.empty((1, *self.shape), device="meta")).shape[1:]
        return channels, rows, columns


@dataclass(frozen=True)
class Survey:
    """The layers of a network for one input size, the places of their values, and what could not be followed."""

    size: tuple[int, int]
    layers: tuple[Layer, ...]
    names: tuple[str, ...]  # of every value, also of those that don't depend on the image
    places: dict[str, Placed]
    unruled: frozenset[str]  # functions whose effect on receptive fields is not known
    output: str = ""  # what the network returns for one image, in words
    head: str | None = None  # 'probabilities' or 'log-probabilities' where the output was computed as such
    last: str = ""  # the function that computed the output's numbers; '' where that is not known

    def __getitem__(self, name: str) -> Layer:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)


def survey(module: nn.Module, shape: tuple[int, int, int], dtype: torch.dtype, device: torch.device) -> Survey:
    """Surveys one image of `shape` (C, H, W). ValueError if the network does not run at that size."""
    if not any(is_scripted(part) for part in module.modules()):  # TorchScript has its own way with shapes alone
        try:
            return _pass(module, torch.empty(1, *shape, dtype=dtype, device="meta"), meta=True)
        except Exception:  # whatever a network does that shapes alone can't answer: .item(), numpy, custom kernels
            pass
    try:
        return _pass(module, torch.zeros(1, *shape, dtype=dtype, device=device), meta=False)
    except Exception as error:
        raise ValueError(refusal(module, shape, error)) from error


def _pass(module: nn.Module, images: Tensor, *, meta: bool) -> Survey:
    tracking = Tracking(meta=meta)
    lineage = Lineage(tracking)
    output: dict[str, Any] = {}
    height, width = images.shape[-2:]
    layers: list[Layer] = []
    names: list[str] = []
    places: dict[str, Placed] = {}

    def observe(name: str, kind: str, value: Any) -> Any:
        names.append(name)
        tensor = main_tensor(value)
        if name == OUTPUT:
            output["output"] = described(value)
            if tensor is not None:
                output.update(head=lineage.head(tensor), last=lineage.last(tensor))
        place = tracking.place(tensor)
        if tensor is None or place is None or (isinstance(value, (tuple, list)) and kind in _SPLITS):
            return value
        shape = tuple(tensor.shape)
        batch = _batch(place, shape)
        rows = per_image(tensor, 1) if name == OUTPUT and not batch else tensor
        if rows is None:
            return value  # its rows are not images
        if batch and isinstance(place, Place):
            shape = (shape[batch], *shape[:batch], *shape[batch + 1 :])
            place = replace(place, roles=place.roles[batch] + place.roles[:batch] + place.roles[batch + 1 :])
        places[name] = place
        layers.append(
            Layer(
                name=name,
                kind=kind,
                shape=shape[1:] if rows is tensor else tuple(rows.shape[1:]),
                field=place.field(height, width),
                layout=_layout(place, shape, batch) if rows is tensor or rows.ndim > 2 else None,
                parameters=_count(run.module),
                operations=int(run.spent),
                module=run.module is not None,
                depth=len(run.stack) - 1,
                batch=batch,
            )
        )
        return value

    counter = Operations()
    run = Run(module, observe, lineage, gauge=lambda: counter.total)
    with torch.inference_mode(False), evaluating(module), _remembered(module), torch.no_grad(), counter, run:
        tracking.start(images)
        module(images)
    return Survey((height, width), tuple(layers), tuple(names), places, frozenset(tracking.unruled), **output)


_SPLITS = ("chunk", "split", "unbind", "tensor_split")


def _layout(place: Placed, shape: tuple[int, ...], batch: int) -> Layout | None:
    """How the value lies as maps; None where its first dimension holds places, and no other the images."""
    if isinstance(place, Place) and not batch and shape and shape[0] != 1 and place.roles[0] in "thw":
        return None
    return place.layout(shape)


def _batch(place: Placed, shape: tuple[int, ...]) -> int:
    """The dimension of the one image: the first, unless that holds places and another of size 1 holds nothing."""
    if not isinstance(place, Place) or not shape or place.roles[0] not in "thw" or shape[0] == 1:
        return 0
    return next((d for d, size in enumerate(shape) if size == 1 and place.roles[d] == "-"), 0)


@contextmanager
def _remembered(root: nn.Module) -> Iterator[None]:
    """What the modules of `root` keep for themselves inside the block, such as tensors without values, is forgotten."""
    attributes = [module.__dict__ for _, module in modules_of(root).values()]
    inside = [value for attribute in attributes for value in attribute.values() if isinstance(value, (dict, list))]
    before: list[tuple[Any, Any]] = [(now, now.copy()) for now in (*attributes, *inside)]
    try:
        yield
    finally:
        for now, was in before:
            if isinstance(now, list):
                if list(map(id, now)) != list(map(id, was)):
                    now[:] = was
                continue
            for key in now.keys() - was.keys():
                del now[key]
            for key, value in was.items():
                if now.get(key, _remembered) is not value:
                    now[key] = value


def _count(module: nn.Module | None) -> int:
    return sum(p.numel() for p in module.parameters()) if module is not None else 0
