"""A sweep on a Ray cluster: the same operators on every machine, merged on this one.

Ray Data hands the shards out, to one actor for every GPU of the cluster, or where it has none to as many as its
processors allow. An actor holds the network, runs a shard as one machine would (running.py), and sends back its images,
their features and its summaries. These merge in any order (summary.py), so that the atlas is the one that a single
machine makes; sums of values are equal up to the order of their addition. Only this machine writes; killed, it goes on
from the shards that it has written.
"""

from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from ...data.sources import Shard
from ...network import Network
from ..store import tables
from ..store.work import Work
from .running import Ran, Row, run, summaries
from .summary import Summary
from .sweep import Runner

THREADS = 4  # processors of an actor without a GPU, where there are that many; with one, its share of all


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
    kept: dict[str, Summary],
    workers: int | None,
) -> Iterator[Ran]:
    ray = _started(address)
    waiting = [{"shard": number, "what": pickle.dumps((shard, start))} for number, shard, start in shards]
    actors, threads, gpus = _share(ray.cluster_resources(), len(waiting))
    found = ray.data.from_items(waiting, override_num_blocks=len(waiting)).map_batches(
        _Worker,
        fn_constructor_args=(ray.put(network), work, workers, threads),
        batch_size=1,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_gpus=gpus,
        num_cpus=threads,
    )
    for batch in found.iter_batches(batch_size=1, batch_format="numpy", prefetch_batches=1):
        answer = pickle.loads(batch["answer"][0])  # from our own actors
        if isinstance(answer, Exception):
            raise answer
        rans, units = answer
        for name, summary in tables.to_summaries(_read(units), work.k, work.each).items():
            kept[name].merge(summary)
        yield from rans


def _started(address: str | None) -> Any:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ImportError(f"--ray needs Ray: pip install 'phosphene[ray]' ({error})") from None
    if not ray.is_initialized():
        ray.init(address=address, log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
    for name in ("ray.data", "ray"):  # which tell the plan and every step of it
        logging.getLogger(name).setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    return ray


def _share(resources: dict[str, float], shards: int) -> tuple[int, int, int]:
    """How many actors, and each one's processors and GPUs."""
    processors, gpus = int(resources.get("CPU", 1)), int(resources.get("GPU", 0))
    if gpus:
        return min(gpus, shards), max(1, processors // gpus), 1  # which have to decode as fast as it computes
    threads = max(1, min(THREADS, processors // 2))  # at least two actors, one of which may wait for its disk
    return max(1, min(processors // threads, shards)), threads, 0


class _Worker:
    """An actor: the network, and a shard through it at every call."""

    def __init__(self, network: Any, work: Work, workers: int | None, threads: int) -> None:
        import ray
        import torch

        torch.set_num_threads(threads)
        self.network: Network = ray.get(network) if isinstance(network, ray.ObjectRef) else network
        if torch.cuda.is_available() and ray.get_gpu_ids():
            module = copy.deepcopy(self.network.module).to("cuda")
            own = self.network
            self.network = Network(module, own.preprocessing, own.labels, head=own.head, spec=own.spec)
        self.work, self.workers = work, workers or threads

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        shard, start = pickle.loads(batch["what"][0])
        try:
            kept = summaries(self.network, self.work)
            stretch = [(int(batch["shard"][0]), shard, start)]
            rans = _joined(list(run(self.network, self.work, stretch, kept, self.workers)))
            answer: Any = rans, _written(tables.of_summaries(kept, "", {}))
        except (ValueError, OSError, LookupError) as error:  # a sentence for the user, not a traceback of an actor
            answer = error
        return {"answer": [pickle.dumps(answer)]}


def _joined(rans: list[Ran]) -> list[Ran]:
    """All batches of a shard as one."""
    import numpy as np

    if not rans:
        return []
    rows: tuple[Row, ...] = tuple(row for ran in rans for row in ran.rows)
    names = next((ran.features for ran in rans if ran.features), {})
    features = {name: np.concatenate([ran.features[name] for ran in rans if ran.features]) for name in names}
    return [Ran(rans[-1].shard, rans[-1].stop, rows, features)]


def _written(table: Any) -> bytes:
    pa = tables.arrow()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _read(data: bytes) -> Any:
    return tables.arrow().ipc.open_stream(data).read_all()
