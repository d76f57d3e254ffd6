"""What a HOG descriptor keeps of a photo: images made from it alone, beginning with noise.

The recipe of A. Mahendran and A. Vedaldi (Understanding deep image representations by inverting them, CVPR 2015), who
invert HOG as they invert networks; the loop is in hog_images.py, with their total variation as the prior.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ..instrument import instrument
from ..picture import Photo
from .hog_descriptor import Normalise, Settings, hog_network
from .hog_images import ERROR, Grey, as_image, fitted, likened
from .hog_result import HogImages, made
from .images import noise
from .options import count, pair, positive
from .stepping import shown

SIDE = 128


@instrument
def hog_inverse(
    photo: Photo,
    *,
    size: int | tuple[int, int] = SIDE,
    steps: int = 400,
    restarts: int = 1,
    smooth: float = 0.02,
    orientations: int = 9,
    cell: int = 8,
    block: int = 2,
    normalise: Normalise = "L2-Hys",
    seed: int = 0,
) -> Iterator[HogImages]:
    """Images made from nothing but the HOG descriptor of a photo.

    Raises ValueError for a size without room for a block.

    - `size`: the images' side in pixels, or height and width, that the photo is first brought to
    - `steps`: steps of gradient descent
    - `restarts`: images, each from other noise
    - `smooth`: the weight of total variation, against grain
    - `orientations`, `cell`, `block`, `normalise`: the descriptor's, as `hog` takes them
    - `seed`: the noise
    """
    settings, measured = Settings(orientations, cell, block, normalise), pair(size)
    goal = fitted(photo, measured, settings)
    many, taken = count(restarts, "restarts"), count(steps, "steps")
    smooth = positive(smooth, "smooth", zero=True)
    generator = torch.Generator().manual_seed(seed)
    image = Grey(noise(many, measured, generator=generator)[:, :1])
    how = f"Gradient descent from noise, Adam with a falling rate, total variation weighed {smooth:g}"
    network = hog_network(settings, measured)
    moments = (
        (shown(image).cpu(), moment.parts[ERROR].cpu())
        for moment in likened(network, as_image(goal), image, taken, smooth, seed)
    )
    yield from made(moments, taken, titles=(photo.name,) * many, how=how, seed=seed, goal=goal, settings=settings)
