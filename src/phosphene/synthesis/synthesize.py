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

from ..input_photo import named
from ..instrument import instrument
from ..instrument.roles import UnitNames
from ..network import Network
from ..picture import Photo
from .engine.ascent import ascend
from .engine.images.cppn import CPPN
from .engine.images.image import Image, Pixels, noise
from .engine.images.painted import Painted
from .engine.named import Priors, Transforms
from .engine.objectives import Size, unit
from .engine.options import generator, image_count, start_images, start_size, step_count
from .engine.settings import Settings, settings_of, unit_alone
from .engine.stepping import stepped
from .engine.synthesis import Synthesis

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
    priors: Priors | None = None,
    transforms: Transforms | None = None,
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
    - `priors`: what images should be like, with commas between them, or none: tv:WEIGHT, l2:WEIGHT, lp:WEIGHT; for a
      spectrum fade, spectrum:POWER, colours:rgb; for pixels decay:RATE, blur:SIGMA, clip-norm:PERCENTILE,
      clip-contribution:PERCENTILE; 'usual' stands for the priors if none are given: a spectrum that fades
    - `transforms`: how the image is changed before the network sees it, in this order, or none: jitter:PIXELS,
      shift:SHARE, scale:0.9-1.1, rotate:DEGREES, crop:0.5-1.2, noise:DEVIATION; 'usual' stands for the transforms if
      none are given
    """
    height, width = start_size(network, start, size)
    targets = [target] if isinstance(target, str) else list(target)
    batch = image_count(batch, "batch", (height, width), network, targets, each=max(1, len(targets)))
    titles = [named(network, network.address(each, (height, width))) for each in targets for _ in range(batch)]
    repeated = [each for each in targets for _ in range(batch)] if len(targets) > 1 else targets
    objective = unit(network, repeated, (height, width))
    if space not in RATES:
        raise ValueError(f"an image is optimised as {' or '.join(RATES)}, not {space!r}")
    settings = settings_of(space, robust, priors, transforms)
    if start is None:
        image = started(settings, len(titles), (height, width), seed)
    else:
        image = begun(settings, start_images(network, start, len(titles), (height, width)))
    rate = RATES[space] if rate is None else rate
    moments = ascend(network, settings.less_costs(objective), image, steps=step_count(steps),
                     optimiser=settings.optimiser(rate), transform=settings.transform, priors=settings.changes,
                     seed=seed)  # fmt: skip
    how = f"{settings.how('' if start is None else ' from a given start')}, Adam with rate {rate:g}"
    results = stepped(network, objective, image, unit_alone(objective, moments), steps, Synthesis,
                      titles=tuple(titles), how=how, seed=seed)  # fmt: skip
    for result in results:
        yield painted(result, image) if isinstance(image, CPPN) else result


RATES = {"fourier": 0.02, "pixels": 0.02, "cppn": 0.005}


def started(settings: Settings, many: int, size: Size, seed: int) -> Image:
    """Images of a kind as they are before the first step."""
    if settings.space == "cppn":
        return CPPN(many, size, generator=generator(seed))
    if settings.space == "fourier":
        return settings.spectrum(many, size, seed)
    return Pixels(noise(many, size, generator=generator(seed)))


def begun(settings: Settings, images: Tensor) -> Image:
    """An image of a kind that starts at the given ones (N, 3, H, W) in [0, 1]."""
    if settings.space == "cppn":
        raise ValueError("a cppn can't begin at images, as no function is known that paints them; choose another space")
    return settings.spectrum_of(images) if settings.space == "fourier" else Pixels(images)


def painted(result: Synthesis, image: CPPN) -> Painted:
    """The result with what paints its images; of results on the way, after the step."""
    known = {field.name: getattr(result, field.name) for field in fields(Synthesis)}
    return Painted(painter=copy.deepcopy(image), **known)
