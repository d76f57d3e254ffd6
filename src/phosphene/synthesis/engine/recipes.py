"""Recipes for images of units: which kind of image, under which transforms and priors, by which steps.

Each is a value. The first two are recent practice. The others are what their papers published, over images of pixels,
with two things of our own where the papers leave them open or depend on a network's units: steps have a length that
does not depend on the gradient's (`rate`, the root mean square over pixels, as images are in [0, 1]), and what counts
as nothing is grey, 0.5, where the papers' zero is their data's mean colour. The pixels of J. Yosinski et al. are in
0 … 255 less the mean. Their four mixes (Understanding neural networks through deep visualization, 2015, table 1) are
shares and pixels, which have no unit of brightness, so that these numbers stand as published. Which steps a mix takes
is not: the authors' program (deep-visualization-toolbox, optimize/gradient_optimizer.py) has three policies, among them
a rate that stays (`constant`) and one for a wanted growth of the score (`progress`, which the fourth has here), and
leaves the numbers to its caller; docs/methods/class_image.md tells how ours were found. As in that program, the four
keep the image that scored highest on the way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ...network import Network, near
from .ascent import Moment, Optimisers, adam, adamw, ascend
from .images.image import Fourier, Image, Pixels, noise
from .images.magnitude import Magnitude
from .objectives import Objective, Size
from .optimisers.bounded import Steepest
from .options import generator
from .priors import Blur, ClipContribution, ClipNorm, Decay, Prior, squared_norm
from .transforms import PIECES, Cropped, Noised, Several, Transform

RecipeName = Literal["fourier", "maco", "l2", "yosinski-1", "yosinski-2", "yosinski-3", "yosinski-4"]
Start = Callable[[int, Size, torch.Generator], Image]


@dataclass(frozen=True)
class Recipe:
    """How an image is made; `how` says it in words."""

    how: str
    source: str
    start: Start = field(repr=False)
    optimiser: Optimisers = field(repr=False)
    steps: int
    transform: Transform | None = None
    cost: Objective | None = None  # subtracted from what is asked
    priors: tuple[Prior, ...] = ()
    best: bool = False  # whether the image that scored highest on the way is kept, in the place of the last
    space: str = "pixels"  # what is optimised: pixels, a spectrum (fourier) or phases


RATE = 0.02
POWER = 1.65  # of a frequency, by which it is divided


def fading(rate: float = RATE, share: float | None = None) -> Optimisers:
    """Adam under which a spectrum fades: what no gradient renews is gone after some 1 / (2 · rate) steps.

    `share` is what it loses at every step; 2 · rate if not given.
    """
    return adamw(rate, decay=2.0 if share is None else share / rate if rate else 0.0, betas=(0.5, 0.99))


def steepest(rate: float, shrink: float = 1.0) -> Optimisers:
    """Steps along the gradient that change each image's pixels by `rate`, as their root mean square; each step is
    `shrink` times as long as the one before.
    """

    def optimiser(values: Iterable[Tensor]) -> torch.optim.Optimizer:
        pixels = list(values)
        return Steepest(pixels, rate * math.sqrt(pixels[0][0].numel()), "l2", shrink)

    return optimiser


def progressing(goal: float) -> Optimisers:
    """Steps along the gradient so long that each image's score would grow by `goal`, were it linear."""
    return lambda values: Progress(values, goal)


class Progress(torch.optim.Optimizer):
    """x ← x - rate · g with rate = wanted / |g|² for each image: the policy `progress` of the authors' program."""

    def __init__(self, values: Iterable[Tensor], goal: float) -> None:
        super().__init__(values, {"wanted": goal})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for value in group["params"]:
                squared = value.grad.flatten(1).square().sum(1).clamp(min=1e-30)
                value.sub_(_each(group["wanted"] / squared) * value.grad)


def phases(count: int, size: Size, generator: torch.Generator) -> Image:
    return Magnitude(count, size, generator=generator)


def fourier(
    count: int, size: Size, generator: torch.Generator, *, power: float = POWER, decorrelated: bool = True
) -> Image:
    """A spectrum that falls somewhat faster than photos': as f to the power of -1.65, where they have -1.3 to -1.6."""
    return Fourier(count, size, decay=power, decorrelated=decorrelated, generator=generator)


def grey(count: int, size: Size, generator: torch.Generator) -> Image:
    return Pixels(torch.full((count, 3, *size), 0.5))


