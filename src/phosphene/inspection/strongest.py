"""A layer's strongest units on a photo: which channels answer most, where, and what these units see.

A unit is one place of one channel. Channels are ordered by their largest activation; for each the place of it is taken
and its receptive field drawn in the photo's own pixels: everything that can have moved the unit, and nothing more. The
resizing before the network is counted in: a pixel of the input is made of several of the photo's.

At one place of the layer, `blocks.3@5,6`, channels are ordered by their activation there instead: what answers *here*.

A bounded activation such as ReLU6 lets many units reach the same largest value. Channels that share it are ordered by
their mean, and of a channel's places that share it the middle one is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..input_photo import address_of, first_of, input_box, peaks, photo_of, seen
from ..instrument import Result, instrument
from ..instrument.roles import Images, LayerName
from ..network import UNKNOWN, Box, Frame, Network
from ..picture import ColourBar, ImageBlock, Photo, Row, Sheet, compact, draw_boxes, map_range, overlay

PATCH = 200  # pixels of a patch's width at most
OWN = "each unit's own window"  # a layer whose windows are of no one size


@dataclass(frozen=True)
class Unit:
    """A channel's strongest place on the photo, or the one that was asked about."""

    channel: int
    row: int
    column: int
    value: float
    box: Box | None  # what the unit sees, in the photo's pixels; None where it is not known


@dataclass(frozen=True, eq=False, kw_only=True)
class Strongest(Result):
    """The strongest units of a layer, best first, with the maps of their channels."""

    layer: str
    network: str
    receptive_field: str  # of the layer, in words
    units: tuple[Unit, ...]
    tied: int  # channels that share the largest value, where they are more than are shown; otherwise 0
    maps: np.ndarray = field(repr=False)  # (k, rows, columns), one for each unit
    photo: Photo = field(repr=False)
    frame: Frame = field(repr=False)
    images: int = 1  # how many were given; the first is looked at
    place: tuple[int, int] | None = None  # row and column, where one place was asked about

    @property
    def where(self) -> str:
        """' at row 5, column 6', where one place was asked about; otherwise nothing."""
        return "" if self.place is None else f" at row {self.place[0]}, column {self.place[1]}"

    def sheet(self) -> Sheet:
        """For each unit the photo with its channel's activation over it and its receptive field, and that patch."""
        highest = float(self.maps.max())
        mapped = map_range(self.maps, (0.0, highest) if highest > 0 else "minmax", "picture")
        view, frame = seen(self.photo, self.frame)
        corner = frame.seen.round()
        height = 240
        blocks: list[Any] = []
        cards = []
        for unit, values in zip(self.units, mapped.values01, strict=True):
            # the photo under the unit's activation
            over = overlay(view.pixels, values, "sequential", 0.85 * values, box=input_box(view, frame))
            pictures = [_tall(over, height)]
            sees = "what it sees is not known"
            # what the unit sees: a box on the photo, and beside it that patch
            if unit.box is not None and unit.box.empty:
                sees = "sees nothing but padding"
            elif unit.box is not None:
                box = unit.box
                scale = height / view.height
                inside = box.within(corner)
                moved = [(inside.left - corner.left) * scale, (inside.top - corner.top) * scale,
                         (inside.right - corner.left) * scale, (inside.bottom - corner.top) * scale]  # fmt: skip
                pictures = [draw_boxes(pictures[0], [tuple(moved)])]  # type: ignore[list-item]
                patch = self.photo.crop((int(box.left), int(box.top), int(box.right), int(box.bottom)))
                pictures.append(_fit(patch.pixels, height, PATCH))
                sees = f"sees {int(box.width)} × {int(box.height)} px of the photo"
            # both with their words
            heading = f"channel {unit.channel} · {compact(unit.value)}"
            caption = sees if self.place else f"row {unit.row}, column {unit.column}; {sees}"
            joined = [ImageBlock(pixels, crisp=False) for pixels in pictures]
            joined[0] = ImageBlock(pictures[0], heading=heading, caption=caption, crisp=False)
            if len(joined) > 1:
                joined[1] = ImageBlock(pictures[1], heading="its patch", crisp=False)
            cards.append(joined)
        # the cards in rows, and the words above and below
        per_row = 2 if view.width / view.height < 1.3 else 1
        blocks = [Row(_aligned(cards, at, per_row), gap=20) for at in range(0, len(cards), per_row)]
        blocks.append(ColourBar("sequential", mapped.ranges[0], "activation"))
        sees = self.receptive_field if self.receptive_field == OWN else f"receptive field {self.receptive_field}"
        subtitle = f"{self.network} on {first_of(self.photo.name, self.images)} · {sees}"
        if self.place:
            subtitle += " · channels in the order of their activation at this place"
        if self.tied:
            subtitle += (
                f" · {self.tied} channels {'have' if self.place else 'reach'} {compact(self.units[0].value)}"
                f"{' there' if self.place else ''}; those of the largest mean are shown"
            )
        width = max(640, max(sum(c.pixels.shape[1] + 20 for c in row.blocks) for row in blocks[:-1])) + 96
        caption = f"{self.network}, {self.layer} on {self.photo.name}: strongest units{self.where}; {mapped.caption()}"
        return Sheet(
            f"The strongest units of {self.layer}{self.where}",
            subtitle,
            blocks,
            caption=mapped.caption(),
            width=width,
            description=caption,
            ranges=mapped.ranges,
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "layer": self.layer,
            "place": None if self.place is None else list(self.place),
            "receptive_field": self.receptive_field,
            "tied": self.tied,
            "units": [
                {
                    "channel": unit.channel,
                    "row": unit.row,
                    "column": unit.column,
                    "value": unit.value,
                    "box": None if unit.box is None else [round(edge, 3) for edge in unit.box.as_tuple()],
                }
                for unit in self.units
            ],
        }


