"""One streaming pass of a source through a network, into an atlas: stopped at any moment, it goes on where it was.

What ran is written every `EVERY_S` seconds. Memory holds the summaries, the batches since then, and a few that are
decoded ahead, however many images there are.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...data.closing import closed_at_exit
from ...data.coverage import Coverage
from ...data.sources import Shard, lost, news, picked, shard_and_index, shards_of
from ...network import Network, Preprocessing
from ...network.room import check_room
from ...picture import counted
from ..store.store import Store
from ..store.work import Sweep, Work
from .running import BatchRun, run, summaries

EVERY_S = 20.0  # between two writings

Runner = Callable[..., Iterable[BatchRun]]


@dataclass(frozen=True)
class Progress:
    """How far a build is: images taken in since it was begun, those of them that could not be read, and the whole."""

    images: int
    unreadable: int
    total: int | None  # None where a source does not say how many it has
    sweep: str
    written: bool = False  # whether all of it is in the atlas

    @property
    def step(self) -> int:
        return self.images

    @property
    def steps(self) -> int | None:
        return self.total

    @property
    def progress(self) -> str:
        return f"{self.sweep}, {self.unreadable:,} unreadable" if self.unreadable else self.sweep


@closed_at_exit
def build(
    network: Network,
    source: Any,
    path: str | os.PathLike[str],
    work: Work,
    *,
    workers: int | None = None,
    runner: Runner = run,
    retry: bool = False,
    missing: bool = False,
) -> Generator[Progress]:
    """Brings the source's images and the work's layers into the atlas, as far as they are not there; yields as it goes.

    Images and layers that are there already are not run again: images of another source are added, and layers that are
    new run over all images. With `retry`, those that could not be used run again. A source that is to run and is gone
    ends it with FileNotFoundError, unless with `missing`: then its images are noted as unreadable. `runner` runs the
    shards. Raises OSError where the disk is full, with the atlas as it was when it was last written, ValueError for a
    network without one input size, or one that answers at random.
    """
    if network.preprocessing.crop == "none":
        raise ValueError(
            f"{network.name} takes photos of any size, and maps of different sizes have no common places; "
            'give it one: phosphene.Network(module, dataclasses.replace(preprocessing, crop="center"))'
        )
    for layer in dict.fromkeys((*work.layers, *work.features)):
        network.steadiness().insist(network.name, layer, "an atlas keeps what each image gives, once and for all")
    units = sum(network.layer(name).channels for name in work.layers)
    check_room(work.k, 20 * units, f"k={{}}: the strongest patches of {units:,} units", device=network.device)
    listed = [] if source is None else shards_of(source)
    store = Store(path, create=source is not None)
    with store.locked():
        stored_shards = store.shards()
        sweeps, rest = _sweeps_of(network, store, work)
        if not missing:
            _check_there(store, stored_shards, sweeps, rest)
        store.add_shards(news(listed, list(stored_shards.values())))
        if not store.shards():
            raise ValueError(f"the atlas {store.path!r} has no images yet; name a source")
        for sweep in [*sweeps, *([store.begin(network, rest)] if rest else [])]:
            store.keep_fields(sweep, network)
            if retry:
                try:
                    store.reopen(sweep, [shard for shard, what in stored_shards.items() if lost(what)])
                except (OSError, RuntimeError) as error:
                    raise _explained(error, store, 0) from error
            yield from _sweep(network, store, sweep, runner, workers)


def _sweeps_of(network: Network, store: Store, work: Work) -> tuple[list[Sweep], Work | None]:
    """The sweeps of this network that may not be done, and the work that none of them holds, which is a new one's."""
    of_network = [sweep for sweep in store.sweeps() if sweep.fingerprint == network.fingerprint
           and Preprocessing.from_dict(sweep.preprocessing) == network.preprocessing]  # fmt: skip
    units = {name: sweep for sweep in of_network if sweep.work.keeps_units_of(work) for name in sweep.work.layers}
    features = {
        name: sweep for sweep in of_network if sweep.work.keeps_features_of(work) for name in sweep.work.features
    }
    rest = work.without(units, features)
    sweeps = [*(units.get(name) for name in work.layers), *(features.get(name) for name in work.features)]
    by_name = {sweep.name: sweep for sweep in sweeps if sweep is not None}
    return list(by_name.values()), rest


