"""One streaming pass of a source through a network, into an atlas: stopped at any moment, it goes on where it was.

What ran is written every `EVERY_S` seconds. Memory holds the summaries, the batches since then, and a few that are
decoded ahead, however many images there are.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...data.coverage import Coverage
from ...data.sources import Shard, lost, news, picked, place, shards_of
from ...network import Network, Preprocessing
from ...network.room import check_room
from ...picture import counted
from ..store.store import Store
from ..store.work import Sweep, Work
from .running import Ran, run, summaries

EVERY_S = 20.0  # between two writings

Runner = Callable[..., Iterable[Ran]]


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
) -> Iterator[Progress]:
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
    given = [] if source is None else shards_of(source)
    store = Store(path, create=source is not None)
    with store.locked():
        known = store.shards()
        sweeps, rest = _held(network, store, work)
        if not missing:
            _check_there(store, known, sweeps, rest)
        store.add_shards(news(given, list(known.values())))
        if not store.shards():
            raise ValueError(f"the atlas {store.path!r} has no images yet; name a source")
        for sweep in [*sweeps, *([store.begin(network, rest)] if rest else [])]:
            store.keep_fields(sweep, network)
            if retry:
                try:
                    store.reopen(sweep, [shard for shard, what in known.items() if lost(what)])
                except (OSError, RuntimeError) as error:
                    raise _told(error, store, 0) from error
            yield from _sweep(network, store, sweep, runner, workers)


def _held(network: Network, store: Store, work: Work) -> tuple[list[Sweep], Work | None]:
    """The sweeps of this network that may not be done, and the work that none of them holds, which is a new one's."""
    own = [sweep for sweep in store.sweeps() if sweep.fingerprint == network.fingerprint
           and Preprocessing.from_dict(sweep.preprocessing) == network.preprocessing]  # fmt: skip
    units = {name: sweep for sweep in own if sweep.work.keeps_units_of(work) for name in sweep.work.layers}
    features = {name: sweep for sweep in own if sweep.work.keeps_features_of(work) for name in sweep.work.features}
    rest = work.without(units, features)
    held = [*(units.get(name) for name in work.layers), *(features.get(name) for name in work.features)]
    wanted = {sweep.name: sweep for sweep in held if sweep is not None}
    return list(wanted.values()), rest


def _check_there(store: Store, shards: Mapping[int, Shard], sweeps: Iterable[Sweep], rest: Work | None) -> None:
    """FileNotFoundError, before anything is written, where a source that is to run is gone as a whole."""
    left = set(shards) if rest else {shard for sweep in sweeps for shard, _ in store.done(sweep).left(shards)}
    away = next(filter(None, (lost(shards[shard]) for shard in sorted(left))), None)
    if away is not None:
        raise FileNotFoundError(
            f"{away}; if it is gone for good, build with missing, which notes its images as unreadable"
        )


def _sweep(network: Network, store: Store, sweep: Sweep, runner: Runner, workers: int | None) -> Iterator[Progress]:
    done, kept = store.resume(sweep)
    fresh = summaries(network, sweep.work)
    for name, summary in fresh.items():
        if name in kept:
            summary.merge(kept[name])
    shards = store.shards()
    again = _again(store, shards, done)
    left = [(shard, shards[shard], start) for shard, start in done.left(shards)]
    if not again and not left:
        return
    total = _images_in([*again, *left])
    pending: list[Ran] = []
    images = unreadable = 0
    last = time.monotonic()

    def written(tidy: bool = False) -> None:
        nonlocal last
        try:
            store.commit(sweep, fresh, pending, done)
            pending.clear()
            if tidy:
                store.tidy(sweep)
        except (OSError, RuntimeError) as error:
            raise _told(error, store, images - sum(len(batch.rows) for batch in pending)) from error
        last = time.monotonic()

    def all_ran() -> Iterator[Ran]:
        for ran in runner(network, sweep.work, again, fresh, workers) if again else ():
            done.ran(row.id for row in ran.rows)
            yield ran
        current = None
        for ran in runner(network, sweep.work, left, fresh, workers) if left else ():
            if current is not None and ran.shard != current:
                done.finish(current)
            current = ran.shard
            done.reached(ran.shard, ran.stop)
            yield ran

    try:
        for ran in all_ran():
            pending.append(ran)
            images += len(ran.rows)
            unreadable += sum(row.error is not None for row in ran.rows)
            if time.monotonic() - last >= EVERY_S:
                written()
            yield Progress(images, unreadable, total, sweep.name, written=not pending)
    except GeneratorExit:  # stopped between two batches: what ran is kept
        if pending:
            written()
        raise
    for shard, _, _ in left:
        done.finish(shard)
    written(tidy=True)
    yield Progress(images, unreadable, total, sweep.name, written=True)


def _again(store: Store, shards: Mapping[int, Shard], done: Coverage) -> list[tuple[int, Shard, int]]:
    """The images that are to run again, as parts of their shards."""
    found: dict[int, list[tuple[int, str, str | None]]] = {}
    for row in store.images(done.again).to_pylist():
        shard, at = place(row["id"])
        found.setdefault(shard, []).append((at, row["key"], row["label"]))
    return [(shard, picked.of(shards[shard], images), 0) for shard, images in sorted(found.items())]


def _images_in(left: Iterable[tuple[int, Any, int]]) -> int | None:
    total = 0
    for _, shard, start in left:
        if shard.images is None:
            return None
        total += shard.images - start
    return total


def _told(error: Exception, store: Store, kept: int) -> Exception:
    """The error as a sentence, where it says that a disk is full; else as it is."""
    text = str(error)
    full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in text or "StorageFull" in text
    if not full:
        return error
    return OSError(
        errno.ENOSPC,
        f"the disk that holds the atlas {store.path!r} is full; it holds the first {counted(kept, 'image')} of this "
        "run, whole. Make room and build again: it goes on from there",
    )
