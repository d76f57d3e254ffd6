"""What an atlas holds: networks and layers, images and those that can't be read, its size, and how far it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..data.sources import SHARD, Shard
from ..instrument import Result, instrument
from ..instrument.roles import AtlasLike
from ..network import Preprocessing
from .opened import opened
from .store import tables
from .store.store import Store
from .store.work import Sweep

POOLED = {"mean": "the mean of each map", "max": "the largest of each map", "none": "all values"}
LISTED = 8  # layers and reasons that the text names before it counts the rest


@dataclass(frozen=True)
class Swept:
    """One network's pass: what is kept of it, and how many of the images it has seen."""

    name: str
    network: str
    fingerprint: str
    begun: str  # when, in UTC
    layers: Mapping[str, int]  # whose units it keeps, with their number; 0 before the first writing
    features: Mapping[str, int]  # the layers whose features it keeps, with their length
    k: int
    each: int  # patches of one image
    pool: str
    half: bool
    size: tuple[int, int]  # of what the network sees: height and width
    done: int  # images that were taken in, those included that could not be used
    unreadable: int  # of them
    of: int | None  # images of the sources; None where a source does not say

    @property
    def finished(self) -> bool:
        return self.of is not None and self.done >= self.of

    @property
    def units(self) -> int:
        return sum(self.layers.values())

    @property
    def progress(self) -> str:
        """How far it is, in words."""
        if self.finished:
            return f"done, {self.done:,} images"
        if self.of is None:
            return f"{self.done:,} images so far"
        return f"{self.done:,} of {self.of:,} images, {100 * self.done / self.of:.0f} %"


@dataclass(frozen=True, eq=False, kw_only=True)
class Info(Result):
    """What an atlas holds; `str` gives it as text."""

    path: str
    images: int  # that could be read
    labels: Mapping[str, int] = field(repr=False)  # label -> images
    unreadable: tuple[tuple[str, str], ...] = field(repr=False)  # key and reason, of those that a sweep could not use
    sources: tuple[str, ...]
    sweeps: tuple[Swept, ...]
    bytes: int | None  # on disk; None where that is not known

    def __str__(self) -> str:
        """A few lines for the terminal."""
        size = "" if self.bytes is None else f", {sized(self.bytes)}"
        lines = [f"{self.path}{size}", ""]
        named = sum(self.labels.values())
        labels = f"{len(self.labels)} labels" if named == self.images else f"{len(self.labels)} labels on {named:,}"
        lines.append(_line("images", f"{self.images:,}" + (f", {labels}" if self.labels else ", no labels")))
        lines += [_line("from" if at == 0 else "", source) for at, source in enumerate(self.sources)]
        if self.unreadable:
            lines.append(_line("unreadable", f"{len(self.unreadable):,}; building with --retry tries them again"))
            lines += [_line("", f"{key}: {_short(why)}") for key, why in self.unreadable[:LISTED]]
            if len(self.unreadable) > LISTED:
                lines.append(_line("", f"and {len(self.unreadable) - LISTED:,} more"))
        for swept in self.sweeps:
            lines += ["", f"{swept.network}" + (f" ({swept.name})" if swept.name != swept.network else "")]
            lines.append(_line("sweep", f"{swept.progress}; begun {swept.begun.replace('T', ' ')[:16]} UTC"))
            if swept.unreadable:
                lines.append(_line("", f"{swept.unreadable:,} of them could not be used"))
            lines.append(_line("input", f"{swept.size[0]} × {swept.size[1]} px"))
            if swept.layers:
                each = "" if swept.each == 1 else f", up to {swept.each} of one image"
                total = f"{swept.units:,} of {_many(len(swept.layers), 'layer')}, {_many(swept.k, 'patch', 'es')} each"
                lines.append(_line("units", total + each))
                lines += _listed({name: f"{count}" for name, count in swept.layers.items()})
            for name, length in swept.features.items():
                how = POOLED[swept.pool] + (", 16 bits" if swept.half else "")
                lines.append(_line("features", f"{name}, {how}, {length:,} values an image" if length else name))
        if not self.sweeps:
            lines += ["", "no network has run yet"]
        return "\n".join(lines)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return {"text/plain": str(self)}

    def to_dict(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "bytes": self.bytes,
            "images": self.images,
            "labels": dict(self.labels),
            "unreadable": [{"image": key, "reason": why} for key, why in self.unreadable],
            "sources": list(self.sources),
            "sweeps": [
                {**vars(swept), "layers": dict(swept.layers), "features": dict(swept.features),
                 "finished": swept.finished}
                for swept in self.sweeps
            ],
        }  # fmt: skip