def _check_there(store: Store, shards: Mapping[int, Shard], sweeps: Iterable[Sweep], rest: Work | None) -> None:
    """FileNotFoundError, before anything is written, where a source that is to run is gone as a whole."""
    left = set(shards) if rest else {shard for sweep in sweeps for shard, _ in store.coverage(sweep).left(shards)}
    away = next(filter(None, (lost(shards[shard]) for shard in sorted(left))), None)
    if away is not None:
        raise FileNotFoundError(
            f"{away}; if it is gone for good, build with missing, which notes its images as unreadable"
        )


def _sweep(network: Network, store: Store, sweep: Sweep, runner: Runner, workers: int | None) -> Iterator[Progress]:
    coverage, stored = store.resume(sweep)
    fresh = summaries(network, sweep.work)
    for name, summary in fresh.items():
        if name in stored:
            summary.merge(stored[name])
    shards = store.shards()
    again = _again(store, shards, coverage)
    left = [(shard, shards[shard], start) for shard, start in coverage.left(shards)]
    if not again and not left:
        return
    total = _images_in([*again, *left])
    pending: list[BatchRun] = []
    images = unreadable = 0
    last = time.monotonic()

    def write(tidy: bool = False) -> None:
        nonlocal last
        try:
            store.commit(sweep, fresh, pending, coverage)
            pending.clear()
            if tidy:
                store.tidy(sweep)
        except (OSError, RuntimeError) as error:
            raise _explained(error, store, images - sum(len(batch.rows) for batch in pending)) from error
        last = time.monotonic()

    def all_batches() -> Iterator[BatchRun]:
        for batch in runner(network, sweep.work, again, fresh, workers) if again else ():
            coverage.ran_again(row.id for row in batch.rows)
            yield batch
        current = None
        for batch in runner(network, sweep.work, left, fresh, workers) if left else ():
            if current is not None and batch.shard != current:
                coverage.finish(current)
            current = batch.shard
            coverage.reached(batch.shard, batch.stop)
            yield batch

    try:
        for batch in all_batches():
            pending.append(batch)
            images += len(batch.rows)
            unreadable += sum(row.error is not None for row in batch.rows)
            if time.monotonic() - last >= EVERY_S:
                write()
            yield Progress(images, unreadable, total, sweep.name, written=not pending)
    except GeneratorExit:  # stopped between two batches: what ran is kept
        if pending:
            write()
        raise
    for shard, _, _ in left:
        coverage.finish(shard)
    write(tidy=True)
    yield Progress(images, unreadable, total, sweep.name, written=True)


def _again(store: Store, shards: Mapping[int, Shard], coverage: Coverage) -> list[tuple[int, Shard, int]]:
    """The images that are to run again, as parts of their shards."""
    by_shard: dict[int, list[tuple[int, str, str | None]]] = {}
    for row in store.images(coverage.again).to_pylist():
        shard, at = shard_and_index(row["id"])
        by_shard.setdefault(shard, []).append((at, row["key"], row["label"]))
    return [(shard, picked.of(shards[shard], images), 0) for shard, images in sorted(by_shard.items())]


def _images_in(left: Iterable[tuple[int, Any, int]]) -> int | None:
    total = 0
    for _, shard, start in left:
        if shard.images is None:
            return None
        total += shard.images - start
    return total


def _explained(error: Exception, store: Store, count: int) -> Exception:
    """The error as a sentence, where it says that a disk is full; else as it is."""
    text = str(error)
    full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in text or "StorageFull" in text
    if not full:
        return error
    return OSError(
        errno.ENOSPC,
        f"the disk that holds the atlas {store.path!r} is full; it holds the first {counted(count, 'image')} of this "
        "run, whole. Make room and build again: it goes on from there",
    )
