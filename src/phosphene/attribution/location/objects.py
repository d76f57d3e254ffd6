"""An object out of a saliency map: the map says where to begin, the photo's colours say where the object ends.

Weakly supervised segmentation after K. Simonyan, A. Vedaldi and A. Zisserman (2013, section 3.2): pixels whose saliency
reaches its 95 % quantile teach a colour model of the object, those within the 30 % quantile one of the background, and
a minimum cut gives every pixel to one of them (`grabcut`). No one ever told the network where the object is. Of the
parts that are cut out the one that holds most of the saliency is the object, as in the paper the largest one is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from ...instrument import Result, instrument
from ...instrument.roles import Images, Target
from ...network import Network
from ...picture import Photo, Sheet
from ..maps.answered import Answered, answered
from ..maps.attribution import Attribution
from ..maps.methods import method as named
from ..maps.targets import questions
from .grabcut import cut, largest, opencv, seeded, smoothed
from .objects_picture import sheet_of

LONGEST = 640  # pixels of the side at which objects are cut out; larger photos are reduced, their masks enlarged
SHORTEST = 16


@dataclass(frozen=True, eq=False, kw_only=True)
class Objects(Result):
    """For each target a mask in its photo's pixels, and the seeds that it grew from."""

    attribution: Attribution = field(repr=False)
    masks: tuple[np.ndarray, ...] = field(repr=False)  # (height, width), bool
    inside: tuple[np.ndarray, ...] = field(repr=False)  # seeds of the object, as large as the photo was cut at
    outside: tuple[np.ndarray, ...] = field(repr=False)
    foreground: float
    background: float
    smooth: float
    iterations: int
    answers: tuple[Answered | None, ...] = field(repr=False)  # how each target stands among the network's classes

    @property
    def targets(self) -> tuple[str, ...]:
        return self.attribution.targets

    def photo(self, index: int) -> Photo:
        """The photo that mask number `index` lies in."""
        return self.attribution.photo(index)[0]

    def sheet(self, *, page: int = 1) -> Sheet:
        """Each photo beside its map, the seeds, and the object with its outline.

        - `page`: which page of twelve objects, from 1
        """
        return sheet_of(self, page)

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.attribution.network,
            "method": self.attribution.method,
            "foreground": self.foreground,
            "background": self.background,
            "smooth": self.smooth,
            "iterations": self.iterations,
            "objects": [
                {
                    "target": target,
                    "value": float(score),
                    "photo": self.photo(index).name,
                    "size": list(mask.shape),
                    "share": float(mask.mean()),
                    "box": _box(mask),
                    "seeds": [int(self.inside[index].sum()), int(self.outside[index].sum())],
                }
                | (answer.to_dict() if (answer := self.answers[index]) is not None else {})
                for index, (target, score, mask) in enumerate(
                    zip(self.targets, self.attribution.scores, self.masks, strict=True)
                )
            ],
        }


@instrument
def objects(
    network: Network,
    images: Images,
    target: Target = None,
    *,
    method: str = "grad_cam",
    foreground: float = 0.95,
    background: float = 0.30,
    smooth: float = 0.10,
    iterations: int = 5,
    seed: int = 0,
) -> Objects:
    """The object of a class, cut out of the photo: a saliency map gives seeds, and colours give the border.

    Needs OpenCV: pip install 'phosphene[objects]'. Raises ImportError without it, LookupError for a target or a method
    that does not exist, ValueError for quantiles out of order, for photos of less than 16 pixels a side, and for maps
    with too few different values.

    - `target`: a class or unit, such as 'logits:goose'; if not given, each image's best class
    - `method`: the method of the map: grad_cam, gradient (the paper's), occlusion and others, with options such as
      'occlusion:window=48'
    - `foreground`: pixels at or above this quantile of the map are seeds of the object
    - `background`: pixels at or below this quantile of the map are seeds of the background
    - `smooth`: the width (sigma) of the Gaussian that smooths the map first, as a share of its shorter side; 0 for none
    - `iterations`: how many cuts; after the first, colour models are fitted to the cut before
    - `seed`: seed of the random numbers that start the colour models
    """
    if not 0 <= background < foreground <= 1:
        raise ValueError(f"the quantiles lie as 0 <= background < foreground <= 1, not at {background}, {foreground}")
    if not 0 <= smooth <= 1:
        raise ValueError(f"a map is smoothed by a share of its side, from 0 to 1, not {smooth}")
    if iterations < 1:
        raise ValueError(f"there is at least one cut, not {iterations}")
    opencv()
    attribution = named(method)(network, images, target)
    x = network.inputs(images).detach()
    masks, inside, outside = [], [], []
    for index in range(len(attribution.targets)):
        photo, _ = attribution.photo(index)
        pixels, values = _reduced(photo, attribution.in_photo(index))
        mask, *seeds = grown(pixels, values, foreground, background, smooth, iterations, seed)
        masks.append(_enlarged(mask, photo))
        inside.append(seeds[0])
        outside.append(seeds[1])
    return Objects(
        attribution=attribution, masks=tuple(masks), inside=tuple(inside), outside=tuple(outside),
        foreground=foreground,
        background=background, smooth=smooth, iterations=iterations,
        answers=answered(network, x, questions(network, x, target)),
    )  # fmt: skip


def grown(
    pixels: np.ndarray, values: np.ndarray, foreground: float, background: float, smooth: float, iterations: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """The mask, and the seeds inside and outside, for pixels (height, width, 3) and a map of the same size."""
    rows, columns = np.nonzero(np.isfinite(values))
    side = min(np.ptp(rows), np.ptp(columns)) + 1 if len(rows) else 0
    values = smoothed(values, smooth * side)
    inside, outside = seeded(values, foreground, background)
    return largest(cut(pixels, inside, outside, iterations, seed), values), inside, outside


def _reduced(photo: Photo, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The photo and its map, at most LONGEST pixels long."""
    if min(photo.height, photo.width) < SHORTEST:
        raise ValueError(
            f"{photo.name} is {photo.width} × {photo.height} px; an object is cut out of {SHORTEST} px a side or more"
        )
    factor = LONGEST / max(photo.height, photo.width)
    if factor >= 1:
        return photo.pixels, values
    size = (max(SHORTEST, round(photo.width * factor)), max(SHORTEST, round(photo.height * factor)))
    pixels = np.array(photo.pil().resize(size, Image.Resampling.BOX))
    rows = (np.arange(size[1]) + 0.5) * photo.height // size[1]
    columns = (np.arange(size[0]) + 0.5) * photo.width // size[0]
    return pixels, values[rows.astype(int)[:, None], columns.astype(int)]


def _enlarged(mask: np.ndarray, photo: Photo) -> np.ndarray:
    if mask.shape == (photo.height, photo.width):
        return mask
    shades = Image.fromarray(mask.astype(np.uint8) * 255).resize((photo.width, photo.height), Image.Resampling.BILINEAR)
    return np.array(shades) >= 128


def _box(mask: np.ndarray) -> list[int] | None:
    """(left, top, right, bottom) of a mask; None where it is empty."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return None
    return [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]
