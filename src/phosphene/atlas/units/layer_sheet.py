"""A layer's sheet: many units side by side, each with the few patches that it answers to most, and its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from ...instrument import Result, instrument
from ...instrument.roles import AtlasLike, LayerName
from ...picture import Drawing, DrawingBlock, Mark, Sheet, Text, compact, counted, shifted, wrap
from ..opened import opened
from ..store.sweep_rows import count_of, units_of
from .naming import Name, named
from .patch import Patch, patches_of
from .statistics import Measured
from .tiles import Cut, Scale, cuts, tile_marks

Order = Literal["channel", "largest", "rarest", "name"]
WIDTH = 1104.0  # inside the sheet's margins
COLUMNS, GAP, GUTTER = 6, 28.0, 4.0
UNNAMED, LINE, SMALL = 24.0, 16.0, 12.0  # above the patches; for each line of a name; its type


@dataclass(frozen=True, eq=False)
class Unit:
    """A channel with its best patches."""

    channel: int
    largest: float
    active: float  # the share of places where it is above 0
    name: Name | None  # None where the images have no labels
    patches: tuple[Patch, ...] = field(repr=False)


@dataclass(frozen=True, eq=False, kw_only=True)
class LayerSheet(Result):
    """Units of a layer with their patches."""

    network: str
    layer: str
    sees: str  # the layer's receptive field, in words
    images: int
    channels: int  # of the layer, of which these are some
    order: str
    page: int
    pages: int
    units: tuple[Unit, ...] = field(repr=False)

    def sheet(self) -> Sheet:
        """The units in a grid, each with its number, its name and its patches at one scale."""
        patches = [patch for unit in self.units for patch in unit.patches]
        many = max((len(unit.patches) for unit in self.units), default=1) or 1
        across = max(1, int(np.ceil(np.sqrt(many))))
        wide = (WIDTH + GAP) / COLUMNS - GAP
        scale = Scale.of(patches, (wide + GUTTER) / across - GUTTER)
        ready_cuts = iter(cuts(patches, scale))
        lines = max(
            (len(wrap(_name_in_words(unit), SMALL, wide)) for unit in self.units if unit.name is not None), default=0
        )
        head = UNNAMED + LINE * lines + 2 * (lines > 0)
        cards = [
            _card(unit, [next(ready_cuts) for _ in unit.patches], scale, across, wide, head) for unit in self.units
        ]
        where = f" · page {self.page} of {self.pages}" if self.pages > 1 else ""
        which = f"{len(self.units)} of {self.channels} units" if len(self.units) < self.channels else "all units"
        subtitle = f"{self.network} · receptive field {self.sees} · {which} {_ORDERED[self.order]}{where}"
        caption = (
            f"For each unit the patches that it answers to most among {counted(self.images, 'image')}, the best first: "
            "all that it sees there, a plain colour for padding at the border. The number is its largest value."
        )
        if any(unit.name is not None and not unit.name.name for unit in self.units):
            caption += " A unit has no name where its images share no label beyond chance."
        title = f"What the units of {self.layer} answer to"
        return Sheet(
            title,
            subtitle,
            [DrawingBlock(_flowed(cards))],
            caption=caption,
            width=WIDTH + 96,
            description=f"{self.network}, {self.layer}: {which}{where}. {caption}",
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "layer": self.layer,
            "sees": self.sees,
            "images": self.images,
            "channels": self.channels,
            "units": [
                {
                    "channel": unit.channel,
                    "largest": unit.largest,
                    "active": unit.active,
                    "name": None if unit.name is None else vars(unit.name),
                    "patches": [patch.to_dict() for patch in unit.patches],
                }
                for unit in self.units
            ],
        }


_ORDERED = {
    "channel": "by number",
    "largest": "of the largest values",
    "rarest": "that are active most rarely",
    "name": "whose names are surest",
}


@instrument
def atlas_layer(
    atlas: AtlasLike,
    layer: LayerName,
    *,
    units: int = 24,
    k: int = 4,
    order: Order = "channel",
    page: int = 1,
    sweep: str | None = None,
) -> LayerSheet:
    """Several units of a layer, each with its strongest patches of the data set.

    Raises LookupError for a layer whose units the atlas does not hold.

    - `layer`: which layer; the atlas's info lists those that it stores
    - `units`: how many units
    - `k`: how many patches of each, at most
    - `order`: which units come first: those with the lowest number (channel), with the largest value (largest), active
      at the fewest places (rarest, dead units last), or with the most certain names (name)
    - `page`: which page of units, from 1
    - `sweep`: which sweep to use, if several networks have a layer of this name
    """
    for name, value in (("units", units), ("k", k)):
        if value < 1:
            raise ValueError(f"{name} is a number above 0, not {value}")
    if order not in get_args(Order):
        raise ValueError(f"units are ordered by {', '.join(get_args(Order))}, not {order!r}")
    atlas = opened(atlas)
    swept = atlas.sweep(layer, name=sweep)
    table = units_of(atlas.store, swept, layer)
    measured = Measured.of(table)
    try:
        names: Sequence[Name] | None = named(atlas.store, swept, table)
    except ValueError:  # no labels
        if order == "name":
            raise
        names = None
    pages = -(-table.num_rows // units)
    if not 1 <= page <= pages:
        raise ValueError(f"there are pages 1 to {pages} of {table.num_rows} units, not {page}")
    channels = _ordered(measured, names, order)[(page - 1) * units : page * units]
    patches = patches_of(atlas, swept, layer, table.take(channels).to_pylist(), k)
    return LayerSheet(
        network=swept.network, layer=layer, sees=atlas.fields(swept, layer).words,
        images=count_of(atlas.store, swept), channels=table.num_rows, order=order, page=page, pages=pages,
        units=tuple(
            Unit(at, float(measured.largest[at]), float(measured.active[at]), names[at] if names else None, tuple(each))
            for at, each in zip(channels, patches, strict=True)
        ),
    )  # fmt: skip


def _ordered(measured: Measured, names: Sequence[Name] | None, order: str) -> list[int]:
    channels = np.arange(len(measured.mean))
    if order == "largest":
        channels = np.argsort(-measured.largest, kind="stable")
    elif order == "rarest":
        channels = np.argsort(np.where(measured.active > 0, measured.active, np.inf), kind="stable")
    elif order == "name" and names is not None:
        channels = np.lexsort(([-each.lift for each in names], [each.p for each in names]))
    return [int(channel) for channel in channels]


def _name_in_words(unit: Unit) -> str:
    """The unit's name."""
    return unit.name.name if unit.name is not None and unit.name.name else "no name"


