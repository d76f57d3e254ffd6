"""Occlusion: cover a part of the image and see by how much the answer drops (M. Zeiler and R. Fergus, 2013).

A window slides over the image and takes away what is below it; the drop of a unit's value, clean minus covered, belongs
to that place. Every covered image differs from the clean one in one rectangle, and so does every value that a network
computes from it, in one that grows from layer to layer: only those are computed anew. The answer is the one that
running all covered images gives, which is checked on some of them in every call. It comes in steps, a batch of places
each; which place comes when is decided by what is cheapest to compute together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...instrument import instrument
from ...instrument.roles import Images, Target
from ...network import OUTPUTS, Network
from ...network.partial.editing import Part, in_parts
from ...network.room import check_room
from ...network.running.outputs import main_tensor, per_image
from ...network.running.seam import OUTPUT
from ...picture import (
    Block,
    ColourBar,
    ImageBlock,
    Sheet,
    apply_range,
    capital,
    colour,
    compact,
    enlarge,
    grid,
    map_range,
)
from ..maps.attribution import Attribution, photo_fields
from ..maps.fills import Fill, check_count, fill_values_of
from ..maps.fixed_units import whole
from ..maps.overlay_rows import map_over_photo, map_rows, sheet_width
from ..maps.paging import page_of
from ..maps.targets import Question, questions, units

PLACE = 800  # bytes that a place takes beside its values, at least; measured 850
WIDTH = 340.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Occlusion(Attribution):
    """Drops (N, rows, columns) of a value, clean minus covered, one for each place of the window.

    In a step on the way, places that have not been covered yet have none: NaN, and clear in pictures.
    """

    drops: Tensor = field(repr=False)
    covered: Tensor = field(repr=False)  # bool, as large as the drops: the places that have been covered
    window: tuple[int, int]
    shape: Tensor = field(repr=False)  # bool, as large as the window: the pixels that are covered
    stride: tuple[int, int]
    tops: tuple[int, ...] = field(repr=False)  # of the window's rows of places
    lefts: tuple[int, ...] = field(repr=False)
    size: tuple[int, int]  # of the network's input
    fill: str
    saved: float  # share of the operations that was not needed

    @property
    def maps(self) -> Tensor:
        return self.values

    @property
    def signed(self) -> bool:
        return True

    @property
    def step(self) -> int:
        """How many places of all images have been covered."""
        return int(self._images(self.covered).sum())

    @property
    def steps(self) -> int:
        """How many places there are in all images."""
        return self._images(self.covered).numel()

    @property
    def progress(self) -> str:
        drops = self.drops[self.covered]
        return f"largest drop {compact(float(drops.max()))}" if len(drops) else ""

    @property
    def finished(self) -> bool:
        return bool(self.covered.all())

    def _images(self, covered: Tensor) -> Tensor:
        """One row for each image: several targets of one image are asked about together."""
        return covered if len(self.photos) > 1 else covered[:1]

    @property
    def values(self) -> Tensor:
        """(N, H, W): at every pixel of the input the mean drop of the windows that cover it, NaN where none does."""
        total = self.drops.new_zeros(len(self.drops), *self.size)
        count = total.clone()
        (height, width), shape = self.window, self.shape.to(self.drops)
        for row, top in enumerate(self.tops):
            for column, left in enumerate(self.lefts):
                window = (..., slice(top, top + height), slice(left, left + width))
                there = self.covered[:, row, column, None, None]
                total[window] += torch.where(there, self.drops[:, row, column, None, None], 0) * shape
                count[window] += there * shape
        return torch.where(count > 0, total / count.clamp(min=1), torch.nan)

    def frame(self) -> np.ndarray:
        """The first map over its photo (height, width, 3), uint8; the photo is clear where nothing is known yet."""
        return map_over_photo(*self.photo(0), self.values[0])

    def sheet(self, *, range: str = "symmetric", page: int = 1) -> Sheet:
        """The drop at each place, and over the photo: warm where covering lowers the value, cold where it raises it.

        - `range`: how drops become colours: symmetric (about zero), minmax, percentile:low:high or low:high
        - `page`: which page of twelve maps, from 1
        """
        indices, where = page_of(len(self.drops), page, "maps")
        blocks: list[Block] = []
        mapped = map_range(self.drops[indices].float().cpu().numpy(), range, "tile")
        spread = self.values[indices].float().cpu().numpy()
        rows, columns = self.drops.shape[1:]
        for at, index in enumerate(indices):
            photo, frame = self.photo(index)
            shares = apply_range(spread[at], mapped.ranges[at])
            cells = grid(
                colour(mapped.values01[at : at + 1], "diverging"), scale=max(1, int(WIDTH) // max(rows, columns))
            )
            clear = enlarge(255 * self.covered[index].cpu().numpy().astype(np.uint8), cells.scale)
            pixels = cells.pixels if self.finished else np.dstack([cells.pixels, clear])
            drops = ImageBlock(pixels, heading=f"drop at {rows} × {columns} places", width=WIDTH)
            bars = [ColourBar("diverging", mapped.ranges[at], "drop where covered")]
            text = f"{self.targets[index]} · {compact(float(self.scores[index]))}"
            blocks += map_rows(text, photo, frame, [drops], shares, self.signed, [], bars, WIDTH)
        (h, w), (sy, sx) = self.window, self.stride
        what = "window" if self.shape.all() else f"window of {int(self.shape.sum())} pixels within"
        how = f"{what} {h} × {w} px, every {sy} × {sx} px, filled with {self.fill}"
        how += "" if self.finished else f"; stopped after {self.step} of {self.steps} places"
        caption = f"{capital(how)}; {self.saved:.0%} of the operations saved. {capital(mapped.caption())}."
        target_names = ", ".join(self.targets[index] for index in indices)
        text = f"{self.network}, occlusion of {target_names} on {self.names}; {how}; {mapped.caption()}"
        return Sheet(
            "Occlusion",
            f"{self.network} on {self.names}{where}",
            blocks,
            caption=caption,
            width=sheet_width(3, WIDTH),
            description=text,
            ranges=mapped.ranges,
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "targets": list(self.targets),
            "scores": [float(score) for score in self.scores],
            "window": list(self.window),
            "stride": list(self.stride),
            "fill": self.fill,
            "saved": self.saved,
            "tops": list(self.tops),
            "lefts": list(self.lefts),
            "drops": self.drops.tolist(),
            "step": self.step,
            "steps": self.steps,
        }


@instrument
def occlusion(
    network: Network,
    images: Images,
    target: Target = None,
    *,
    window: int | tuple[int, int] | Tensor = 32,
    stride: int | tuple[int, int] = 16,
    fill: Fill | Tensor = "mean",
    batch: int | None = None,
) -> Iterator[Occlusion]:
    """The drop of a score when a sliding window covers a part of the image; exact, at a fraction of the usual cost.

    Each step covers more places. If the last of them does not agree with a plain run, the steps begin again.

    In Python a window can have any shape, as a bool tensor (height, width) of the pixels that it covers, and the fill
    can be a tensor as large as the image. Raises LookupError for a target that does not exist, ValueError for images,
    windows and fills that don't fit.

    - `target`: a class or unit, such as 'logits:goose', 'probabilities:goose' or 'blocks.3:17' (its largest
      activation); if not given, each image's best class
    - `window`: the window's side in pixels of the network's input, or its height and width
    - `stride`: pixels from one place of the window to the next, or down and across
    - `fill`: values of covered pixels: mean (the image's mean colour), zero (zeros in the network's input), blur (the
      blurred image) or noise (with the image's mean and spread, the same at every place)
    - `batch`: how many covered images run at once; as many as fit into memory if not given
    """
    if batch is not None:
        whole(batch, "batch", 1)
    x = network.inputs(images).detach()
    check_count(fill, len(x))
    question = questions(network, x, target)
    size = (int(x.shape[-2]), int(x.shape[-1]))
    shape, wide = _shape(window), _pair(stride, "stride")
    high = (int(shape.shape[0]), int(shape.shape[1]))
    if high[0] > size[0] or high[1] > size[1]:
        raise ValueError(
            f"a window of {high[0]} × {high[1]} px does not fit into the input of {size[0]} × {size[1]} px"
        )
    tops, lefts = (_places(n, w, s) for n, w, s in zip(size, high, wide, strict=True))
    values = 2 * torch.Size(network.layer(question.layer, size).shape).numel() + x.shape[1] * high[0] * high[1]
    where = f"{{}} places of a window of {high[0]} × {high[1]} px (a larger stride has fewer)"
    check_room(len(tops) * len(lefts), PLACE + values * x.element_size(), where)
    each = [Question(question.layer, question.addresses[i : i + 1], ()) for i in range(len(x))]
    asked = [question] if len(x) == 1 else each
    layer = OUTPUT if question.layer == "probabilities" else question.layer
    cleans = [
        _answers_to(network, asked[i], main_tensor(network.record(x[i : i + 1], layer)[layer]), x[i : i + 1])[:, 0]
        for i in range(len(x))
    ]
    scores = torch.cat(cleans)
    drops = scores.new_full((len(scores), len(tops) * len(lefts)), torch.nan)
    covered = torch.zeros(drops.shape, dtype=torch.bool, device=drops.device)
    saved: list[float] = []
    about = photo_fields(network, images)
    for index, clean in enumerate(cleans):
        rows = slice(None) if len(x) == 1 else slice(index, index + 1)
        fill_values = fill_values_of(x[index : index + 1], fill, index)
        saved.append(0.0)
        for part in _parts(network, x[index : index + 1], layer, fill_values, shape, tops, lefts, batch):
            if part.anew:
                drops[rows], covered[rows] = torch.nan, False
            edits = torch.tensor(part.edits, device=drops.device)
            answers = _answers_to(network, asked[index], part.values, x[index : index + 1])
            drops[rows, edits], covered[rows, edits] = clean[:, None] - answers, True
            saved[-1] = part.saved
            yield Occlusion(
                method="occlusion", targets=question.names, drops=drops.view(-1, len(tops), len(lefts)).clone(),
                covered=covered.view(-1, len(tops), len(lefts)).clone(), scores=scores, window=high, shape=shape,
                stride=wide, tops=tops, lefts=lefts, size=size, fill=fill if isinstance(fill, str) else "a given image",
                saved=sum(saved) / len(saved), **about,
            )  # fmt: skip


def _parts(
    network: Network, image: Tensor, layer: str, cover: Tensor, shape: Tensor, tops: Sequence[int],
    lefts: Sequence[int], batch: int | None,
) -> Iterator[Part]:  # fmt: skip
    """The layer's values for the image covered at each place, some places at a time."""
    corners = [(top, left) for top in tops for left in lefts]
    (height, width), hides = shape.shape, shape.to(image.device)
    cut = [(..., slice(t, t + height), slice(x, x + width)) for t, x in corners]
    patches = torch.cat([torch.where(hides, cover[at], image[at]) for at in cut])
    return in_parts(network, image, patches, [t for t, _ in corners], [x for _, x in corners], layer, batch)


def _answers_to(network: Network, question: Question, value: Tensor | None, image: Tensor) -> Tensor:
    """The value of each question for each image: (T, n)."""
    assert value is not None
    if question.layer in OUTPUTS and (scores := per_image(value, len(value))) is not None:
        value = network.probabilities(scores) if question.layer == "probabilities" else scores
    size = (int(image.shape[-2]), int(image.shape[-1]))
    rows = []
    for address in question.addresses:
        each = Question(question.layer, (address,) * len(value), ())
        rows.append(value.flatten(1).gather(1, units(network, each, value, size)[:, None])[:, 0])
    return torch.stack(rows)


def _shape(window: int | Sequence[int] | Tensor) -> Tensor:
    """The pixels that a window covers: bool (height, width)."""
    if not isinstance(window, Tensor):
        return torch.ones(_pair(window, "window"), dtype=torch.bool)
    if window.ndim != 2 or window.dtype != torch.bool or not window.any():
        raise ValueError(f"a window's shape is a bool tensor (height, width) with some True, not {window.dtype} "
                         f"of shape {tuple(window.shape)}")  # fmt: skip
    return window.cpu()


def _pair(value: int | Sequence[int], name: str) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(hasattr(side, "__index__") and side >= 1 for side in pair):
        raise ValueError(f"a {name} is a number of pixels or (height, width), at least 1, not {value!r}")
    return int(pair[0]), int(pair[1])


def _places(size: int, window: int, stride: int) -> tuple[int, ...]:
    """Where windows begin along an axis: every `stride` pixels, and at the end, so that all is covered once."""
    starts = list(range(0, size - window + 1, stride))
    return tuple(starts if starts[-1] == size - window or stride > window else [*starts, size - window])
