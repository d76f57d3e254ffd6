"""What a HOG descriptor does not keep: two images that differ, and have nearly the same descriptor.

The experiment of A. Tatu, F. Lauze, M. Nielsen and B. Kimia (Exploring the representation capabilities of HOG
descriptors, ICCV workshops 2011): begin with another image, and change it until its descriptor is the photo's. Blocks
are normalised, so that contrast is lost, and directions are unsigned, so that bright and dark may change places: what
began as another photo stays another.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ..instrument import instrument
from ..picture import Photo, read
from .hog_descriptor import Normalise, Settings, hog_network
from .hog_images import Grey, as_image, fitted, likened
from .hog_inverse import SIDE
from .hog_result import HogImages
from .options import count, pair
from .stepping import shown
from .synthesis import pixels


@instrument
def hog_twins(
    photo: Photo,
    *,
    start: Photo | None = None,
    contrast: float = 0.25,
    size: int | tuple[int, int] = SIDE,
    steps: int = 800,
    orientations: int = 9,
    cell: int = 8,
    block: int = 2,
    normalise: Normalise = "L2-Hys",
    seed: int = 0,
) -> Iterator[HogImages]:
    """An image that differs from a photo and has nearly the same HOG descriptor.

    Raises ValueError for a size without room for a block.

    - `start`: the photo to begin with; if not given, the same photo upside down and with bright and dark exchanged
    - `contrast`: how much of the start's contrast is kept
    - `size`: the images' side in pixels, or height and width, that the photos are first brought to
    - `steps`: steps of gradient descent
    - `orientations`, `cell`, `block`, `normalise`: the descriptor's, as `hog` takes them
    - `seed`: noise far below one level of 255, so that flat parts of the start have a direction to begin with
    """
    settings, measured = Settings(orientations, cell, block, normalise), pair(size)
    if not 0 < contrast <= 1:
        raise ValueError(f"contrast is the share of it that is kept, above 0 and at most 1, not {contrast:g}")
    goal, taken = fitted(photo, measured, settings), count(steps, "steps")
    other = read(255 - goal.pixels[::-1]) if start is None else fitted(start, measured, settings)
    began = 0.5 + contrast * (as_image(other)[:, :1] - 0.5)
    began = began + 1e-4 * torch.randn(began.shape, generator=torch.Generator().manual_seed(seed))
    image = Grey(began.clamp(0, 1))
    first = read(pixels(shown(image))[0])
    how = f"Gradient descent from {'its negative, upside down' if start is None else start.name} at {contrast:g} of its"
    how += " contrast, Adam with a falling rate"
    history = []
    for moment in likened(hog_network(settings, measured), as_image(goal), image, taken, 0.0, seed):
        history.append(moment.scores.cpu())
        yield HogImages(
            network="HOG", titles=(photo.name,), images=shown(image).cpu(), scores=history[-1],
            history=torch.stack(history), step=moment.step, steps=taken, objective="− squared error of HOG", how=how,
            seed=seed, goal=goal, start=first, settings=settings,
        )  # fmt: skip
