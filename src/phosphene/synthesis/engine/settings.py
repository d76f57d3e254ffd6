"""What keeps an image natural: an instrument's own priors and transforms, or those that its caller gives instead.

    objective − costs,    pixels ← what the priors change,    a spectrum's properties,    what the network sees

An instrument has usual settings for each kind of image that it optimises; `override` replaces them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from torch import Tensor

from .ascent import Moment, Optimisers, adam
from .images.image import Fourier, Image
from .named import CODE, USUAL, Priors, Transforms, priors_of, spec_of, transform_of
from .objectives import Objective, Size
from .options import generator, positive
from .priors import Colours, Fade, Falling, OfSpectrum, Prior
from .recipes import POWER, RATE, Recipe, fading, fourier
from .transforms import PIECES, Transform

IN_PIECES = "seen in pieces, turned and under noise"
SPACES = {"fourier": "a spectrum", "pixels": "pixels", "cppn": "a function of the place", "phases": "phases alone",
          "squashed": "the sigmoid of an image"}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """Priors and the transform for one kind of image, a key of `SPACES`.

    `view` is the transform in words, `priors_text` the priors.
    """

    space: str
    priors: tuple[Objective | OfSpectrum | Prior, ...] = ()
    transform: Transform | None = None
    view: str = ""
    priors_text: str = ""  # only of priors that the caller gave
    fades: bool = True  # whether Adam takes the steps, which can let a spectrum fade

    def override(self, priors: Priors | None = None, transforms: Transforms | None = None) -> Settings:
        """These settings with the caller's priors or transforms instead of their own; None changes nothing.

        Raises ValueError for a prior that this kind of image can't have.
        """
        result = self
        if priors is not None:
            parts = priors_of(priors, self.priors)
            for each in parts:
                self._check(each)
            result = replace(result, priors=parts, priors_text=f"priors {self._texts(parts)}")
        if transforms is not None:
            transform = transform_of(transforms, self.transform)
            view = "seen as it is" if transform is None else f"seen under {spec_of(transform)}"
            result = replace(result, transform=transform, view=view)
        return result

    def _texts(self, parts: Iterable[Objective | OfSpectrum | Prior]) -> str:
        """The priors as a text, in which those that only this instrument has are the word 'usual'."""
        texts = [(each, spec_of(each)) for each in parts]
        words = [USUAL if text.startswith(CODE) and each in self.priors else text for each, text in texts]
        return ",".join(words) or "none"

    def _check(self, prior: Objective | OfSpectrum | Prior) -> None:
        what = f"and {SPACES[self.space]} {'are' if self.space in ('pixels', 'phases') else 'is'} optimised here"
        if isinstance(prior, OfSpectrum) and self.space != "fourier":
            raise ValueError(f"the prior {spec_of(prior)} is one of a spectrum (fourier), {what}")
        if isinstance(prior, Fade) and not self.fades:
            raise ValueError("the prior fade belongs to Adam's steps, and L-BFGS takes the steps here; leave it out")
        if not isinstance(prior, (Objective, OfSpectrum)) and self.space != "pixels":
            raise ValueError(f"the prior {spec_of(prior)} changes pixels after each step, {what}")

    def how(self, beginning: str = "") -> str:
        """The kind of image, its `beginning`, and what keeps it natural, in words."""
        return ", ".join(filter(None, (f"{self.image}{beginning}", self.view, self.priors_text)))

    @property
    def image(self) -> str:
        """The kind of image, in words."""
        if self.space == "fourier":
            return f"Fourier image {self.colours}"
        return {
            "pixels": "image of pixels",
            "squashed": "image of pixels",
            "cppn": "image as a function of the place (CPPN)",
        }[self.space]

    @property
    def colours(self) -> str:
        """A spectrum's colours, in words."""
        return f"in {'decorrelated colours' if self.decorrelated else 'red, green and blue'}"

    @property
    def cost(self) -> Objective | None:
        """The sum of the terms, to be subtracted from what is asked."""
        terms = tuple(term for each in self.priors if isinstance(each, Objective) for term in each.terms)
        return Objective(terms) if terms else None

    @property
    def changes(self) -> tuple[Prior, ...]:
        """What changes the pixels after each step."""
        return tuple(each for each in self.priors if not isinstance(each, (Objective, OfSpectrum)))

    def less_costs(self, objective: Objective) -> Objective:
        """The objective minus the costs of the priors."""
        return objective if self.cost is None else objective - self.cost

    def optimiser(self, rate: float) -> Optimisers:
        """Adam; if one of the priors is `fade`, the spectrum fades."""
        rate = positive(rate, "rate", zero=True)
        if self.space != "fourier":
            return adam(rate)
        fade = next((each for each in reversed(self.priors) if isinstance(each, Fade)), Fade(0.0))
        return fading(rate, fade.share)

    @property
    def power(self) -> float:
        """Of a spectrum's frequency, by which it is divided."""
        return next((each.power for each in reversed(self.priors) if isinstance(each, Falling)), POWER)

    @property
    def decorrelated(self) -> bool:
        """Whether a spectrum's colours are."""
        kinds = [each.kind for each in self.priors if isinstance(each, Colours)]
        return not kinds or kinds[-1] == "decorrelated"

    @property
    def spectrum_options(self) -> dict[str, Any]:
        """The options of a spectrum that differ from the usual ones of `Fourier`, because a prior names them."""
        powers = [each.power for each in self.priors if isinstance(each, Falling)]
        return ({"decay": powers[-1]} if powers else {}) | ({} if self.decorrelated else {"decorrelated": False})

    def spectrum(self, many: int, size: Size, seed: int) -> Image:
        """Images of this kind of spectrum that start from noise."""
        return fourier(many, size, generator(seed), power=self.power, decorrelated=self.decorrelated)

    def spectrum_of(self, images: Tensor) -> Image:
        """Images of this kind of spectrum that start from `images` (N, 3, H, W) in [0, 1]."""
        return Fourier.of(images, decay=self.power, decorrelated=self.decorrelated)


