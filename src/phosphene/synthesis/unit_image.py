"""A unit's sheet: what it would like to see beside what it saw.

Synthesised images show what drives a unit and nothing that merely comes with it; photos show what it meets in the world
(C. Olah, A. Mordvintsev and L. Schubert, Feature visualization, 2017). Either misleads without the other. The images
are pushed apart by their Gram matrices (`diversity`), the photos' patches are the unit's receptive field at its
strongest place, at most one a photo, the strongest first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..instrument import instrument
from ..instrument.roles import Photos, UnitName
from ..network import UNKNOWN, Address, Network
from ..picture import Block, DrawingBlock, ImageBlock, Row, Sheet, Table, TextBlock, compact, grid
from ..picture.chart import over_steps
from .engine.ascent import ascend, evaluated
from .engine.collection import PhotoAnswers, look_through
from .engine.objectives import Objective
from .engine.options import count, generator, image_count, input_size, positive, precision, step_count
from .engine.recipes import fading, fourier
from .engine.stepping import stepped
from .engine.synthesis import WIDTH, Synthesis, tiled
from .engine.transforms import PIECES
from .facets.diversity import WEIGHT, objective_at, pushed_apart, single

SIDE = 224  # pixels of a patch on the sheet
MOST = 10  # a ratio that is told as a number


@dataclass(frozen=True)
class Patch:
    """A photo's part that the unit answers to."""

    photo: str
    value: float  # at the unit's strongest place
    score: float  # of the whole photo, as images are scored
    place: tuple[int, int] | None  # row and column of the unit


@dataclass(frozen=True, eq=False, kw_only=True)
class UnitImage(Synthesis):
    """Images that were made for a unit, and the photos' patches that it answers to most."""

    sees: str  # the unit's receptive field, in words
    patches: tuple[Patch, ...] = ()
    patch_pixels: np.ndarray = field(default_factory=lambda: np.zeros((0, SIDE, SIDE, 3), np.uint8), repr=False)
    looked_at: int = 0  # photos
    best_photo: str = ""  # the one with the highest score
    best_score: float = float("nan")
    peak: float = float("nan")  # the largest value that the unit has at any place of any image; known at the end
    unreadable: tuple[str, ...] = ()

    def sheet(self) -> Sheet:  # type: ignore[override]
        """The images, the patches below them, the way of the scores, and the best image beside the best photo."""
        labels = [compact(float(score)) for score in self.scores]
        blocks: list[Block] = [tiled(self.images, labels, len(labels), "What it would like to see")]
        if self.patches:
            tiles = grid(self.patch_pixels, columns=min(8, len(self.patches)), gutter=16)
            heading = f"What it answers to most among {self.looked_at} photos"
            labels = [compact(patch.value) for patch in self.patches]
            width = WIDTH * min(1, len(self.patches) / 4 if len(self.patches) < 4 else min(8, len(self.patches)) / 8)
            block = ImageBlock(tiles.pixels, heading, cells=tiles.cells, labels=labels, width=width, crisp=False)
            blocks.append(block)
        series, names = [self.history.mean(1).tolist(), self.history.amax(1).tolist()], ["mean", "highest"]
        if self.patches:
            series, names = [*series, [self.best_score] * len(self.history)], [*names, "best photo"]
        plot = over_steps(series, names, up=self.objective, width=560)
        blocks.append(Row([DrawingBlock(plot), self._table()], gap=48))
        if not self.patches:
            blocks.append(TextBlock("No photos were given to compare with.", "muted"))
        return self.sheet_of(blocks, f"{self.network} · {self.sees}")

    def _table(self) -> Table:
        rows = [(self._measure, compact(float(self.scores.max())), compact(self.best_score), _times(self.ratio))]
        if self.patches and self.patches[0].place is not None:
            value = self.patches[0].value
            strongest = ("strongest place", compact(self.peak), compact(value), _times(_over(self.peak, value)))
            rows.insert(0, strongest)
        if not self.patches:
            return Table(["", "best image"], [row[:2] for row in rows])
        return Table(["", "best image", "best photo", "ratio"], rows)

    @property
    def _measure(self) -> str:
        """What the score is, in a table that has the strongest place as well."""
        return "score" if not self.patches or self.patches[0].place is None else "score, mean over places"

    @property
    def ratio(self) -> float:
        """The best image's score as a multiple of the best photo's; NaN where that is not above 0, or not known."""
        return _over(float(self.scores.max()), self.best_score)

    @property
    def heading(self) -> str:
        return f"The unit {self.objective}"

    @property
    def caption(self) -> str:
        if not self.patches:
            return super().caption
        values = "Patches show what the unit can see at its strongest place, with its value there"
        return f"{super().caption} {values}; a photo's score is taken like an image's, over the whole of it."

    def to_dict(self) -> dict[str, Any]:
        return {
            **super().to_dict(),
            "sees": self.sees,
            "peak": self.peak,
            "photos": self.looked_at,
            "best_photo": {"photo": self.best_photo, "score": self.best_score} if self.patches else None,
            "patches": [
                {"photo": each.photo, "value": each.value, "score": each.score, "place": each.place}
                for each in self.patches
            ],
            "unreadable": list(self.unreadable),
        }


