"""How the units of a layer answer over a whole data set: mean, share of places where they are active, quantiles.

All are over all places of all images, but for the quantiles, which are read from up to 4 places of each image
(summary.py) and to within an eighth of their value (sketch.py). A unit that never rises above 0 is dead where a
rectifier follows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ...instrument import Result, instrument
from ...instrument.roles import AtlasLike, LayerName
from ...picture import Block, DrawingBlock, Sheet, Table, TextBlock, counted
from ...picture.chart import Axis, Chart, Curve, Series
from ..opened import opened
from ..store.sweep_rows import count_of, units_of
from ..sweep import sketch
from ..sweep.summary import SAMPLED

if TYPE_CHECKING:
    import pyarrow as pa

SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
SHOWN = (0.5, 0.95, 0.999)  # quantiles that the picture draws, below the largest value
MARGINS = (60.0, 80.0)  # beside the plots, so that a unit stands at one place in both
Order = Literal["largest", "active", "mean", "channel"]


@dataclass(frozen=True, eq=False)
class Measured:
    """What the atlas holds of the channels (C,) of a layer, but for their patches."""

    count: int  # values of a channel: images × places
    mean: np.ndarray
    active: np.ndarray  # the share of values above 0
    largest: np.ndarray
    counts: np.ndarray = field(repr=False)  # (C, bins): the sketch

    @classmethod
    def of(cls, units: pa.Table) -> Measured:
        """From the rows of a layer, in the order of its channels."""
        count = int(units.column("count")[0].as_py())
        counts = np.zeros((units.num_rows, sketch.BINS), np.int32)
        for row, (bins, many) in enumerate(
            zip(units.column("bins").to_pylist(), units.column("counts").to_pylist(), strict=True)
        ):
            counts[row, bins] = many
        largest = [values[0] if values else np.nan for values in units.column("values").to_pylist()]
        total, active = (units.column(name).to_numpy() for name in ("total", "active"))
        return cls(count, total / max(count, 1), active / max(count, 1), np.array(largest), counts)

    def quantiles(self, shares: tuple[float, ...] = SHARES) -> np.ndarray:
        """(C, shares), none above the largest value."""
        return np.minimum(sketch.quantiles(self.counts, shares), self.largest[:, None])

    @property
    def dead(self) -> tuple[int, ...]:
        """The channels that are never above 0."""
        return tuple(int(channel) for channel in np.flatnonzero(~(self.largest > 0)))


@dataclass(frozen=True, eq=False, kw_only=True)
class Statistics(Result):
    """The statistics of a layer's channels (C,)."""

    network: str
    layer: str
    images: int
    places: int  # of the layer's maps
    mean: np.ndarray = field(repr=False)
    active: np.ndarray = field(repr=False)  # the share of all values above 0
    largest: np.ndarray = field(repr=False)
    shares: tuple[float, ...]
    quantiles: np.ndarray = field(repr=False)  # (C, shares)
    dead: tuple[int, ...]  # channels that are never above 0

    def sheet(self, *, order: Order = "largest") -> Sheet:
        """Quantiles and shares of active places of all units, in the same order, and the number of dead units.

        - `order`: how the units are ordered: by their largest value, the share of places where they are active, their
          mean, or their number
        """
        if order not in get_args(Order):
            raise ValueError(f"units are ordered by {', '.join(get_args(Order))}, not {order!r}")
        channels = len(self.mean)
        at = np.arange(channels) if order == "channel" else np.argsort(-getattr(self, order), kind="stable")
        values = [self.largest[at], *(self._quantile(share)[at] for share in reversed(SHOWN))]
        names = ["largest", *(f"{100 * share:g} %" for share in reversed(SHOWN))]
        across = "channel" if order == "channel" else f"units, ordered by {_ORDERED[order]}, from the highest"
        units = np.arange(channels)

        def chart(series: list[Series], up: Axis, height: float) -> DrawingBlock:
            drawn = Chart(series, Axis(across, whole=True), up, 1060.0, height, margins=MARGINS).drawing()
            return DrawingBlock(drawn, headings[len(series) == 1])

        headings = "Quantiles of each unit", "How often each unit is above 0"
        curves: list[Series] = [Curve(units, row, name) for row, name in zip(values, names, strict=True)]
        often: list[Series] = [Curve(units, 100 * self.active[at], "active")]
        blocks: list[Block] = [
            chart(curves, Axis("activation"), 300.0),
            chart(often, Axis("share of places", low=0, high=100, unit=" %"), 190.0),
            self._extremes(),
            TextBlock(self.told, "muted"),
        ]
        caption = (
            f"Over {counted(self.images, 'image')} of {counted(self.places, 'place')} each; quantiles of "
            f"up to {SAMPLED} places an image."
        )
        words = f"{self.network}: statistics of the {channels} units of {self.layer}; {caption}"
        return Sheet(
            f"How the units of {self.layer} answer",
            self.network,
            blocks,
            caption=caption,
            width=1156,
            description=words,
        )

    @property
    def told(self) -> str:
        """Whether there are dead units, in a sentence."""
        many = len(self.mean)
        if not self.dead:
            return f"Each of the {many} units is above 0 somewhere."
        listed = ", ".join(map(str, self.dead[:40])) + (" …" if len(self.dead) > 40 else "")
        count_text = "1 is" if len(self.dead) == 1 else f"{len(self.dead)} are"
        return f"Of {many} units {count_text} never above 0, and dead where a rectifier follows: {listed}."

    def _extremes(self) -> Table:
        """The layer's span: for each number the lowest, the middle and the highest unit."""
        cases = [("mean", self.mean), ("active places, %", 100 * self.active), ("99 % quantile", self._quantile(0.99)),
                 ("largest value", self.largest)]  # fmt: skip
        rows = []
        for name, values in cases:
            low, high = int(np.nanargmin(values)), int(np.nanargmax(values))
            rows.append(
                [name, float(values[low]), f"unit {low}", float(np.nanmedian(values)), float(values[high]),
                 f"unit {high}"]
            )  # fmt: skip
        return Table(["over the layer's units", "lowest", "of", "median", "highest", "of"], rows)

    def _quantile(self, share: float) -> np.ndarray:
        return self.quantiles[:, self.shares.index(share)]

    def rows(self) -> list[dict[str, Any]]:
        """A row a channel, for a table."""
        return [
            {
                "channel": channel,
                "mean": float(self.mean[channel]),
                "active": float(self.active[channel]),
                "largest": float(self.largest[channel]),
                **{f"{100 * share:g} %": float(self.quantiles[channel, i]) for i, share in enumerate(self.shares)},
            }
            for channel in range(len(self.mean))
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "layer": self.layer,
            "images": self.images,
            "places": self.places,
            "dead": list(self.dead),
            "units": self.rows(),
        }


_ORDERED = {"largest": "their largest value", "active": "how often they are active", "mean": "their mean"}


@instrument
def atlas_statistics(atlas: AtlasLike, layer: LayerName, *, sweep: str | None = None) -> Statistics:
    """Statistics of each unit of a layer over the whole data set: its mean, how often it is active, its quantiles.

    Raises LookupError for a layer whose units the atlas does not store, ValueError if no image has run yet.

    - `layer`: which layer; the atlas's info lists those that it stores
    - `sweep`: which sweep to use, if several networks have a layer of this name
    """
    atlas = opened(atlas)
    swept = atlas.sweep(layer, name=sweep)
    units = units_of(atlas.store, swept, layer)
    measured = Measured.of(units)
    images = count_of(atlas.store, swept)
    return Statistics(
        network=swept.network, layer=layer, images=images, places=measured.count // max(images, 1),
        mean=measured.mean, active=measured.active, largest=measured.largest, shares=SHARES,
        quantiles=measured.quantiles(), dead=measured.dead,
    )  # fmt: skip
