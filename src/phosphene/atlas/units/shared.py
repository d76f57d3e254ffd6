"""The units that some images share: those whose strongest patches come from them more often than chance would have it.

Of an atlas's N images, K are chosen. Were the n images of a unit's strongest patches drawn at random, the number X of
them among the chosen would be hypergeometric; with x found,

    lift = (x / n) / (K / N)      p = P(X >= x)

and `q` is the lowest false discovery rate at which the unit counts, among all units of the layers that were asked about
(Y. Benjamini and Y. Hochberg, 1995). It is the question of naming.py the other way round: there a unit is given and its
label asked, here images are given and their units asked. Images that answer alike at the end of a unit's list do not
count, for the reason given there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...instrument import Result, instrument
from ...instrument.roles import AtlasLike, LayerName
from ...picture import Sheet, Table, compact, counted
from ..opened import OpenedAtlas, opened
from ..store.store import Store
from ..store.sweep_rows import images_of, units_of
from ..store.work import Sweep
from .naming import LEVEL, tied

LISTED = 40  # units that the sheet and the table hold


@dataclass(frozen=True)
class SharedUnit:
    """A unit and what speaks for it."""

    unit: str  # its address
    among: int  # images of its strongest patches that are among the chosen
    of: int  # images of its strongest patches
    lift: float
    p: float
    q: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Shared(Result):
    """The units that the chosen images share, the surest first; all of them, also those that chance explains."""

    network: str
    layers: tuple[str, ...]
    chosen: int  # images
    images: int  # of the atlas
    level: float
    units: tuple[SharedUnit, ...] = field(repr=False)

    @property
    def sure(self) -> tuple[SharedUnit, ...]:
        """Those that chance does not explain at the level."""
        return tuple(unit for unit in self.units if unit.q <= self.level)

    def sheet(self, *, most: int = LISTED) -> Sheet:
        """The units with their counts, lift and q.

        - `most`: how many units to list
        """
        sure = len(self.sure)
        caption = (
            f"{counted(sure, 'unit')} of {len(self.units):,} in {counted(len(self.layers), 'layer')} "
            f"{'has' if sure == 1 else 'have'} q of at most {self.level:g}. Lift: how many times as often as in a "
            "random choice. q: the lowest false discovery rate at which the unit counts (Benjamini and Hochberg)."
        )
        title = f"Units that {counted(self.chosen, 'image')} share"
        block = self._listed(most)
        words = f"{self.network}: {title.lower()}; {caption}"
        subtitle = f"{self.network} · of {self.images:,} images"
        return Sheet(title, subtitle, [block], caption=caption, description=words, width=900)

    def table(self) -> Table:
        return self._listed(LISTED)

    def _listed(self, most: int) -> Table:
        rows = [
            (unit.unit, f"{unit.among} of {unit.of}", compact(unit.lift), compact(unit.q, 2))
            for unit in self.units[:most]
        ]
        return Table(("unit", "strongest patches from them", "lift", "q"), rows)

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "layers": list(self.layers),
            "chosen": self.chosen,
            "images": self.images,
            "level": self.level,
            "units": [vars(unit) for unit in self.units[: 10 * LISTED]],
        }


@instrument
def atlas_shared(
    atlas: AtlasLike,
    numbers: int | Sequence[int] | None = None,
    *,
    labelled: str | None = None,
    layer: LayerName | None = None,
    level: float = LEVEL,
    sweep: str | None = None,
) -> Shared:
    """The units whose strongest patches come from the chosen images more often than chance would have it.

    Raises LookupError for an image or a label that the atlas does not have, ValueError where none is chosen.

    - `numbers`: the images' numbers in the atlas, such as 3,17,40
    - `labelled`: all images of this label, instead of numbers
    - `layer`: only this layer's units; all layers' if not given
    - `level`: the false discovery rate up to which a unit counts
    - `sweep`: which sweep, where several networks have a layer of that name
    """
    if not 0 < level < 1:
        raise ValueError(f"level is a rate between 0 and 1, not {level}")
    atlas = opened(atlas)
    held = atlas.sweep(layer, name=sweep) if layer else atlas.newest(atlas.sweeps(sweep), "sweeps")
    ids, chosen = _chosen(atlas, held, numbers, labelled)
    layers = (layer,) if layer else tuple(held.work.layers)
    units = _judged(atlas.store, held, layers, ids, chosen)
    return Shared(
        network=held.network, layers=layers, chosen=len(chosen), images=len(ids), level=level, units=tuple(units)
    )


def _chosen(
    atlas: OpenedAtlas, sweep: Sweep, numbers: int | Sequence[int] | None, label: str | None
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of all images, and of the chosen ones."""
    rows = images_of(atlas.store, sweep)
    ids = rows.column("id").to_numpy()
    if (numbers is None) == (label is None):
        raise ValueError("choose images by their numbers, or by a label")
    if label is not None:
        labels = np.array(rows.column("label").to_pylist(), object)
        chosen = ids[labels == label]
        if not len(chosen):
            raise LookupError(f"no image of the atlas {atlas.path!r} has the label {label!r}")
        return ids, chosen
    chosen = np.unique([numbers] if isinstance(numbers, int) else list(numbers or ()))
    if not len(chosen):
        raise ValueError("no images are chosen; give the numbers of some")
    if missing := sorted(set(chosen.tolist()) - set(ids.tolist())):
        raise LookupError(f"the atlas {atlas.path!r} has no image of number {missing[0]}")
    return ids, chosen


def _judged(store: Store, sweep: Sweep, layers: Sequence[str], ids: np.ndarray, chosen: np.ndarray) -> list[SharedUnit]:
    from scipy.stats import false_discovery_control, hypergeom

    names, among, drawn = [], [], []
    for layer in layers:
        units = units_of(store, sweep, layer)
        columns = (units.column(name).to_pylist() for name in ("channel", "values", "images"))
        for channel, values, images in zip(*columns, strict=True):
            own = list(set(images[: len(images) - tied(values, sweep.work.k)]))
            names.append(f"{layer}:{channel}")
            among.append(int(np.isin(own, chosen).sum()))
            drawn.append(len(own))
    x, n = np.array(among), np.array(drawn)
    p = np.where(n > 0, hypergeom.sf(x - 1, len(ids), len(chosen), n), 1.0)
    q = false_discovery_control(p)
    lift = np.divide(x * len(ids), n * len(chosen), out=np.zeros(len(x)), where=n > 0)
    order = np.lexsort((-lift, -x, q))
    return [SharedUnit(names[i], among[i], drawn[i], float(lift[i]), float(p[i]), float(q[i])) for i in order]
