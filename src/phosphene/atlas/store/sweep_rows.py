"""What of a sweep has run: the rows of its units, and its images. A sweep may be on its way, or stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import tables
from .conditions import covered
from .store import Store
from .work import Sweep

if TYPE_CHECKING:
    import pyarrow as pa


def units_of(store: Store, sweep: Sweep, layer: str) -> pa.Table:
    """The rows of a layer's units, by channel. ValueError where no image has run yet."""
    rows = store.units(sweep, layer)
    if rows is None or not rows.num_rows or not rows.column("count")[0].as_py():
        raise ValueError(store.nothing(sweep))
    return rows


def images_of(store: Store, sweep: Sweep) -> pa.Table:
    """The images (id, label) that ran through the sweep's network, by their numbers; those it could not use left out.

    Images that were added later, and have not run yet, are not among them.
    """
    table, condition = store.table("images"), covered(store.coverage(sweep))
    rows = table.search().where(condition).select(["id", "label"]).limit(max(1, table.count_rows())).to_arrow()
    broken = np.fromiter(store.unreadable(sweep), np.int64)
    return rows.filter(~np.isin(rows.column("id").to_numpy(), broken)).sort_by("id")


def count_of(store: Store, sweep: Sweep) -> int:
    """How many images those are."""
    condition, broken = covered(store.coverage(sweep)), store.find(tables.unreadable_table(sweep.name))
    return store.table("images").count_rows(condition) - (0 if broken is None else broken.count_rows(condition))


def labels_of(store: Store, sweep: Sweep) -> dict[str, int]:
    """How many images of each label those are; remembered while the sweep stands, since it reads every image."""
    key = sweep.name, store.coverage(sweep).to_json(), count_of(store, sweep)
    if key not in store.remembered:
        counts = images_of(store, sweep).column("label").drop_null().value_counts().to_pylist()
        store.remembered[key] = {row["values"]: row["counts"] for row in counts}
    return store.remembered[key]
