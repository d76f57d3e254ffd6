"""One class by several recipes side by side: what each prior keeps out of the image, and what it costs in score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..instrument import Result, instrument
from ..instrument.roles import ClassName
from ..network import Network
from ..picture import Block, Sheet, Table, grid
from .class_image import AMPLIFIED, ClassImage, caption_of, class_image, class_number, contrasts, stretched
from .engine.options import input_size, step_count
from .engine.recipes import RECIPES, recipe_of
from .engine.synthesis import WIDTH, pixels, tiled


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassRecipes(Result):
    """Images of one class, one for each recipe; those that have not begun are grey and score NaN."""

    network: str
    label: str
    index: int
    recipes: tuple[str, ...]
    images: Tensor = field(repr=False)  # (recipes, 3, H, W) in [0, 1]
    scores: Tensor  # (recipes,): before the softmax
    probabilities: Tensor  # (recipes,)
    step: int
    steps: int
    seed: int

    @property
    def progress(self) -> str:
        begun = int(torch.isfinite(self.scores).sum())
        return f"{self.label}, recipe {begun} of {len(self.recipes)}: {self.recipes[max(begun - 1, 0)]}"

    @property
    def roughness(self) -> Tensor:
        """Each image's root mean square difference between neighbouring pixels, over that of its pixels from their
        mean: 1.41 for noise, below 0.4 for most photos of 224 px.
        """
        across = (self.images[..., 1:] - self.images[..., :-1]).flatten(1).square().mean(1).sqrt()
        return across / self.images.flatten(2).var(2, correction=0).mean(1).sqrt().clamp(min=1e-12)

    @property
    def contrasts(self) -> Tensor:
        """How many times the contrast that the images have is drawn (recipes,)."""
        return torch.where(torch.isfinite(self.scores), contrasts(self.images, self.recipes), 1.0)

    def frame(self) -> np.ndarray:
        return grid(pixels(stretched(self.images, self.contrasts)), scale=1).pixels

    def sheet(self, *, columns: int = 4) -> Sheet:
        """The images with their scores, and a line about each recipe.

        - `columns`: images in a row
        """
        factors = self.contrasts
        labels = [
            caption_of(*each) for each in zip(self.recipes, self.scores, self.probabilities, factors, strict=True)
        ]
        table = Table(
            ("recipe", "how", "source"), [(name, RECIPES[name].how, RECIPES[name].source) for name in self.recipes]
        )
        blocks: list[Block] = [tiled(stretched(self.images, factors), labels, columns), table]
        height, width = self.images.shape[-2:]
        stopped = "" if self.step == self.steps else f", stopped after {self.step} of {self.steps} steps"
        caption = (
            f"{height} × {width} px{stopped}, seed {self.seed}. The score is the network's, before the softmax, and "
            f"p its probability, in the image as it is. Colours as they are, in [0, 1]"
            f"{AMPLIFIED if (factors > 1).any() else '.'}"
        )
        heading = f"{self.label}, by {len(self.recipes)} recipes"
        return Sheet(
            heading,
            self.network,
            blocks,
            caption=caption,
            width=WIDTH + 96,
            description=f"{self.network}: {heading}; {caption}",
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "label": self.label,
            "index": self.index,
            "recipes": list(self.recipes),
            "scores": self.scores.tolist(),
            "probabilities": self.probabilities.tolist(),
            "roughness": self.roughness.tolist(),
            "seed": self.seed,
        }


@instrument
def class_recipes(
    network: Network,
    label: ClassName,
    *,
    recipes: Sequence[str] | None = None,
    size: int | tuple[int, int] | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> Iterator[ClassRecipes]:
    """Images of one class by several recipes, side by side.

    The recipes are compared as they are; to change the priors or transforms of one, use class_image. Raises LookupError
    for a class that does not exist, ValueError for an unknown recipe.

    - `label`: the class, by its name or its number
    - `recipes`: which recipes; all seven if not given
    - `size`: the image's side in pixels, or height and width; the network's usual input if not given
    - `steps`: how many steps each recipe takes; the recipe's own number if not given
    - `seed`: seed of the starts and the transforms; the same seed gives the same images
    """
    names: tuple[Any, ...] = (
        tuple(RECIPES) if recipes is None else (recipes,) if isinstance(recipes, str) else tuple(recipes)
    )
    if not names:
        raise ValueError(f"no recipe was given; name some of {', '.join(RECIPES)}")
    shape = input_size(network, size)
    index = class_number(network, label, shape)
    many = [recipe_of(name).steps if steps is None else step_count(steps) for name in names]
    images = torch.full((len(names), 3, *shape), 0.5)
    scores, probabilities = (torch.full((len(names),), torch.nan) for _ in range(2))
    before = 0
    for row, name in enumerate(names):
        results: Iterator[ClassImage] = class_image.steps(
            network, index, recipe=name, size=shape, steps=many[row], seed=seed
        )
        for each in results:
            images, scores, probabilities = images.clone(), scores.clone(), probabilities.clone()
            images[row], scores[row], probabilities[row] = each.images[0], each.scores[0], each.probabilities[0]
            yield ClassRecipes(network=network.name, label=each.label, index=index, recipes=names, images=images,
                               scores=scores, probabilities=probabilities, step=before + each.step, steps=sum(many),
                               seed=seed)  # fmt: skip
        before += many[row]
