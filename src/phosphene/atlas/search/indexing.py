"""An index of a layer's features, for atlases of so many images that looking at all of them takes too long.

The features are parted into some hundred groups of vectors that lie together (IVF), and each is kept once more as one
bit a value, after a random rotation (RaBitQ: J. Gao and C. Long, 2024). A question looks at the codes of a few groups,
and compares with the vectors of the best `refine` · k of them. How many groups is not guessed: after building, images
of the atlas are searched for with more and more of them until the share of true neighbours that is found, the recall,
is as asked. It is then measured with other images, and told in every answer. benchmarks/results/neighbours.md compares
kinds of indexes.

Images that are added later are found too; they join the index when the sweep is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from ..store import tables
from .features import features_sweep
from .search import LANCE, approximate, blocks, checked, exact, recall

if TYPE_CHECKING:
    import pyarrow as pa

    from ..opened import OpenedAtlas
    from ..store.store import Store
    from ..store.work import Sweep

TABLE = "indexes"
NEAREST = 10  # neighbours that recall is measured with
MEASURED = 128  # images that it is measured with, after as many by which the index is set
FEWEST = 1_000  # images that an index is built for: below, all are looked at in no time
GROUP = 2_048  # vectors in a group, about
SAMPLED = 64  # vectors for each group by which the groups are found
ITERATIONS = 20
FIRST = 4  # groups that are looked at, at least
REFINE = (10, 20, 40)
STRICTER = 5  # as much may be missed where the index is set, by images that it holds;
WIDER = 4  # and so many times the groups are looked at then: photos that it has not seen lie farther from their own


@dataclass(frozen=True)
class Index:
    """An index of a layer's features, how it is searched, and what was measured when it was built."""

    sweep: str
    layer: str
    metric: str
    kind: str  # Lance's name of it
    groups: int
    probes: int  # groups that a question looks at
    refine: int  # times k that are compared by their vectors
    recall: float  # the share of the true `nearest` neighbours that were found
    nearest: int
    queries: int  # images of the atlas that it was measured with
    images: int  # when it was built
    built: str  # when, in UTC

    def __str__(self) -> str:
        measured = f"recall@{self.nearest} {self.recall:.3f} on {self.queries} of its images when built"
        return f"an {self.kind} index of {self.images:,} images, {self.probes} of {self.groups} groups; {measured}"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def build(
    atlas: OpenedAtlas,
    features: str | None = None,
    *,
    metric: str = "euclidean",
    recall: float = 0.95,
    seed: int = 0,
    sweep: str | None = None,
) -> Index:
    """Builds the index through which `neighbours` searches a layer's features, in place of one that there is.

    The answer says what was measured: where even all groups don't give the recall asked for, it is lower. Takes about
    the time in which all vectors are compared with some hundred others, and little memory (docs/atlas/neighbours.md).

    Raises LookupError for a layer whose features the atlas does not keep, ValueError for fewer than 1,000 images.

    - `features`: which layer's; the first that the atlas keeps if not given
    - `metric`: euclidean or cosine; the other one is then searched without the index
    - `recall`: the share of true neighbours among 10 to be found
    - `seed`: which images it is set and measured by
    - `sweep`: which sweep, where several networks have a layer of that name
    """
    checked(metric)
    if not 0 < recall <= 1:
        raise ValueError(f"recall is a share above 0 and at most 1, not {recall}")
    swept, layer = features_sweep(atlas, features, sweep)
    store = atlas.store
    with store.locked():
        name = tables.features_table(swept.name, layer)
        table, condition = store.features_rows(swept, layer)
        images = table.count_rows(condition)
        if images < FEWEST:
            raise ValueError(
                f"an index pays from many thousand images on, and {layer} has {images:,}: searching all of them is fast"
            )
        kind, groups = _build_index(table, metric, images)
        probes, refine, reached = _set(table, condition, metric, groups, recall, seed)
        index = Index(
            swept.name, layer, metric, kind, groups, probes, refine, reached, NEAREST, MEASURED, images,
            datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip
        _note(store, index)
        store.ease([name])
    return index


def index_of(store: Store, sweep: Sweep, layer: str, table: Any, metric: str) -> Index | None:
    """The index through which a layer's features can be searched by this metric, or None."""
    if _name(metric) not in [each.name for each in table.list_indices()]:
        return None
    records = store.find(TABLE)
    rows = [] if records is None else records.to_arrow().to_pylist()
    of_features = [row for row in rows if (row["sweep"], row["layer"], row["metric"]) == (sweep.name, layer, metric)]
    return Index(**of_features[-1]) if of_features else None


def _build_index(table: Any, metric: str, images: int) -> tuple[str, int]:
    """Builds the index; its kind and the number of its groups. Those of other metrics go."""
    from lancedb.index import IvfRq, IvfSq

    groups = max(2, images // GROUP)
    even = table.schema.field("vector").type.list_size % 8 == 0
    config = (IvfRq if even else IvfSq)(  # RaBitQ's codes are whole bytes
        distance_type=LANCE[metric],  # type: ignore[arg-type]
        num_partitions=groups,
        max_iterations=ITERATIONS,
        sample_rate=SAMPLED,
    )
    for each in table.list_indices():
        if "vector" in each.columns:
            table.drop_index(each.name)
    table.create_index("vector", config=config, name=_name(metric))
    return "IVF_RQ" if even else "IVF_SQ", groups


def _set(
    table: Any, condition: str | None, metric: str, groups: int, aimed_recall: float, seed: int
) -> tuple[int, int, float]:
    """How many groups and how much refining, by the fewest that find the share wanted; and what other images find."""
    query_numbers, queries = _drawn(table, condition, 2 * MEASURED, metric, seed)
    true = exact(blocks(table, condition), queries, NEAREST + 1, metric).without(query_numbers, NEAREST).numbers

    def share(part: slice, probes: int, refine: int) -> float:
        approximated = approximate(table, queries[part], NEAREST + 1, metric, probes, refine, condition)
        return recall(approximated.without(query_numbers[part], NEAREST).numbers, true[part])

    setting, measuring = slice(None, MEASURED), slice(MEASURED, None)
    aim = 1 - (1 - aimed_recall) / STRICTER
    tried = [(probes, refine) for refine in REFINE for probes in _rising(groups, REFINE.index(refine))]
    shares = {}
    for pair in tried:
        shares[pair] = share(setting, *pair)
        if shares[pair] >= aim:
            break
    probes, refine = max(shares, key=lambda pair: (min(shares[pair], aim), -pair[0], -pair[1]))
    probes = min(groups, WIDER * probes)
    return probes, refine, share(measuring, probes, refine)


def _rising(groups: int, again: int) -> Iterator[int]:
    """How many groups are tried: half as many again each time, up to all; only all where refining more is tried."""
    probes = FIRST if not again else groups
    while probes < groups:
        yield probes
        probes = max(probes + 1, probes * 3 // 2)
    yield groups


def _drawn(table: Any, condition: str | None, count: int, metric: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and vectors of images drawn at random, of those that have a distance."""
    rows = np.random.default_rng(seed).permutation(table.count_rows(condition))[: 2 * count]
    numbers, vectors = tables.to_features(_taken(table, condition, np.sort(rows)))
    good = np.isfinite(vectors.astype(np.float32)).all(1) & (vectors.any(1) | (metric == "euclidean"))
    order = np.random.default_rng(seed).permutation(int(good.sum()))[:count]
    if len(order) < count:
        raise ValueError("too few of the features have a distance: they are 0 or not finite")
    return numbers[good][order], vectors[good][order].astype(np.float32)


def _taken(table: Any, condition: str | None, rows: np.ndarray) -> pa.Table:
    """These rows of the table, counted among those of the condition only."""
    if condition is None:
        return table.take_offsets(rows.tolist()).select(["id", "vector"]).to_arrow()
    query = table.search().where(condition).select(["id"]).limit(max(1, table.count_rows()))
    numbers = query.to_arrow().column("id").to_numpy()[rows].tolist()
    query = table.search().where(f"({tables.among('id', numbers)}) AND ({condition})").select(["id", "vector"])
    return query.limit(len(numbers)).to_arrow()


def _note(store: Store, index: Index) -> None:
    pa = tables.arrow()
    kinds = {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}
    schema = pa.schema([(each.name, kinds[str(each.type)]) for each in fields(Index)])
    rows = pa.Table.from_pylist([index.to_dict()], schema=schema)
    store.append(TABLE, rows)


def _name(metric: str) -> str:
    return f"neighbours_{metric}"
