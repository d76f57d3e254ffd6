"""A network's values for many edits of one image, of which only what changed is computed anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..network import Network
from ..running.evaluating import evaluating
from ..running.outputs import main_tensor
from ..running.recording import recorded
from ..running.seam import OUTPUT, Run
from ..survey import Layer
from . import elementwise, row_moves, row_rules, sliding  # noqa: F401  (their rules make changed tensors flow)
from .batching import EACH, batches
from .changed import Changed, Followed
from .foreseen import spared_at_most
from .plan import Plan

MEMORY = 1 << 30  # bytes that the maps of one batch may take
WHOLE_AT_ONCE = 16  # edited images that are run whole together: more are no faster on a processor
FEW = 16  # edits that take so little either way that following their changes is tried
CLEAN, CHECKED = 1, 2  # runs that following changes costs: of the clean image, and of edited ones to compare with
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}  # of the layer's largest value; 1e-2 for half precision


@dataclass(frozen=True)
class Part:
    """The values (n, ...) of some of the edits, by their numbers."""

    edits: Sequence[int]
    values: Tensor
    saved: float  # the share of the operations that was spared on all edits so far
    anew: bool = False  # all parts before were wrong, and this one begins again


def in_parts(
    network: Network, image: Tensor, patches: Tensor, top: Sequence[int], left: Sequence[int], layer: str,
    batch: int | None = None,
) -> Iterator[Part]:  # fmt: skip
    """The layer's values for `image` (1, C, H, W) with patch i of `patches` (n, C, h, w) laid at (top[i], left[i]).

    Equal to running every edited image, up to float rounding: one of the first batch and one of the last are run, and
    if they differ, as they may where a network writes into memory that several values share, all are, `anew`. All are
    run, too, where following the changes does not pay: by the receptive fields, before anything is computed, or by what
    the batches so far spared and took; and one by one where images of a batch change each other's values. `batch` edits
    go through at once, two at least; as many as fit into memory if not given. Raises ValueError where the values change
    by chance.
    """
    size = (int(image.shape[-2]), int(image.shape[-1]))
    steady = network.steadiness(size)
    steady.insist(network.name, layer, "values of edited images are compared exactly")
    survey = network.survey(size)
    layers = survey.layers
    if batch is None:
        largest = max(torch.Size(one.shape).numel() for one in layers) * image.element_size()
        batch = int(max(1, min(64, MEMORY // (4 * largest))))
    at_once, every = min(batch, WHOLE_AT_ONCE), list(range(len(patches)))
    total = len(every) * _operations(layers, layer) / 2  # a multiply-add counts as two there
    done = 0

    def whole(indices: Sequence[int]) -> Tensor:
        images = image.repeat(len(indices), 1, 1, 1).contiguous(memory_format=torch.channels_last)
        for row, at in enumerate(indices):
            images[row, :, top[at] : top[at] + patches.shape[2], left[at] : left[at] + patches.shape[3]] = patches[at]
        return _answer(network, images) if layer == OUTPUT else _value(network, images, layer)

    def saved(spared: float) -> float:
        return spared / (total * (done / len(every))) if total else 0.0

    def all_whole(indices: Sequence[int], spared: float, together: int, anew: bool = False) -> Iterator[Part]:
        nonlocal done
        done = 0 if anew else done
        for start in range(0, len(indices), together):
            edits = indices[start : start + together]
            values = whole(edits)
            done += len(edits)
            yield Part(edits, values, saved(spared), anew and start == 0)

    if steady.coupled:  # what changed is then everywhere, and another image in each batch
        yield from all_whole(every, 0.0, 1)
        return
    sides = (int(patches.shape[2]), int(patches.shape[3]))
    if spared_at_most(survey, layer, sides, top, left) * max(len(every), FEW) < CLEAN + CHECKED:
        yield from all_whole(every, 0.0, at_once)
        return
    plan, clean = Plan(), image.contiguous(memory_format=torch.channels_last)
    groups = sorted(batches(layers, sides, top, left, max(batch, 2)), key=lambda indices: abs(len(indices) - EACH))
    threads = torch.get_num_threads() if image.device.type == "cpu" else 1
    followed: list[int] = []
    for number, indices in enumerate(groups, 1):
        try:
            values = _partly(network, clean, patches, top, left, layer, plan, indices)
        except (RuntimeError, TypeError, ValueError, IndexError):  # it can't do with a changed tensor
            yield from all_whole(every, 0.0, at_once, anew=done > 0)
            return
        last = number == len(groups) or not plan.pays(threads)
        middle = len(indices) // 2
        if (number == 1 or last) and not _alike(values[middle : middle + 1], whole([indices[middle]])):
            yield from all_whole(every, 0.0, at_once, anew=done > 0)
            return
        followed += indices
        done += len(indices)
        yield Part(indices, values, saved(plan.spared))
        if last:
            break
    yield from all_whole(sorted(set(every) - set(followed)), plan.spared, at_once)


def _partly(
    network: Network, image: Tensor, patches: Tensor, top: Sequence[int], left: Sequence[int], layer: str, plan: Plan,
    indices: Sequence[int],
) -> Tensor:  # fmt: skip
    """The values of some of the edits, which go through together.

    A single one goes through twice: the rules know what is the same for all samples by its first dimension of 1.
    """
    plan.start()
    spared, together = plan.spared, [*indices, *indices] if len(indices) == 1 else indices
    windows = patches[torch.tensor(together, device=patches.device)].contiguous(memory_format=torch.channels_last)
    edits = Changed(image, windows, [top[i] for i in together], [left[i] for i in together], (2, 3), plan)
    value = _value(network, edits, layer)
    value = value.full() if isinstance(value, Followed) else value
    plan.spared = spared + (plan.spared - spared) * len(indices) / len(together)
    return value[: len(indices)]


def _value(network: Network, images: Tensor, layer: str) -> Tensor:
    value = main_tensor(recorded(network.module, images, {layer})[layer])
    assert value is not None
    return value


def _answer(network: Network, images: Tensor) -> Tensor:
    """What the whole network gives. No function is looked at, so that fused attention runs as for a plain caller."""
    alone = Run(network.module, lambda name, kind, value: value, only=(OUTPUT,))
    with torch.inference_mode(False), evaluating(network.module), torch.no_grad(), alone:
        value = main_tensor(network.module(images))
    assert value is not None
    return value


def _alike(result: Tensor, expected: Tensor) -> bool:
    scale = float(expected.abs().max()) or 1.0
    return float((result - expected).abs().max()) <= TOLERANCE.get(result.dtype, 1e-2) * scale


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