def _card(unit: Unit, tiles: Sequence[Cut], scale: Scale, across: int, wide: float, head: float) -> Drawing:
    """A unit's number, and its name where images have labels, over its patches."""
    height, width = scale.size
    value = compact(unit.largest)
    marks: list[Mark] = [
        Text(0, 14, str(unit.channel), 14, "bold"),
        Text(wide, 14, value, 12, anchor="end", colour="muted", mono=True),
    ]
    if unit.name is not None:
        colour = "accent" if unit.name.name else "muted"
        marks += [
            Text(0, 32 + LINE * at, line, SMALL, colour=colour)
            for at, line in enumerate(wrap(_name_in_words(unit), SMALL, wide))
        ]
    for index, tile in enumerate(tiles):
        row, column = divmod(index, across)
        marks += shifted(tile_marks(tile, scale), column * (width + GUTTER), head + row * (height + GUTTER))
    rows = max(1, -(-len(tiles) // across))
    return Drawing(wide, head + rows * (height + GUTTER) - GUTTER, tuple(marks))


def _flowed(cards: Sequence[Drawing]) -> Drawing:
    high = max(card.height for card in cards)
    marks: list[Mark] = []
    for index, card in enumerate(cards):
        row, column = divmod(index, COLUMNS)
        marks += shifted(card.marks, column * (card.width + GAP), row * (high + GAP))
    rows = -(-len(cards) // COLUMNS)
    return Drawing(WIDTH, rows * (high + GAP) - GAP, tuple(marks))
