"""The hashes of the images whose features a sweep keeps, by which two runs are told to be of the same images."""

from __future__ import annotations

import json

import numpy as np

from ...data.coverage import Coverage
from . import tables
from .conditions import covered
from .store import Store
from .work import Sweep


def hashes_of(store: Store, sweep: Sweep) -> tuple[np.ndarray, list[str]]:
    """The numbers (N,) of the images whose features are kept, in their order, and their files' hashes.

    ValueError where there are none, or not of all images, as in atlases of old.
    """
    units = store.find(tables.units_table(sweep.name))  # first: what is written meanwhile does not count
    table = store.find(tables.hashes_table(sweep.name))
    if units is None:
        raise ValueError(store.nothing(sweep))
    metadata = units.schema.metadata
    rows = json.loads(metadata[b"rows"])
    names = [tables.features_table(sweep.name, layer) for layer in sweep.work.features]
    features = max((rows.get(name, 0) for name in names), default=0)
    if features == 0:
        raise ValueError(store.nothing(sweep))
    if table is None or rows.get(table.name, 0) != features:
        raise ValueError(
            f"the atlas {store.path!r} was built by a version that kept no hashes of its images, so that they can't be "
            "held against others; build it anew"
        )
    condition = covered(Coverage.from_json(metadata[b"done"].decode()))
    kept = table.search().where(condition).limit(max(1, table.count_rows())).to_arrow().sort_by("id")
    return kept.column("id").to_numpy(), kept.column("sha256").to_pylist()
