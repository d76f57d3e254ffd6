"""Gram matrices of layers over a stream of images: of each batch by itself, or of all images together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...network import Layer, Network
from ...network.running.outputs import main_tensor

ROOM = 1 << 30  # bytes of values of all images that are held at once
COLUMNS = 2048  # values of each image whose products are taken at once: they stay in the processor's cache


def rows_of(value: Any, layer: Layer, name: str) -> Tensor:
    """A layer's values as (N, values) in float32, in an order that is the same for all images."""
    tensor = main_tensor(value)
    if tensor is None:
        raise ValueError(f"{layer.name} of {name} holds no tensor; choose another layer")
    if layer.batch:
        tensor = tensor.movedim(layer.batch, 0)
    if tensor.ndim == 4 and not tensor.is_contiguous():  # channels last: the same values without a copy
        tensor = tensor.permute(0, 2, 3, 1)
    return tensor.reshape(len(tensor), -1).float()


def batch_grams(network: Network, x: Tensor, layers: Sequence[Layer]) -> np.ndarray:
    """(layers, m, m): the Gram matrices of the layers' values for a batch of inputs (m, C, H, W), in float64.

    Values are less their mean over the batch, on which neither the unbiased estimate nor distances depend. Each matrix
    is taken while its layer's value stands, so that no value is kept. ValueError for values that are not finite.
    """
    functions: dict[str, Callable[[Any], Any]] = {
        layer.name: _gram_of(layer, network.name) for layer in layers
    }  # fmt: skip
    with torch.no_grad():
        if network.steadiness(tuple(x.shape[-2:])).coupled:  # each image by itself: the others would change its values
            values = network.record(x, *functions)
            grams = {name: function(values[name]) for name, function in functions.items()}
        else:
            grams = network.reduce(x.contiguous(memory_format=torch.channels_last), functions)
    for layer in layers:
        if not np.isfinite(grams[layer.name]).all():
            raise ValueError(f"{layer.name} of {network.name} gives values that are not finite")
    return np.stack([grams[layer.name] for layer in layers])


def _gram_of(layer: Layer, name: str) -> Callable[[Any], np.ndarray]:
    return lambda value: gram_of(rows_of(value, layer, name))


def gram_of(rows: Tensor) -> np.ndarray:
    """(m, m): the Gram matrix of rows (m, values) less their mean, which would cost the digits in which they differ.

    Products of some columns after the other, added up in float64: in one piece, in float32, the error is thirty times
    as large, and a copy of all rows goes through memory.
    """
    home = "cpu" if rows.device.type == "mps" else rows.device  # where there is float64
    gram = torch.zeros(len(rows), len(rows), dtype=torch.float64, device=home)
    for some in rows.split(COLUMNS if rows.device.type == "cpu" else 16 * COLUMNS, 1):
        apart = some - some.mean(0)
        gram += (apart @ apart.T).to(home)
    return gram.cpu().numpy()


@dataclass(eq=False)
class Whole:
    """The Gram matrices of all images at one layer: of values less their mean over images, and over each image."""

    gram: np.ndarray = field(repr=False)
    correlated: np.ndarray = field(repr=False)


def whole_of(values: np.ndarray) -> Whole:
    """Of the values (images, values) of all images."""
    every = torch.from_numpy(values)
    # what all of an image's values share would cost the digits in which they differ
    correlated = every - every.mean(1, keepdim=True)
    return Whole(gram_of(every), (correlated @ correlated.T).double().numpy())


def values_of(network: Network, x: Tensor, layers: Sequence[Layer]) -> dict[str, Tensor]:
    """The layers' values for inputs, as rows (N, values). ValueError for values that are not finite."""
    functions: dict[str, Callable[[Any], Any]] = {layer.name: _rows(layer, network.name) for layer in layers}
    if network.steadiness(tuple(x.shape[-2:])).coupled:
        recorded = network.record(x, *functions)
        rows = {name: function(recorded[name]) for name, function in functions.items()}
    else:
        rows = network.reduce(x, functions)
    for name, each in rows.items():
        if not torch.isfinite(each).all():
            raise ValueError(f"{name} of {network.name} gives values that are not finite")
    return rows


def _rows(layer: Layer, name: str) -> Callable[[Any], Tensor]:
    return lambda value: rows_of(value, layer, name).clone()


def groups_of(layers: Sequence[Layer], images: int) -> list[list[Layer]]:
    """The layers in groups whose values of all images fit into `ROOM`; ValueError for one that is too large alone."""
    groups: list[list[Layer]] = []
    held = 0
    for layer in layers:
        size = 4 * images * torch.Size(layer.shape).numel()
        if size > 4 * ROOM:
            raise ValueError(
                f"the values of {layer.name} for {images:,} images take {size / 2**30:.1f} GiB; take fewer images, "
                "or a later layer"
            )
        if groups and held + size <= ROOM:
            groups[-1].append(layer)
            held += size
        else:
            groups.append([layer])
            held = size
    return groups
