"""Class images: what a classifier takes for the best example of a class, by one of seven published recipes.

    x* = argmax over x of S_c(x) - cost(x)

S_c is the class's score before the softmax (K. Simonyan, A. Vedaldi and A. Zisserman, 2014). What the recipes differ in
is what keeps the image natural: `recipes.py` has their values and sources.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..instrument import instrument
from ..instrument.roles import ClassName
from ..network import Network, NoScoresError
from ..network.answers import no_classifier
from ..picture import compact, grid
from .engine.answers import LOGITS, in_words
from .engine.ascent import Moment, evaluated
from .engine.objectives import Objective, Size, Term, unit
from .engine.options import image_count, input_size, precision, step_count
from .engine.recipes import RecipeName, followed, recipe_of
from .engine.stepping import stepped
from .engine.synthesis import Synthesis, pixels

PROBABILITY = "probability"
WITHIN, MOST = 99.5, 1e6  # percent of the values within the range where contrast is raised, and how far it is at most
AMPLIFIED = ", but where a factor of contrast stands below: distances from mid-grey times that."


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassImage(Synthesis):
    """Images of a class, and the probability that the network itself gives it in each."""

    label: str
    index: int
    recipe: str
    probabilities: Tensor  # (N,)

    @property
    def contrasts(self) -> Tensor:
        """How many times the contrast that the images have is drawn (N,)."""
        return contrasts(self.images, [self.recipe] * len(self.images))

    @property
    def shown(self) -> Tensor:
        return stretched(self.images, self.contrasts)

    def frame(self) -> np.ndarray:
        return grid(pixels(self.shown), scale=1).pixels

    @property
    def labels(self) -> list[str]:
        values = zip(self.titles, self.scores, self.probabilities, self.contrasts, strict=True)
        return [caption_of(*each) for each in values]

    @property
    def caption(self) -> str:
        return f"{super().caption.removesuffix('.')}{AMPLIFIED if (self.contrasts > 1).any() else '.'}"

    @property
    def heading(self) -> str:
        return f"{self.label}, by recipe {self.recipe}"

    @property
    def progress(self) -> str:
        return f"{self.label}: {compact(float(self.scores.float().mean()))}"

    def to_dict(self) -> dict[str, Any]:
        fields = {"label": self.label, "index": self.index, "recipe": self.recipe}
        return super().to_dict() | fields | {"probabilities": self.probabilities.tolist()}


def contrasts(images: Tensor, recipes: Sequence[str]) -> Tensor:
    """The factor by which the contrast of each image (N, 3, H, W) is drawn (N,).

    1, except for Yosinski's recipes: the factor that brings 99.5 % of the values into range, as they may be far below
    one level of 255.

    Their program, too, saves the image about its zero, as far as there is room, beside the image as it is.
    """
    result = torch.ones(len(images))
    for index, recipe in enumerate(recipes):
        if recipe.startswith("yosinski"):
            far = float(np.percentile((images[index] - 0.5).abs().float().numpy(), WITHIN))
            result[index] = min(max(1.0, 0.5 / max(far, 1e-9)), MOST)
    return result


def stretched(images: Tensor, factors: Tensor) -> Tensor:
    """The images with their distance from mid-grey times the factors (N,)."""
    return (0.5 + (images - 0.5) * factors[:, None, None, None]).clamp(0, 1)


def caption_of(title: str, score: Tensor, probability: Tensor, contrast: Tensor) -> str:
    """What stands below an image."""
    times = f", contrast × {compact(float(contrast))}" if contrast > 1 else ""
    return f"{title}: score {compact(float(score))}, p {chance(float(probability))}{times}"


@instrument
def class_image(
    network: Network,
    label: ClassName,
    *,
    recipe: RecipeName = "fourier",
    size: int | tuple[int, int] | None = None,
    steps: int | None = None,
    batch: int = 1,
    seed: int = 0,
) -> Iterator[ClassImage]:
    """Images that maximise the score of a class.

    The result's `scores` and `probabilities` are those of the class, before and after the softmax, in the final images;
    in results before the last, the images are seen through the recipe's transforms. `history` has the recipe's whole
    objective at every step. Recipes that keep the best image of all steps return the best so far, also if you stop
    them.

    Raises LookupError for a class that does not exist, ValueError for an unknown recipe.

    - `label`: the class, by its name or its number
    - `recipe`: a spectrum seen in random crops (fourier), phases only (maco), Simonyan's (l2) or one of Yosinski's four
    - `size`: the image's side in pixels, or height and width; the network's usual input if not given
    - `steps`: how many steps of gradient ascent to take; the recipe's own number if not given
    - `batch`: how many images of the class, from different starts
    - `seed`: seed of the start and the transforms; the same seed gives the same images
    """
    rule = recipe_of(recipe)
    shape = input_size(network, size)
    many = image_count(batch, "batch", shape, network, [LOGITS])
    steps = rule.steps if steps is None else step_count(steps)
    index = class_number(network, label, shape)
    name = in_words(network, index)
    aim = unit(network, f"{LOGITS}:{index}", shape) + watched_probability(network, [index] * many)
    score = aim.terms[0][1].name
    objective, image, moments = followed(network, aim, rule, many, shape, steps=steps, seed=seed)
    raised = score if rule.cost is None else (Objective(aim.terms[:1]) - rule.cost).name
    latest: list[Moment] = []
    same = {"titles": (name,) * many, "label": name, "index": index, "recipe": recipe, "how": rule.how, "seed": seed}
    results = stepped(network, objective, image, keeping_last(moments, latest), steps, ClassImage,
                      probabilities=torch.zeros(0), **same)  # fmt: skip
    for result in results:
        parts = {key: part.cpu() for key, part in latest[-1].parts.items()}
        if result.step == steps:
            parts = final_parts(network, aim, result.images)
        yield replace(result, objective=raised, scores=parts[score], probabilities=parts[PROBABILITY])


def final_parts(network: Network, aim: Objective, images: Tensor) -> dict[str, Tensor]:
    """The objective's parts for the images as they are, in full precision; no gradient."""
    with torch.no_grad():
        values = evaluated(network, aim, images.to(network.device, precision(network)), precise=True)
        return {name: part.cpu() for name, part in aim.parts(values).items()}


def class_number(network: Network, label: Any, size: Size) -> int:
    """The number of the class that a name or a number means. ValueError where classes have maps, and no score each."""
    shape = network.layer(LOGITS, size).shape
    if len(shape) != 1:
        raise NoScoresError(no_classifier(network.name, torch.empty(1, *shape), 1))
    channel = network.address(f"{LOGITS}:{label}", size).channel
    assert channel is not None
    return int(channel)


def watched_probability(network: Network, classes: list[int]) -> Objective:
    """The probability of each image's class as a part of weight 0: read from the same run, and not asked for."""

    def measure(scores: Tensor) -> Tensor:
        return network.probabilities(scores.detach())[torch.arange(len(scores)), classes]

    return Objective(((0.0, Term(PROBABILITY, (LOGITS,), measure)),))


def keeping_last(moments: Iterable[Moment], latest: list[Moment]) -> Iterator[Moment]:
    """The moments, each of them left in `latest` while it is the last."""
    for moment in moments:
        latest[:] = [moment]
        yield moment


def chance(probability: float) -> str:
    """A probability with three places; 0.9996 is not 1."""
    if probability > 0.999:
        return "> 0.999"
    return "< 0.001" if probability < 0.001 else f"{probability:.3f}"
