"""Activation maps: what every channel of a layer gives on an image, as tiles, or one channel over the photo.

At one place of the layer, `blocks.3@5,6`, a channel gives one number: all of them side by side, and the largest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..input_photo import first_of, input_box, photo_of, seen, units_of
from ..instrument import Result, instrument
from ..instrument.roles import Images, LayerName
from ..network import Box, Frame, Network
from ..picture import Block, ColourBar, ImageBlock, Photo, Row, Sheet, colour, counted, grid, map_range, overlay
from .place_picture import sheet_of_place

TILES_A_PAGE = 256
WIDTH = 1104  # pixels inside a sheet's margins


@dataclass(frozen=True, eq=False, kw_only=True)
class Activations(Result):
    """The maps of one layer on the images."""

    layer: str
    network: str
    channel: int | None
    values: np.ndarray = field(repr=False)  # (N, C, rows, columns)
    photo: Photo = field(repr=False)  # the first image, and where the network's input lies in it
    frame: Frame = field(repr=False)
    place: tuple[int, int] | None = None  # row and column, where one place was asked about; values are of it alone
    box: Box | None = None  # what its units see, in the photo's pixels; None where that is not known, or of all places

    def sheet(
        self,
        *,
        range: str | None = None,
        per: Literal["tile", "picture"] = "tile",
        order: Literal["index", "strongest"] = "index",
        map: Literal["grey", "sequential", "diverging"] = "grey",
        page: int = 1,
        columns: int | None = None,
    ) -> Sheet:
        """The first image's maps: all channels as tiles, or the chosen channel beside and over the photo.

        At one place the channels' activations are bars, in the `order` asked for, beside the photo with what they see.

        - `range`: how activations become brightness: minmax (the tiles' default), symmetric (one channel's, if it goes
          below zero), percentile, unit or low:high
        - `per`: whether each tile has its own range or all share one
        - `order`: channels by number, or by their largest activation
        - `map`: colours of the tiles
        - `page`: which page of the tiles, from 1
        - `columns`: tiles in a row
        """
        options = {"range": range, "per": per, "order": order, "map": map, "page": page, "columns": columns}
        if order not in ("index", "strongest"):
            raise ValueError(f"order is index or strongest, not {order!r}")
        if columns is not None and columns < 1:
            raise ValueError(f"a grid has at least one column, not {columns}")
        if self.place is not None:
            return sheet_of_place(self, self._photo_names, self.place, order)
        if self.channel is not None:
            return self._over_the_photo(range, options)
        maps = self.values[0]
        numbers = np.arange(len(maps))
        if order == "strongest":
            numbers = np.argsort(-maps.max((1, 2)), kind="stable")
        pages = -(-len(maps) // TILES_A_PAGE)
        if not 1 <= page <= pages:
            raise ValueError(f"{self.layer} has {pages} page{'s' * (pages > 1)} of maps, no page {page}")
        numbers = numbers[(page - 1) * TILES_A_PAGE : page * TILES_A_PAGE]
        mapped = map_range(maps[numbers], range or "minmax", per)
        count, rows, wide = mapped.values01.shape
        columns = columns or min(16, max(4, round((count * 1.4 * rows / wide) ** 0.5)))
        scale = max(1, min(96, WIDTH // columns - 12) // wide)
        tiled = grid(colour(mapped.values01, map), columns=columns, scale=scale, gutter=6)
        labels = [str(number) for number in numbers]
        where = f" · page {page} of {pages}" if pages > 1 else ""
        subtitle = f"{self.network} on {self._photo_names} · {counted(len(maps), 'channel')} of {rows} × {wide}{where}"
        block = ImageBlock(tiled.pixels, cells=tiled.cells, labels=labels, width=min(WIDTH, tiled.pixels.shape[1]))
        width = min(WIDTH, max(640, tiled.pixels.shape[1])) + 96
        caption = f"{self.network}, {self.layer} on {self.photo.name}: activations by channel; {mapped.caption()}"
        return Sheet(
            f"Activations of {self.layer}",
            subtitle,
            [block],
            caption=mapped.caption(),
            width=width,
            description=caption,
            ranges=mapped.ranges,
        )

    def _over_the_photo(self, range: str | None, options: dict[str, Any]) -> Sheet:
        mapped = map_range(self.values[0], range or ("symmetric" if self.values[0].min() < 0 else "minmax"), "picture")
        view, frame = seen(self.photo, self.frame)
        box = input_box(view, frame)
        signed = mapped.ranges[0].low < 0 < mapped.ranges[0].high and mapped.ranges[0].rule == "symmetric"
        map = "diverging" if signed else "sequential"
        strength = abs(2 * mapped.values01[0] - 1) if signed else mapped.values01[0]
        over = overlay(view.pixels, mapped.values01[0], map, 0.1 + 0.75 * np.nan_to_num(strength), box=box)
        cells = grid(colour(mapped.values01, map), scale=max(1, 340 // max(mapped.values01.shape[1:])))
        width = 340.0
        row = Row(
            [
                ImageBlock(view.pixels, heading="photo", width=width, crisp=False),
                ImageBlock(cells.pixels, heading=f"channel {self.channel}", width=width),
                ImageBlock(over, heading="over the photo", width=width, crisp=False),
            ]
        )
        rows, columns = self.values.shape[2:]
        subtitle = f"{self.network} on {self._photo_names} · {rows} × {columns} place{'s' * (rows * columns != 1)}"
        blocks: list[Block] = [row, ColourBar(map, mapped.ranges[0], "activation")]
        caption = f"{self.network}, {self.layer}:{self.channel} on {self.photo.name}; {mapped.caption()}"
        return Sheet(
            f"{self.layer}:{self.channel}",
            subtitle,
            blocks,
            caption=mapped.caption(),
            description=caption,
            ranges=mapped.ranges,
        )

    @property
    def _photo_names(self) -> str:
        return first_of(self.photo.name, len(self.values))

    def to_dict(self) -> dict[str, Any]:
        first = self.values[0]
        numbers = [self.channel] if self.channel is not None else list(range(len(first)))
        return {
            "network": self.network,
            "layer": self.layer,
            "place": None if self.place is None else list(self.place),
            "shape": list(self.values.shape),
            "channels": [
                {
                    "channel": number,
                    "lowest": float(values.min()),
                    "highest": float(values.max()),
                    "mean": float(values.mean()),
                    "share_above_0": float((values > 0).mean()),
                }
                for number, values in zip(numbers, first, strict=True)
            ],
        }


@instrument
def activations(network: Network, images: Images, layer: LayerName, *, channel: int | None = None) -> Activations:
    """The activation maps of a layer for photos, or for a tensor that is already the network's input.

    Transformers' tokens are arranged on their grid; vectors are maps of one place. Raises LookupError for a layer or
    channel that does not exist.

    - `layer`: which layer's maps, one channel's ('blocks.2:17'), or what all channels give at one place, row and column
      from 0 ('blocks.2@5,6'); `phosphene layers` lists them
    - `channel`: one channel only, drawn over the photo
    """
    units = units_of(network, images, layer, channel)
    place, channel = units.place, None if units.channel is None else int(units.channel)
    if place is not None and channel is not None:
        raise ValueError(f"{str(units)!r} is one unit, and its activation one number; strongest shows it on the photo")
    layer = units.layer
    values = network.maps(images, layer)
    if channel is not None:
        if not 0 <= channel < values.shape[1]:
            last = values.shape[1] - 1
            raise LookupError(f"{layer} of {network.name} has channels 0 to {last}, no {channel}")
        values = values[:, channel : channel + 1]
    photo, frame = photo_of(network, images)
    box = None
    if place is not None:
        values = values[:, :, place[0] : place[0] + 1, place[1] : place[1] + 1]
        field = network.receptive_field(layer, place, frame.size)
        box = frame.source(field) if isinstance(field, Box) else None
    return Activations(
        layer=layer,
        network=network.name,
        channel=channel,
        values=values.detach().float().cpu().numpy(),
        photo=photo,
        frame=frame,
        place=place,
        box=box,
    )
