"""Names for units: the label that the images of a unit's strongest patches share most, and whether chance could do it.

After D. Bau et al., Network dissection, 2017, with labels of whole images in place of labelled pixels. Of N labelled
images, K have a label. Were a unit's n images drawn at random, the number X of them with that label would be
hypergeometric; with x found,

    share = x / n      lift = share / (K / N)      p = min(1, L · P(X ≥ x)),

where L, the number of labels, corrects for looking at the best of them (Bonferroni). A layer has many units, some of
which meet a label by chance: a unit is named if its p stands among the layer's by the rule of Y. Benjamini and
Y. Hochberg (1995), so that of the names in a layer no more than `level` are expected to be false. `q` is the lowest
level at which the unit would be named.

Images that answer alike at the end of a unit's list do not count: others, further on in the data set, may answer as
much, as all do to a dead unit. Images that show the same, such as crops of one photo, count as if each were drawn by
itself, and make p too small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from ...instrument import Result, instrument
from ...instrument.roles import AtlasLike, LayerName
from ...picture import Sheet, compact
from ..opened import opened
from ..store.store import Store
from ..store.sweep_rows import labels_of, units_of
from ..store.work import Sweep
from .naming_picture import sheet_of

LEVEL = 0.05
Order = Literal["q", "channel"]


@dataclass(frozen=True)
class Name:
    """What the images of a unit's strongest patches have in common. `name` is empty where chance could do it."""

    channel: int
    name: str
    label: str  # the one that they share most, named or not; empty where none of them has a label
    shared: int  # images with that label
    of: int  # images with any label
    share: float
    lift: float  # how many times its share among all images
    p: float
    q: float

    @property
    def told(self) -> str:
        """What speaks for the name, in words."""
        if not self.label:
            return "no images speak for one: they have no labels, or it answers to them alike"
        counts_text = f"{self.shared} of {self.of} images are {self.label}, {compact(self.lift)} × its share among all"
        chance = f"p = {compact(self.p, 2)}, corrected for the number of labels"
        return f"{counts_text} ({chance}; q = {compact(self.q, 2)} among the layer's units)"


def named(store: Store, sweep: Sweep, units: Any, level: float = LEVEL) -> list[Name]:
    """A name for each row of a layer's units. ValueError where no image has a label."""
    if not 0 < level < 1:
        raise ValueError(f"level is a share between 0 and 1, not {level}")
    counts = labels_of(store, sweep)
    if not counts:
        raise ValueError(
            f"the images of the atlas {store.path!r} have no labels, so units can't be named; labels are the folders "
            "that pictures lie in, or a source's own"
        )
    labels, totals = list(counts), np.array(list(counts.values()))
    lists = [
        set(row[: len(row) - tied(values, sweep.work.k)])
        for values, row in zip(units.column("values").to_pylist(), units.column("images").to_pylist(), strict=True)
    ]
    rows = store.images(sorted(set().union(*lists))).select(["id", "label"]).to_pylist()
    code = {label: at for at, label in enumerate(labels)}
    codes = {row["id"]: code[row["label"]] for row in rows if row["label"] is not None}
    labels_by_unit = [np.array([codes[id] for id in images if id in codes], int) for images in lists]
    return _tested_names(labels_by_unit, totals, labels, level)


def tied(values: Sequence[float], k: int) -> int:
    """How many at the end of a unit's list of `k` values are alike, so that the images' order chose them; or 0."""
    alike = sum(value == values[-1] for value in values)
    return alike if len(values) >= k and alike > 1 else 0


def _tested_names(
    labels_of_unit: Sequence[np.ndarray], totals: np.ndarray, labels: Sequence[str], level: float
) -> list[Name]:
    """Names of units from the codes of their images' labels and the number of images of each label."""
    from scipy.stats import false_discovery_control, hypergeom

    every = int(totals.sum())
    counts = np.stack([np.bincount(codes, minlength=len(labels)) for codes in labels_of_unit])
    sizes = counts.sum(1)
    # of labels that are shared alike, the rarer one says more
    best = np.lexsort((np.broadcast_to(totals, counts.shape), -counts), axis=1)[:, 0]
    shared = counts[np.arange(len(labels_of_unit)), best]
    p = np.minimum(1.0, len(labels) * hypergeom.sf(shared - 1, every, totals[best], sizes))
    q = false_discovery_control(p)  # of each p: the least share of false finds at which it would be one
    result = []
    for channel, (label, x, n) in enumerate(zip(best.tolist(), shared.tolist(), sizes.tolist(), strict=True)):
        if not n:
            result.append(Name(channel, "", "", 0, 0, float("nan"), float("nan"), 1.0, 1.0))
            continue
        text = labels[label]
        lift = x / n * every / float(totals[label])
        name = text if q[channel] <= level else ""
        result.append(Name(channel, name, text, x, n, x / n, lift, float(p[channel]), float(q[channel])))
    return result


@dataclass(frozen=True, eq=False, kw_only=True)
class Names(Result):
    """A name for every unit of a layer, by channel, as far as its strongest patches speak for one."""

    network: str
    layer: str
    names: tuple[Name, ...] = field(repr=False)
    labels: Mapping[str, int]  # label -> images of the data set
    level: float

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, channel: int) -> Name:
        return self.names[channel]

    @property
    def units(self) -> dict[str, list[int]]:
        """The channels of each name, the name with most units first."""
        by_name: dict[str, list[int]] = {}
        for each in self.names:
            if each.name:
                by_name.setdefault(each.name, []).append(each.channel)
        return dict(sorted(by_name.items(), key=lambda pair: -len(pair[1])))

    def sheet(self, *, order: Order = "q", page: int = 1) -> Sheet:
        """The units with their names in a table, and how many units each name has.

        - `order`: the most certain names first (q), or by channel
        - `page`: which page of 30 units, from 1
        """
        if order not in get_args(Order):
            raise ValueError(f"units are ordered by {' or '.join(get_args(Order))}, not {order!r}")
        return sheet_of(self, order, page)

    def rows(self) -> list[dict[str, Any]]:
        """A row a channel, for a table; `name` is empty where the unit has none."""
        return [vars(each) | {"p": float(each.p), "q": float(each.q)} for each in self.names]

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "layer": self.layer,
            "level": self.level,
            "labels": dict(self.labels),
            "units": self.rows(),
        }


@instrument
def atlas_names(atlas: AtlasLike, layer: LayerName, *, level: float = LEVEL, sweep: str | None = None) -> Names:
    """A name for each unit of a layer: the label that most of its strongest images share.

    A unit gets no name if chance could explain the shared label. Raises LookupError for a layer whose units the atlas
    does not store, ValueError if its images have no labels.

    - `layer`: which layer; the atlas's info lists those that it stores
    - `level`: the share of names that may be false
    - `sweep`: which sweep to use, if several networks have a layer of this name
    """
    atlas = opened(atlas)
    swept = atlas.sweep(layer, name=sweep)
    names = named(atlas.store, swept, units_of(atlas.store, swept, layer), level)
    counted = labels_of(atlas.store, swept)
    return Names(network=swept.network, layer=layer, names=tuple(names), labels=counted, level=level)