@instrument
def atlas_info(atlas: AtlasLike) -> Info:
    """The contents of an atlas: networks, layers, images, unreadable images, size, and progress of each sweep."""
    store = opened(atlas).store
    images = store.images()
    rows = {row["id"]: row for row in images.select(["id", "key", "label", "width"]).to_pylist()}
    read = [row for row in rows.values() if row["width"]]
    labels = Counter(row["label"] for row in read if row["label"] is not None)
    sweeps = store.sweeps()
    reasons = {number: why for sweep in sweeps for number, why in store.unreadable(sweep).items()}
    shards = store.shards()
    ids = images.column("id").to_numpy()
    begun = {row["sweep"]: row["begun"] for row in store.table("sweeps").to_arrow().to_pylist()}
    return Info(
        path=store.path, images=len(read), labels=dict(sorted(labels.items())),
        unreadable=tuple((rows[number]["key"], why) for number, why in sorted(reasons.items()) if number in rows),
        sources=tuple(dict.fromkeys(shard.where for shard in shards.values())),
        sweeps=tuple(_swept(store, sweep, ids, shards, begun.get(sweep.name, "")) for sweep in sweeps),
        bytes=_bytes(store),
    )  # fmt: skip


def _swept(store: Store, sweep: Sweep, ids: Any, shards: Mapping[int, Shard], begun: str) -> Swept:
    layers, work = dict.fromkeys(sweep.work.layers, 0), sweep.work
    units = store.find(tables.units_table(sweep.name))
    if units is not None:
        for row in units.search().select(["layer"]).limit(1 << 31).to_arrow().to_pylist():
            layers[row["layer"]] += 1
    features = {}
    for layer in work.features:
        table = store.find(tables.features_table(sweep.name, layer))
        features[layer] = 0 if table is None else table.schema.field("vector").type.list_size
    coverage = store.coverage(sweep)
    sizes = {number: shard.images for number, shard in shards.items()}
    taken_in = sum(coverage.begun.values()) - len(coverage.again)
    for number in coverage.finished:
        size_of_shard = sizes.get(number)
        taken_in += int((ids // SHARD == number).sum()) if size_of_shard is None else size_of_shard
    every = [images for images in sizes.values() if images is not None]
    size = Preprocessing.from_dict(sweep.preprocessing).size
    return Swept(
        name=sweep.name, network=sweep.network, fingerprint=sweep.fingerprint, begun=begun, layers=layers,
        features=features, k=work.k, each=work.each, pool=work.pool, half=work.half, size=(size[0], size[1]),
        done=taken_in, unreadable=len(store.unreadable(sweep)), of=sum(every) if len(every) == len(sizes) else None,
    )  # fmt: skip


def _bytes(store: Store) -> int | None:
    if not store.local:
        return None
    return sum(file.stat().st_size for file in Path(store.path).glob("*.lance/**/*") if file.is_file())


def sized(count: int) -> str:
    """A number of bytes as people read it."""
    for size, word in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= size:
            return f"{count / size:.3g} {word}"
    return f"{count} bytes"


def _line(name: str, text: str) -> str:
    return f"  {name:<11} {text}"


def _listed(values: Mapping[str, str]) -> list[str]:
    """Names with their numbers in columns, the first few; the rest counted."""
    first_values = list(values.items())[:LISTED]
    wide = max(len(name) for name, _ in first_values)
    lines = [_line("", f"{name:<{wide}}  {value:>5}") for name, value in first_values]
    rest = len(values) - len(first_values)
    return [*lines, _line("", f"and {_many(rest, 'more layer')}")] if rest else lines


def _many(count: int, word: str, ending: str = "s") -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}{ending}"


def _short(why: str) -> str:
    return why if len(why) <= 120 else why[:119] + "…"