@instrument
def unit_image(
    network: Network,
    target: UnitName,
    photos: Photos | None = None,
    *,
    images: int = 4,
    patches: int = 8,
    weight: float = WEIGHT,
    size: int | tuple[int, int] | None = None,
    steps: int = 256,
    seed: int = 0,
    rate: float = 0.02,
) -> Iterator[UnitImage]:
    """A unit's synthesised images, beside the patches of photos with its highest activations.

    Raises LookupError for a target that does not exist, ValueError for one that no gradient reaches.

    - `target`: which unit: a channel such as 'blocks.3:17', a neuron such as 'blocks.3:17@5,6', a class, 'logits:goose'
    - `photos`: photos or folders, in which to find its strongest patches; files that can't be read are named
    - `images`: how many images to make
    - `patches`: how many patches to show, at most
    - `weight`: the weight of similarity between images, as a share of the score; 0 for none
    - `size`: the images' side in pixels, or height and width; the network's usual input if not given
    - `steps`: how many steps of gradient ascent to take
    - `seed`: seed of the starts and the transforms; the same seed gives the same images
    - `rate`: Adam's step size
    """
    shape, steps = input_size(network, size), step_count(steps)
    many = image_count(images, "images", shape, network, [target])
    weight = positive(weight, "weight", zero=True)
    base, at = objective_at(network, target, None, shape)
    fields: dict[str, Any] = {"sees": _sees(network, single(network, target, shape), shape)}
    if photos is not None:
        answers = look_through(network, photos, network.address(target))
        fields |= _strongest(network, answers, count(patches, "patches"))
    image = fourier(many, shape, generator(seed))
    objective = base if many == 1 else pushed_apart(base, at, weight)
    moments = (
        replace(moment, scores=moment.parts[base.name])
        for moment in ascend(
            network, objective, image, steps=steps, optimiser=fading(rate), transform=PIECES, seed=seed
        )
    )
    how = f"Fourier image in decorrelated colours, seen in pieces, turned and under noise, Adam with rate {rate:g}"
    if many > 1 and weight:
        how += f", less {weight:g} × the score for each image's likeness to the others"
    for result in stepped(network, base, image, moments, steps, UnitImage, titles=(base.name,) * many, how=how,
                         seed=seed, **fields):  # fmt: skip
        ended = result.step == steps
        yield replace(result, peak=_peak(network, base, result.images)) if ended else result


def _peak(network: Network, base: Objective, images: Tensor) -> float:
    """The largest value that the unit has at any place of the images."""
    with torch.no_grad():
        values = evaluated(network, base, images.to(network.device, precision(network)), precise=True)
    return max(float(value.max()) for value in values.values())


def _over(image: float, photo: float) -> float:
    return image / photo if photo > 0 else float("nan")


def _times(ratio: float) -> str:
    """A ratio in words; where what it is over is near 0, it says no more than that it is large."""
    if ratio != ratio:
        return "–"
    return f"over {MOST} ×" if ratio > MOST else f"{compact(ratio)} ×"


def _strongest(network: Network, answers: PhotoAnswers, most: int) -> dict[str, Any]:
    """The strongest patches, and the photo with the highest score."""
    order = np.lexsort((-answers.scores, -answers.values))[:most]
    strongest = tuple(
        Patch(answers.names[index], float(answers.values[index]), float(answers.scores[index]),
              None if answers.cells[index][0] < 0 else (int(answers.cells[index][0]), int(answers.cells[index][1])))
        for index in order
    )  # fmt: skip
    best = int(answers.scores.argmax())
    return {
        "patches": strongest,
        "patch_pixels": np.stack([answers.patch(network, int(index), SIDE) for index in order]),
        "looked_at": len(answers.names),
        "best_photo": answers.names[best],
        "best_score": float(answers.scores[best]),
        "unreadable": answers.unreadable,
    }


def _sees(network: Network, address: Address, size: tuple[int, int]) -> str:
    """How much of the input the unit sees, in words."""
    window = network.receptive_field(Address(address.layer, address.channel), None, size)
    return "what it sees is not known" if window is UNKNOWN else f"receptive field {window}"
