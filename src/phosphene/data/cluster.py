"""A run over a source on a Ray cluster: the same work on every machine, its answers gathered on this one.

Ray Data hands the shards out, to one actor for every GPU of the cluster, or where it has none to as many as its
processors allow. An actor holds the network and does the task on a shard at a time, as one machine would. Only this
machine keeps anything: killed, it goes on from the shards that it has kept.
"""

from __future__ import annotations

import copy
import logging
import pickle
import time
from collections.abc import Callable, Generator, Iterable
from typing import Any

from ..network import Network
from ..picture import counted
from .closing import closed_at_exit
from .sources import Shard

FREE_S = 120  # how long to wait for processors, or a GPU, that other work holds
THREADS = 4  # processors of an actor without a GPU, where there are that many; with one, its share of all

Task = Callable[[Network, int, Shard, int, int], Any]  # network, shard's number, shard, where to begin, threads


def spread(
    address: str | None, network: Network, task: Task, shards: Iterable[tuple[int, Shard, int]], workers: int | None
) -> Generator[Any]:
    """What the task gives for each shard, in any order; computed by the cluster at `address`, or by one started here.

    The task travels to the actors, and so does what it gives back. A sentence that it raises (ValueError, OSError,
    LookupError) is raised here. Raises ImportError without Ray, ConnectionError where no cluster answers, TimeoutError
    where other work keeps it busy for two minutes.

    The actors end with the generator: when it is done, when it is closed, when an error passes and when Python ends.
    """
    return _spread(_started(address), network, task, shards, workers)


@closed_at_exit
def _spread(
    ray: Any, network: Network, task: Task, shards: Iterable[tuple[int, Shard, int]], workers: int | None
) -> Generator[Any]:
    waiting = [{"shard": number, "what": pickle.dumps((shard, start))} for number, shard, start in shards]
    actors, threads, gpus = _share(ray.cluster_resources(), len(waiting))
    _wait_for_room(ray, threads, gpus)
    answers = ray.data.from_items(waiting, override_num_blocks=len(waiting)).map_batches(
        _Worker,
        fn_constructor_args=(ray.put(network), task, workers, threads),
        batch_size=1,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_gpus=gpus,
        num_cpus=threads,
    )
    batches = iter(answers.iter_batches(batch_size=1, batch_format="numpy", prefetch_batches=1))
    try:
        for batch in batches:
            answer = pickle.loads(batch["answer"][0])  # from our own actors
            if isinstance(answer, Exception):
                raise answer
            yield answer
    finally:
        batches.close()  # ends the actors, also where the traceback of an error still holds these batches


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


def _wait_for_room(ray: Any, processors: int, gpus: int) -> None:
    """Returns once the cluster has room for one actor. TimeoutError where other work holds it."""
    last = time.monotonic() + FREE_S
    while True:
        free = ray.available_resources()
        if free.get("CPU", 0) >= processors and free.get("GPU", 0) >= gpus:
            return
        if time.monotonic() > last:
            needed = counted(processors, "processor") + (f" and {counted(gpus, 'GPU')}" if gpus else "")
            raise TimeoutError(
                f"the Ray cluster had no room for {needed} in {FREE_S} s: other work holds them. Wait until it is "
                "done; a run that was left in the middle holds them until its generator is closed: steps.close()"
            )
        time.sleep(0.2)


class _Worker:
    """An actor: the network, and the task on a shard at every call."""

    def __init__(self, network: Any, task: Task, workers: int | None, threads: int) -> None:
        import ray
        import torch

        torch.set_num_threads(threads)
        self.network: Network = ray.get(network) if isinstance(network, ray.ObjectRef) else network
        if torch.cuda.is_available() and ray.get_gpu_ids():
            module = copy.deepcopy(self.network.module).to("cuda")
            original = self.network
            self.network = Network(
                module, original.preprocessing, original.labels, head=original.head, spec=original.spec
            )
        self.task, self.workers = task, workers or threads

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        shard, start = pickle.loads(batch["what"][0])
        try:
            answer: Any = self.task(self.network, int(batch["shard"][0]), shard, start, self.workers)
        except (ValueError, OSError, LookupError) as error:  # a sentence for the user, not a traceback of an actor
            answer = error
        return {"answer": [pickle.dumps(answer)]}
