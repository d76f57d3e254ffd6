"""A layer's values for all edited images at once, for tests of how they are computed in parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from phosphene.network import Network
from phosphene.network.partial.editing import Part, in_parts


@dataclass(frozen=True)
class Edited:
    """A layer's values (n, ...) for n edited images, and the share of the operations that was spared."""

    values: Tensor
    saved: float


def edited(
    network: Network, image: Tensor, patches: Tensor, top: Sequence[int], left: Sequence[int], layer: str,
    batch: int | None = None,
) -> Edited:  # fmt: skip
    """The layer's values for the image with each of the patches, as `in_parts` computes them."""
    parts: list[Part] = []
    for part in in_parts(network, image, patches, top, left, layer, batch):
        parts = [part] if part.anew else [*parts, part]
    order = torch.tensor([edit for part in parts for edit in part.edits], device=image.device).argsort()
    return Edited(torch.cat([part.values for part in parts])[order], parts[-1].saved)
