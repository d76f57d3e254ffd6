"""Units fixed at their places in the clean image, and asked of many other images.

A method that follows a value along a path, or over samples, has to ask the same unit everywhere: if a channel's largest
activation could jump from place to place on the way, the parts would belong to different units and not add up. So a
channel without a place stands for the place where it is largest in the clean image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...input_photo import named
from ...instrument.roles import Target
from ...network import Network, Rules
from ...network.room import backward_bytes, check_room
from ...network.running.outputs import main_tensor
from .targets import check_gradient, fixed_addresses, questions, units

MEMORY = 1 << 30  # bytes that one batch may take on a processor; a share of the device's memory elsewhere
SHARE = 16
MOST = 64  # images in a batch, unless more are asked for


@dataclass(frozen=True)
class FixedUnits:
    """Units of one layer: number i of image i, or all of the only image."""

    layer: str
    at: Tensor  # (T,): flat indices into the layer's value of one image
    scores: Tensor  # (T,): the values in the clean images
    names: tuple[str, ...]
    images: int

    def of(self, image: int) -> range:
        """The numbers of the units that image number `image` is asked about."""
        return range(len(self.at)) if self.images == 1 else range(image, image + 1)


def fix_units(network: Network, x: Tensor, target: Target) -> FixedUnits:
    """The units that a target names, at their places in the clean input `x` (N, C, H, W); raises as `questions`."""
    question = questions(network, x, target)
    size = (int(x.shape[-2]), int(x.shape[-1]))
    value = main_tensor(network.record(x.detach(), question.layer)[question.layer])
    assert value is not None
    at = units(network, question, value, size)
    flat = value.flatten(1)
    scores = flat[0, at] if len(x) == 1 else flat.gather(1, at[:, None])[:, 0]
    names = tuple(named(network, address) for address in fixed_addresses(network, question, at, size))
    return FixedUnits(question.layer, at, scores, names, len(x))


def values(network: Network, images: Tensor, layer: str, at: Tensor) -> Tensor:
    """The units' values (T, n) in n images."""
    value = main_tensor(network.record(images.detach(), layer)[layer])
    assert value is not None
    return value.flatten(1)[:, at].T


def gradients(
    network: Network, images: Tensor, layer: str, at: Tensor, rules: Rules | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """For each of the units in turn its values (n,) in n images and its gradients by them (n, C, H, W).

    One pass forward, and one back for each unit; under `rules` the signal goes back as they say.
    """
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        value = main_tensor(network.record(images, layer, rules=rules)[layer])
        assert value is not None
        check_gradient(network, layer, value, images)
        answers = value.flatten(1)[:, at]
        sums = answers.sum(0)  # an image's gradient is that of its own value alone
    for answer, row in zip(answers.detach().T, torch.eye(len(at), dtype=sums.dtype, device=sums.device), strict=True):
        yield answer, torch.autograd.grad(sums, images, row, retain_graph=True)[0]


def at_once(network: Network, x: Tensor, batch: int | None, *, back: bool, of: int | None = None) -> int:
    """How many images as large as those of `x`, `of` so many, go through at once: `batch`, or as many as fit into
    memory.

    On the way `back` every value on the way forward is still held. ValueError where a given batch is beyond memory.
    """
    if batch is not None:
        if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
            raise ValueError(f"a batch is a whole number of images, at least 1, not {batch!r}")
        if of is not None:
            size = (int(x.shape[-2]), int(x.shape[-1]))
            backward = backward_bytes(network, size, ["logits"]) if back and min(batch, of) > MOST else 0
            what = f"batch={{}}: images of {size[0]} × {size[1]} px, and what is computed of them, together"
            check_room(min(batch, of), backward + 2 * x[0].nbytes, what, device=x.device)
        return batch
    sizes = [torch.Size(layer.shape).numel() for layer in network.survey(tuple(x.shape[-2:])).layers]
    each = (sum(sizes) if back else 4 * max(sizes)) * x.element_size()
    return max(1, min(MOST, _memory(x.device) // each))


def _memory(device: torch.device) -> int:
    if device.type != "cuda":
        return MEMORY
    return max(MEMORY, torch.cuda.get_device_properties(device).total_memory // SHARE)


def whole(value: int, name: str, least: int) -> int:
    """The option's number, if it is a whole one of at least `least`; ValueError if not."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} is a whole number, at least {least}, not {value!r}")
    return value
