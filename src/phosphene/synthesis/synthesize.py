"""Images of units: gradient ascent on whatever an address names, from noise, with the settings of recent practice.

The image is a spectrum in decorrelated colours that fades where no gradient renews it, and the network sees pieces of
it, turned and under noise, others each time (after C. Olah, A. Mordvintsev and L. Schubert, Feature visualization,
2017, and T. Fel et al., 2023; values in `recipes.py`). Or it is pixels, or a function of the place (`cppn.py`), which
the network sees as it is. Every other recipe is the same loop with other parts; this is the one to start from.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import fields
from typing import Literal

from torch import Tensor

from ..instrument import instrument
from ..instrument.roles import UnitNames
from ..network import Network
from ..picture import Photo
from ..showing import named
from .engine.ascent import adam, ascend
from .engine.cppn import CPPN
from .engine.from_start import DECAY
from .engine.images import Fourier, Image, Pixels, noise
from .engine.objectives import Size, unit
from .engine.options import generator, image_count, start_images, start_size, step_count
from .engine.painted import Painted
from .engine.recipes import fading, fourier
from .engine.stepping import stepped
from .engine.synthesis import Synthesis
from .engine.transforms import PIECES

Space = Literal["fourier", "pixels"]  # of which every image has one
Spaces = Literal["fourier", "pixels", "cppn"]


@instrument
def synthesize(
    network: Network,
    target: UnitNames,
    *,
    size: int | tuple[int, int] | None = None,
    steps: int = 256,
    batch: int = 1,
    seed: int = 0,
    start: Photo | Tensor | None = None,
    space: Spaces = "fourier",
    robust: bool = True,
    rate: float | None = None,
) -> Iterator[Synthesis]:
    """Images that a unit, channel, layer or class responds to most, made by gradient ascent from noise.

    `start` may also be the `images` (N, 3, H, W) of an earlier result, one for all or one for each; the ascent
    continues from them. Raises LookupError for a target that does not exist, ValueError for one that no gradient
    reaches.

    - `target`: what to raise, such as 'blocks.3:17' (a channel's mean), 'blocks.3:17@5,6' (one neuron), 'blocks.3' (a
      layer's mean square), 'logits:goose' or 'probabilities:goose'; several run as a batch, with an image for each
    - `size`: the image's side in pixels, or height and width; the network's usual input if not given
    - `steps`: how many steps of gradient ascent to take
    - `batch`: how many images of each target, from different starts
    - `seed`: seed of the start and the transforms; the same seed gives the same images
    - `start`: an image to start from instead of noise
    - `space`: what is optimised: a spectrum in decorrelated colours (fourier), the pixels, or a function of the place,
      with smooth areas and at any size (cppn)
    - `robust`: show the network random crops of the image, turned and with noise, new ones at every step; not with cppn
    - `rate`: Adam's step size; 0.02 if not given, 0.005 for a cppn
    """
    height, width = start_size(network, start, size)
    targets = [target] if isinstance(target, str) else list(target)
    batch = image_count(batch, "batch", (height, width), network, targets, each=max(1, len(targets)))
    titles = [named(network, network.address(each, (height, width))) for each in targets for _ in range(batch)]
    repeated = [each for each in targets for _ in range(batch)] if len(targets) > 1 else targets
    objective = unit(network, repeated, (height, width))
    if space not in _EVERY:
        raise ValueError(f"an image is optimised as {' or '.join(_EVERY)}, not {space!r}")
    if start is None:
        image = started(space, len(titles), (height, width), seed)
    else:
        image = begun(space, start_images(network, start, len(titles), (height, width)))
    rate = RATES[space] if rate is None else rate
    transform = PIECES if robust and space != "cppn" else None
    moments = ascend(network, objective, image, steps=step_count(steps), optimiser=_OPTIMISERS[space](rate),
                     transform=transform, seed=seed)  # fmt: skip
    how = f"{_EVERY[space]}{' from a given start' if start is not None else ''}"
    how += f"{', seen in pieces, turned and under noise' if transform else ''}, Adam with rate {rate:g}"
    results = stepped(network, objective, image, moments, steps, Synthesis, titles=tuple(titles), how=how, seed=seed)
    for result in results:
        yield painted(result, image) if isinstance(image, CPPN) else result


_SPACES = {"fourier": "Fourier image in decorrelated colours", "pixels": "image of pixels"}
_EVERY = _SPACES | {"cppn": "image as a function of the place (CPPN)"}
_OPTIMISERS = {"fourier": fading, "pixels": adam, "cppn": adam}
RATES = {"fourier": 0.02, "pixels": 0.02, "cppn": 0.005}


def started(space: str, many: int, size: Size, seed: int) -> Image:
    """Images of a kind as they are before the first step."""
    if space == "cppn":
        return CPPN(many, size, generator=generator(seed))
    if space == "fourier":
        return fourier(many, size, generator(seed))
    return Pixels(noise(many, size, generator=generator(seed)))


def begun(space: str, images: Tensor) -> Image:
    """An image of a kind that starts at the given ones (N, 3, H, W) in [0, 1]."""
    if space == "cppn":
        raise ValueError("a cppn can't begin at images, as no function is known that paints them; choose another space")
    return Fourier.of(images, decay=DECAY) if space == "fourier" else Pixels(images)


def painted(result: Synthesis, image: CPPN) -> Painted:
    """The result with what paints its images; of results on the way, after the step."""
    known = {field.name: getattr(result, field.name) for field in fields(Synthesis)}
    return Painted(painter=copy.deepcopy(image), **known)