def noisy(count: int, size: Size, generator: torch.Generator) -> Image:
    return Pixels(noise(count, size, deviation=10 / 255, generator=generator))


def _yosinski(number: int, optimiser: Optimisers, *priors: Prior) -> Recipe:
    how = " and ".join(_WORDS[type(prior)](prior) for prior in priors)
    source = f"J. Yosinski 2015, table 1, row {number}"
    return Recipe(f"pixels, {how}; the best on the way", source, noisy, optimiser, 256, priors=priors, best=True)


SHRINK = 0.985  # of a step to the next, so that the last of 256 is 47 times as short as the first

_WORDS: dict[type, Callable[[Prior], str]] = {
    Decay: lambda prior: f"decay {prior.rate:g}",  # type: ignore[attr-defined]
    Blur: lambda prior: f"blur {prior.sigma_px:g} px every {prior.every} steps",  # type: ignore[attr-defined]
    ClipNorm: lambda prior: f"{prior.percentile:g} % of smallest norm cleared",  # type: ignore[attr-defined]
    ClipContribution: lambda prior: f"{prior.percentile:g} % of least contribution cleared",  # type: ignore[attr-defined]
}

RECIPES: dict[str, Recipe] = {
    "fourier": Recipe(
        "Fourier image that decays, seen in pieces of 0.5 to 1.2 sides, under noise",
        "after C. Olah 2017, T. Fel 2023",
        fourier,
        fading(),
        256,
        PIECES,
        space="fourier",
    ),
    "maco": Recipe(
        "phases, with photos' magnitudes, seen in pieces of 0.3 to 1 sides, under noise",
        "T. Fel 2023",
        phases,
        adam(0.3),
        256,
        Several((Cropped(0.3, 1.0, 0.0), Noised(0.05))),
        space="phases",
    ),
    "l2": Recipe(
        "pixels, less 100 times their mean squared distance from grey",
        "K. Simonyan 2014, equation 1",
        grey,
        steepest(0.01),
        256,
        cost=100.0 * squared_norm(),
    ),
    "yosinski-1": _yosinski(1, steepest(0.03), Blur(0.5, 4), ClipNorm(50)),
    "yosinski-2": _yosinski(2, steepest(0.15, SHRINK), Decay(0.3), ClipNorm(20)),
    "yosinski-3": _yosinski(3, steepest(0.03), Decay(1e-4), Blur(1.0, 4)),
    "yosinski-4": _yosinski(4, progressing(30), Blur(0.5, 4), ClipContribution(90)),
}
assert tuple(RECIPES) == get_args(RecipeName)


def recipe_of(name: str) -> Recipe:
    """The recipe of that name. ValueError with near ones where there is none."""
    if name not in RECIPES:
        raise ValueError(f"there is no recipe {name!r}{near(name, RECIPES)}; they are {', '.join(RECIPES)}")
    return RECIPES[name]


def followed(
    network: Network, aim: Objective, recipe: Recipe, many: int, size: Size, *, steps: int, seed: int
) -> tuple[Objective, Image, Iterator[Moment]]:
    """What is raised in all, the images, and the moments of the ascent that the recipe takes to what is asked."""
    image = recipe.start(many, size, generator(seed))
    objective = aim if recipe.cost is None else aim - recipe.cost
    moments = ascend(network, objective, image, steps=steps, transform=recipe.transform, optimiser=recipe.optimiser,
                     priors=recipe.priors, seed=seed)  # fmt: skip
    return objective, image, best_kept(image, moments, steps) if recipe.best else moments


def best_kept(image: Image, moments: Iterable[Moment], steps: int) -> Iterator[Moment]:
    """The moments with the images, and their parts, that scored highest so far; `scores` are still those of the step.

    With the last of `steps` the images are put back to these.
    """
    assert isinstance(image, Pixels)
    best: Moment | None = None
    for moment in moments:
        best = moment if best is None else _better(best, moment)
        if moment.step == steps:
            with torch.no_grad():
                image.pixels.copy_(best.images)
        yield replace(best, step=moment.step, scores=moment.scores)


def _better(best: Moment, now: Moment) -> Moment:
    """Of each image the one with the higher score, with what belongs to it."""
    better = now.scores > best.scores
    parts = {name: torch.where(better, part, best.parts[name]) for name, part in now.parts.items()}
    images = torch.where(_each(better), now.images, best.images)
    return Moment(now.step, images, torch.where(better, now.scores, best.scores), parts)


def _each(of_images: Tensor) -> Tensor:
    return of_images[:, None, None, None]
