"""What a HOG descriptor does not keep: images that differ, and have one descriptor.

Two are exact. Directions are unsigned, so the negative has the photo's descriptor. And gradients are differences of the
pixels two apart, so that those whose row and column add up to an even number never meet the others: with these alone
negative, the descriptor is still the photo's, and what the eye sees is gone.

The third is the experiment of A. Tatu, F. Lauze, M. Nielsen and B. Kimia (Exploring the representation capabilities of
HOG descriptors, ICCV workshops 2011): begin with another image, and change it until its descriptor is the photo's. Here
first by gradient descent (hog_images.py), then, as far as it goes, in whole levels (hog_levels.py), which leaves no
rounding to be done.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ...instrument import instrument
from ...network.hog import Normalise, Settings, hog_network
from ...picture import Photo, counted, read
from ..engine.options import count, generator, pair, positive, step_count
from ..engine.stepping import current_images
from ..engine.synthesis import pixels
from .images import ERROR, Grey, as_image, distance, fitted, likened
from .inverse import SIDE
from .levels import Levels, likest_scale
from .result import HogImages, results_of

HOT, COLD = 3e-3, 1e-8  # temperatures of the first and the last sweep, in squared distances of descriptors


@instrument
def hog_twins(
    photo: Photo,
    *,
    start: Photo | None = None,
    contrast: float = 0.25,
    size: int | tuple[int, int] = SIDE,
    steps: int = 400,
    sweeps: int = 200,
    orientations: int = 9,
    cell: int = 8,
    block: int = 2,
    normalise: Normalise = "L2-Hys",
    seed: int = 0,
) -> Iterator[HogImages]:
    """A different image with nearly the HOG descriptor of a photo, beside two images with exactly this descriptor.

    Raises ValueError for a size without room for a block.

    - `photo`: the photo
    - `start`: the photo to start from; if not given, the same photo upside down and with bright and dark exchanged
    - `contrast`: how much of the start's contrast is kept
    - `size`: the images' side in pixels, or height and width; the photos are first resized to it
    - `steps`: steps of gradient descent
    - `sweeps`: how many times other levels are then tried for every pixel
    - `orientations`, `cell`, `block`, `normalise`: options of the descriptor, as in `hog`
    - `seed`: seed of the sweeps, and of noise far below one level of 255 that gives flat parts of the start a direction
    """
    settings, measured = Settings(orientations, cell, block, normalise), pair(size)
    if positive(contrast, "contrast") > 1:
        raise ValueError(f"contrast is the share of it that is kept, above 0 and at most 1, not {contrast:g}")
    goal, most = fitted(photo, measured, settings), step_count(steps)
    cooled = count(sweeps, "sweeps", 0)
    other = read(255 - goal.pixels[::-1]) if start is None else fitted(start, measured, settings)
    began = 0.5 + contrast * (as_image(other)[:, :1] - 0.5)
    began = began + 1e-4 * torch.randn(began.shape, generator=generator(seed))
    image = Grey(began.clamp(0, 1))
    first = read(pixels(current_images(image))[0])
    how = f"Gradient descent from {'its negative, upside down' if start is None else start.name} at {contrast:g} of its"
    how += f" contrast, Adam with a falling rate, {counted(most, 'step')}; then "
    how += f"{counted(cooled, 'sweep')} over whole levels, cooling"

    def moments() -> Iterator[tuple[Tensor, Tensor]]:
        for moment in likened(hog_network(settings, measured), as_image(goal), image, most, seed):
            yield current_images(image).cpu(), moment.parts[ERROR].cpu()
        yield from _levelled(current_images(image).cpu(), goal, settings, cooled, seed)

    yield from results_of(
        moments(), most + cooled, titles=(photo.name,), how=how, seed=seed, goal=goal, start=first, settings=settings,
        exact=exact(goal),
    )  # fmt: skip


def exact(goal: Photo) -> tuple[tuple[str, Photo], ...]:
    """The grey photo's negative, and the photo with every second pixel negative, as on a checkerboard."""
    rows, columns = np.ogrid[: goal.height, : goal.width]
    second = ((rows + columns) % 2 == 0)[..., None]
    negative = 255 - goal.pixels
    return (
        ("its negative", read(negative)),
        ("every second pixel negative", read(np.where(second, negative, goal.pixels))),
    )


def _levelled(
    image: Tensor, goal: Photo, settings: Settings, sweeps: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """The image (1, 3, H, W), first brought to the contrast of the photo's edges, after each sweep, and its score."""
    goal_levels, values = goal.pixels[..., 0], image[0, 0].double().numpy() * 255
    values = 127.5 + (values - 127.5) / likest_scale(values.round(), goal_levels, settings)
    levels = Levels(values.clip(0, 255).round().astype(np.uint8), goal_levels, settings, seed)
    for temperature in np.geomspace(HOT, COLD, sweeps):
        levels.sweep(float(temperature))
        now = levels.image[..., None].repeat(3, -1)
        images = torch.from_numpy(now).permute(2, 0, 1)[None].float() / 255
        yield images, torch.tensor([-(distance(now, goal.pixels, settings) ** 2)], dtype=torch.float32)
