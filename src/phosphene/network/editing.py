"""A network's values for many edits of one image, of which only what changed is computed anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from . import partial, partial_places  # noqa: F401  (their rules make changed tensors flow)
from .batching import batches
from .changed import Changed
from .network import Network
from .outputs import main_tensor
from .plan import Plan
from .recording import recorded
from .seam import OUTPUT
from .survey import Layer

MEMORY = 1 << 30  # bytes that the maps of one batch may take


CHECKED = 2  # edited images of a call that are also run whole
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}  # of the layer's largest value; 1e-2 for half precision


@dataclass(frozen=True)
class Edited:
    """A layer's values (n, ...) for n edited images, and the share of the operations that was spared."""

    values: Tensor
    saved: float


def edited(
    network: Network, image: Tensor, patches: Tensor, top: Sequence[int], left: Sequence[int], layer: str,
    batch: int | None = None,
) -> Edited:  # fmt: skip
    """The layer's values for `image` (1, C, H, W) with patch i of `patches` (n, C, h, w) laid at (top[i], left[i]).

    Equal to running every edited image, up to float rounding: two of them are run, and if they differ, as they may
    where a network writes into memory that several values share, all are. `batch` edits go through at once; as many as
    fit into memory if not given, one where images of a batch change each other's values. Raises ValueError where the
    values change by chance.
    """
    size = (int(image.shape[-2]), int(image.shape[-1]))
    steady = network.steadiness(size)
    steady.insist(network.name, layer, "values of edited images are compared exactly")
    layers = network.survey(size).layers
    if batch is None:
        largest = max(torch.Size(one.shape).numel() for one in layers) * image.element_size()
        batch = int(max(1, min(64, MEMORY // (4 * largest))))
    together = batches(layers, (int(patches.shape[2]), int(patches.shape[3])), top, left, batch)

    def whole(some: Sequence[int]) -> Tensor:
        images = image.repeat(len(some), 1, 1, 1)
        for row, at in enumerate(some):
            images[row, :, top[at] : top[at] + patches.shape[2], left[at] : left[at] + patches.shape[3]] = patches[at]
        return _value(network, images, layer)

    every = range(len(patches))
    if steady.coupled:  # what changed is then everywhere, and another image in each batch
        return Edited(torch.cat([whole([one]) for one in every]), 0.0)
    plan, clean = Plan(), image.contiguous(memory_format=torch.channels_last)
    order = torch.tensor([index for some in together for index in some], device=image.device)
    try:
        parts = [_partly(network, clean, patches, top, left, layer, plan, some) for some in together]
        found = torch.cat(parts)[order.argsort()]
    except (RuntimeError, TypeError, ValueError, IndexError):
        found = None  # something in the network can't do with a changed tensor
    some = sorted({len(patches) // 3, 2 * len(patches) // 3})[:CHECKED]
    if found is not None and _alike(found[some], whole(some)):
        total = len(patches) * _operations(layers, layer) / 2  # a multiply-add counts as two there
        return Edited(found, plan.spared / total if total else 0.0)
    return Edited(torch.cat([whole(every[start : start + batch]) for start in every[::batch]]), 0.0)


def _partly(
    network: Network, image: Tensor, patches: Tensor, top: Sequence[int], left: Sequence[int], layer: str, plan: Plan,
    some: Sequence[int],
) -> Tensor:  # fmt: skip
    """The values of some of the edits, which go through together."""
    plan.start()
    own = patches[torch.tensor(some, device=patches.device)].contiguous(memory_format=torch.channels_last)
    edits = Changed(image, own, [top[i] for i in some], [left[i] for i in some], (2, 3), plan)
    value = _value(network, edits, layer)
    return value.full() if isinstance(value, Changed) else value


def _value(network: Network, images: Tensor, layer: str) -> Tensor:
    value = main_tensor(recorded(network.module, images, {layer})[layer])
    assert value is not None
    return value


def _alike(found: Tensor, expected: Tensor) -> bool:
    scale = float(expected.abs().max()) or 1.0
    return float((found - expected).abs().max()) <= TOLERANCE.get(found.dtype, 1e-2) * scale


def _operations(layers: Sequence[Layer], last: str) -> int:
    """Of all values up to the last one, those inside modules counted once."""
    names = [layer.name for layer in layers]
    if last == OUTPUT:
        return layers[names.index(OUTPUT)].operations
    before = layers[: names.index(last) + 1]
    whole = {layer.name for layer in before if layer.module}
    return sum(one.operations for one in before if not any(_inside(one.name, name) for name in whole))


def _inside(name: str, module: str) -> bool:
    return name.startswith(f"{module}.")
