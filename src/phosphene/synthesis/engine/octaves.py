"""A photo worked on at several sizes, from small to large: what is found at one size is carried up to the next.

    x_k = photo at size k + detail from size k − 1, enlarged;    detail = x_k after the work − photo at size k

The octaves of DeepDream (A. Mordvintsev, C. Olah and M. Tyka 2015): structure of all sizes, and a detail of the photo
itself that no size has lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ...network import Network
from .ascent import Moment, Optimisers, ascend
from .images.image import Pixels
from .objectives import Objective, Size
from .photo_size import resized
from .settings import Settings, unit_alone
from .stepping import current_images

SMALLEST = 64  # pixels; networks see little below it


def octave_sizes(size: Size, count: int, scale: float) -> list[Size]:
    """`count` sizes, each `scale` times the one before, up to `size`; those with a side below SMALLEST are left out."""
    sizes = [size]
    for k in range(1, count):
        smaller = (round(size[0] / scale**k), round(size[1] / scale**k))
        if min(smaller) < SMALLEST:
            break
        sizes.append(smaller)
    return sizes[::-1]


def most_shift(size: Size, jitter: int) -> int:
    """How far images of the size are shifted at most: `jitter` pixels, and no more than a quarter of a side."""
    return min(jitter, min(size) // 4)


def climbed(
    network: Network,
    objective_at: Callable[[Size], Objective],
    photos: Tensor,
    sizes: Sequence[Size],
    *,
    steps: int,
    settings_at: Callable[[Size], Settings],
    optimiser: Optimisers,
    seed: int = 0,
) -> Iterator[tuple[Objective, Moment, Tensor]]:
    """The moments of an ascent at every size, `steps` at each, counted through, each with the images after its step.

    The priors and transforms of a size are those of `settings_at`; values are brought back into [0, 1]. The objective
    is the one without the priors, and so are the moments' scores.
    """
    detail = torch.zeros_like(resized(photos, sizes[0]))
    for number, size in enumerate(sizes):
        base = resized(photos, size)
        image = Pixels((base + resized(detail, size)).clamp(0, 1))
        aim, settings = objective_at(size), settings_at(size)
        moments = ascend(
            network, settings.less_costs(aim), image, steps=steps, transform=settings.transform, optimiser=optimiser,
            priors=settings.changes, seed=seed + number,
        )  # fmt: skip
        for moment in unit_alone(aim, moments) if settings.cost else moments:
            yield aim, replace(moment, step=number * steps + moment.step), current_images(image)
        detail = current_images(image) - base
