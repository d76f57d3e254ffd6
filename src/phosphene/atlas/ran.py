"""What of a sweep has run: the rows of its units, and its images. A sweep may be on its way, or stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .sources import SHARD
from .store import Store
from .work import Sweep

if TYPE_CHECKING:
    import pyarrow as pa


def units_of(store: Store, sweep: Sweep, layer: str) -> pa.Table:
    """The rows of a layer's units, by channel. ValueError where no image has run yet."""
    rows = store.units(sweep, layer)
    if rows is None or not rows.num_rows or not rows.column("count")[0].as_py():
        raise ValueError(f"no image has run through {sweep.network} yet; go on building the atlas {store.path!r}")
    return rows


def images_of(store: Store, sweep: Sweep) -> pa.Table:
    """The images (id, label) that ran through the sweep's network, by their numbers; those that can't be read left out.

    Images that were added later, and have not run yet, are not among them.
    """
    table = store.table("images")
    found = table.search().where("error IS NULL").select(["id", "label"]).limit(max(1, table.count_rows())).to_arrow()
    found = found.sort_by("id")
    done = store.done(sweep)
    ids = found.column("id").to_numpy()
    shards, at = ids // SHARD, ids % SHARD
    ran = np.isin(shards, list(done.finished))
    for shard, stop in done.begun.items():
        ran |= (shards == shard) & (at < stop)
    return found.filter(ran)