@instrument
def strongest(network: Network, photo: Images, layer: LayerName, *, k: int = 6) -> Strongest:
    """The units of a layer with the highest activations for a photo, and the part of the photo that each of them sees.

    Channels are ordered by their largest activation, then by their mean; each appears once. At one place of the layer
    they are ordered by their activation there. Raises LookupError for a layer or a place that does not exist,
    ValueError for a layer without a grid of places.

    - `layer`: the units of a layer, of one channel ('blocks.2:17'), or of one place, by row and column from 0
      ('blocks.2@5,6'); `phosphene layers` lists the layers
    - `k`: how many units
    """
    if k < 1:
        raise ValueError(f"at least one unit is asked for, not {k}")
    address = address_of(network, photo, layer)
    if address.token is not None:
        raise ValueError(
            f"{layer!r} is a token, which has no place in the photo; name a layer, such as {address.layer!r}"
        )
    layer, channel, place = address.layer, address.channel, address.place
    every = network.inputs(photo)
    images = every[:1]
    maps = network.maps(images, layer)[0].detach().float().cpu().numpy()
    opened, frame = photo_of(network, photo)
    answers = maps.max((1, 2)) if place is None else maps[:, place[0], place[1]]
    best = np.lexsort((-maps.mean((1, 2)), -answers))[:k]
    if channel is not None:
        best = np.array([int(channel)])
    reaching = int((answers == answers.max()).sum())
    size = (int(images.shape[-2]), int(images.shape[-1]))
    units = [_unit(network, layer, int(index), maps[index], place, frame, size) for index in best]
    window = network.layer(layer, size).field
    boxes_by_gradient = window is UNKNOWN and any(unit.box is not None for unit in units)
    return Strongest(
        layer=layer,
        network=network.name,
        receptive_field=OWN if boxes_by_gradient else str(window),
        units=tuple(units),
        tied=reaching if reaching > len(best) and channel is None else 0,
        maps=maps[best],
        photo=opened,
        frame=frame,
        images=len(every),
        place=place,
    )


def _unit(
    network: Network, layer: str, channel: int, values: np.ndarray, place: tuple[int, int] | None, frame: Frame,
    size: tuple[int, int],
) -> Unit:  # fmt: skip
    row, column = place or (int(at) for at in peaks(values))
    box = network.receptive_field(f"{layer}:{channel}", (row, column), size)
    in_photo = frame.source(box) if isinstance(box, Box) else None
    return Unit(channel, row, column, float(values[row, column]), in_photo)


def _aligned(cards: list[list[ImageBlock]], start: int, count: int) -> list[ImageBlock]:
    """The blocks of one row of cards, its patches as wide as the widest of all, so that the rows stand in columns."""
    wide = max((card[1].pixels.shape[1] for card in cards if len(card) > 1), default=0)
    if not wide:
        return [card[0] for card in cards[start : start + count]]
    wide = max(wide, 150)
    row = []
    for card in cards[start : start + count]:
        patch = card[1] if len(card) > 1 else ImageBlock(np.zeros((1, 1, 4), np.uint8))
        row += [card[0], replace(patch, pixels=_widened(patch.pixels, wide))]
    return row


def _widened(pixels: np.ndarray, width: int) -> np.ndarray:
    """The pixels with transparent ones on the right, up to the width."""
    wider = np.zeros((pixels.shape[0], max(width, pixels.shape[1]), 4), np.uint8)
    wider[:, : pixels.shape[1], : pixels.shape[2]] = pixels
    if pixels.shape[2] == 3:
        wider[:, : pixels.shape[1], 3] = 255
    return wider


def _tall(pixels: np.ndarray, height: int) -> np.ndarray:
    """The image at a height, smoothly resized."""
    return _resized(pixels, height, max(1, round(pixels.shape[1] * height / pixels.shape[0])))


def _fit(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The image as large as fits into height x width."""
    scale = min(height / pixels.shape[0], width / pixels.shape[1])
    return _resized(pixels, max(1, round(pixels.shape[0] * scale)), max(1, round(pixels.shape[1] * scale)))


def _resized(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    from PIL import Image

    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