def usual_settings(space: str = "fourier", robust: bool = True, view: str = IN_PIECES) -> Settings:
    """What keeps images of units natural: a spectrum that fades, seen in pieces; pixels seen in pieces; a function of
    the place as it is.
    """
    fades = (Fade(),) if space == "fourier" else ()
    return Settings(space, fades, PIECES, view) if robust and space != "cppn" else Settings(space, fades)


def settings_of(space: str, robust: bool, priors: Priors | None, transforms: Transforms | None) -> Settings:
    """The usual settings with the caller's own; `robust=False` switches the usual transforms off.

    Raises ValueError if `robust` is False and transforms are given.
    """
    check_robust(robust, transforms)
    return usual_settings(space, robust).override(priors, transforms)


def check_robust(robust: bool, transforms: Transforms | None) -> None:
    """ValueError if transforms are both switched off and given."""
    if not robust and transforms is not None:
        raise ValueError("robust is switched off, which is transforms='none', and transforms are given; leave out one")


def unit_alone(objective: Objective, moments: Iterable[Moment]) -> Iterator[Moment]:
    """The moments with the scores of this objective alone, without the costs of priors."""
    for moment in moments:
        yield replace(moment, scores=moment.parts[objective.name])


def variant(recipe: Recipe, priors: Priors | None, transforms: Transforms | None) -> Recipe:
    """The recipe with other priors or transforms, and words that say so."""
    if priors is None and transforms is None:
        return recipe
    parts: list[Objective | OfSpectrum | Prior] = [*recipe.priors]
    parts += [] if recipe.cost is None else [recipe.cost]
    parts += [Fade()] if recipe.space == "fourier" else []
    new = Settings(recipe.space, tuple(parts), recipe.transform).override(priors, transforms)
    changes = ", ".join(filter(None, (new.view, new.priors_text)))
    result = replace(
        recipe, how=f"{recipe.how}; changed: {changes}", transform=new.transform, cost=new.cost, priors=new.changes
    )
    if recipe.space != "fourier":
        return result
    start = partial(fourier, power=new.power, decorrelated=new.decorrelated)
    return replace(result, start=start, optimiser=new.optimiser(RATE))
