"""A sweep on a Ray cluster (`data.cluster`): shards run as on one machine, their summaries are merged on this one.

An actor runs a shard (running.py), and sends back its images, their features and its summaries. These merge in any
order (summary.py), so that the atlas is the one that a single machine makes; sums of values are equal up to the order
of their addition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from ...data.batches import Row
from ...data.cluster import spread
from ...data.sources import Shard
from ...network import Network
from ..store import tables
from ..store.work import Work
from .running import BatchRun, run, summaries
from .summary import Summary
from .sweep import Runner


def on_ray(address: str | None = None) -> Runner:
    """Runs shards on the cluster at `address`, or on one that is started on this machine.

    Raises ImportError without Ray, ConnectionError where no cluster answers.
    """
    return partial(_run, address)


def _run(
    address: str | None,
    network: Network,
    work: Work,
    shards: Iterable[tuple[int, Shard, int]],
    layer_summaries: dict[str, Summary],
    workers: int | None,
) -> Iterator[BatchRun]:
    for batches, units in spread(address, [network], partial(_swept, work), shards, workers):
        for name, summary in tables.to_summaries(_read(units), work.k, work.each).items():
            layer_summaries[name].merge(summary)
        yield from batches


def _swept(
    work: Work, networks: Sequence[Network], part: tuple[int, Shard, int], workers: int
) -> tuple[Any, bytes]:  # fmt: skip
    """An actor's task: the batches of a shard as one, and its summaries."""
    (network,) = networks
    layer_summaries = summaries(network, work)
    batches = _joined(list(run(network, work, [part], layer_summaries, workers)))
    return batches, _written(tables.of_summaries(layer_summaries, "", {}))


def _joined(runs: list[BatchRun]) -> list[BatchRun]:
    """All batches of a shard as one."""
    import numpy as np

    if not runs:
        return []
    rows: tuple[Row, ...] = tuple(row for batch in runs for row in batch.rows)
    names = next((batch.features for batch in runs if batch.features), {})
    features = {name: np.concatenate([batch.features[name] for batch in runs if batch.features]) for name in names}
    return [BatchRun(runs[-1].shard, runs[-1].stop, rows, features)]


def _written(table: Any) -> bytes:
    pa = tables.arrow()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _read(data: bytes) -> Any:
    return tables.arrow().ipc.open_stream(data).read_all()
