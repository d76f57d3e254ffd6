"""The photos of a folder with a sub-folder a class: read once, prepared, and split by their hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ...data.batches import batches
from ...data.sources import Shard, photo_of, reader, shard_and_index, shards_of, whole
from ...network import near
from ...picture import Photo, counted
from .split import LopsidedError, held_out

BATCH = 16  # photos that go through the network at once
SHOWN = 3  # names that a sentence lists


@dataclass(frozen=True)
class Seen:
    """One photo that was read: its place in the source, its class's number and the hash of its file."""

    place: int
    number: int  # of the image in the source: its shard, and its place in there
    key: str
    label: int
    sha256: str


@dataclass(eq=False)
class PhotoFolder:
    """A source of photos with classes; `photos` are those that could be read, after `read` has gone through."""

    name: str
    shards: list[Shard]
    classes: tuple[str, ...]
    photos: list[Seen] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    without_class: int = 0
    of_other_classes: int = 0

    def read(self, prepare: Callable[[Photo], Any]) -> Iterator[tuple[list[Seen], list[Any], int, int | None]]:
        """All photos of the classes in batches, with what was prepared of each; how many were read, of how many.

        Photos that can't be read are noted, as are those without a class.
        """
        numbers = {name: number for number, name in enumerate(self.classes)}
        stated = [shard.images for shard in self.shards]
        total = None if any(count is None for count in stated) else sum(count or 0 for count in stated)
        place = 0
        for _, rows, values in batches(prepare, self._numbered, BATCH):
            seen, kept = [], []
            ready = iter(values)
            for row in rows:
                value = next(ready) if row.error is None else None
                if row.label is None:
                    self.without_class += 1
                elif row.label not in numbers:
                    self.of_other_classes += 1
                elif row.error is not None:
                    self.unreadable.append(row.error)
                else:
                    seen.append(Seen(place, row.id, row.key, numbers[row.label], row.sha256 or ""))
                    kept.append(value)
                place += 1
            self.photos += seen
            yield seen, kept, place, total

    def again(self, some: Sequence[Seen], prepare: Callable[[Photo], Any]) -> Iterator[tuple[list[Seen], list[Any]]]:
        """Some of the photos once more, in their order. ValueError where one is not what it was."""
        by_place = iter(some)
        for _, rows, values in batches(prepare, self._numbered, BATCH, chosen=[one.place for one in some]):
            seen = [next(by_place) for _ in rows]
            for row, one in zip(rows, seen, strict=True):
                if row.error is not None or row.sha256 != one.sha256:
                    raise ValueError(f"{one.key} has changed since it was read: {row.error or 'another content'}")
            yield seen, values

    def photo(self, one: Seen) -> Photo:
        """One photo, decoded."""
        shard, index = shard_and_index(one.number)
        return photo_of(self.shards[shard], index, one.key)

    def split(self, share: float, fold: int = 0) -> tuple[list[int], list[int]]:
        """The numbers of the photos to learn from and of those held out.

        ValueError, with a sentence, for a class that has too few photos.
        """
        if not self.photos:
            reason = f"; the first that can't be read: {self.unreadable[0]}" if self.unreadable else ""
            raise ValueError(f"{self.name} has no photo that can be read{reason}")
        for number, name in enumerate(self.classes):
            count = len({one.sha256 for one in self.photos if one.label == number})
            if count < 2:
                broken = f"; {counted(len(self.unreadable), 'photo')} can't be read" if self.unreadable else ""
                raise ValueError(
                    f"class {name!r} of {self.name} has {counted(count, 'different photo')}, and a class takes two at "
                    f"least: one to learn from, one to measure on{broken}"
                )
        try:
            sides = held_out([one.sha256 for one in self.photos], [one.label for one in self.photos], share, fold)
        except LopsidedError as error:
            raise ValueError(
                f"class {self.classes[error.label]!r} of {self.name} shares its photos with other classes, so that "
                "none is left to learn from or to measure on; put each photo into one class"
            ) from error
        return [at for at, out in enumerate(sides) if not out], [at for at, out in enumerate(sides) if out]

    def notes(self) -> list[str]:
        """What was left out, and what looks wrong, a sentence each."""
        notes = []
        if self.unreadable:
            first = "; ".join(self.unreadable[:SHOWN])
            notes.append(
                f"{counted(len(self.unreadable), 'photo')} can't be read and {_are(self.unreadable)} left out: {first}"
            )
        if self.without_class:
            notes.append(f"{counted(self.without_class, 'photo')} outside of the sub-folders belong to no class")
        labels: dict[str, set[int]] = {}
        for one in self.photos:
            labels.setdefault(one.sha256, set()).add(one.label)
        if copies := len(self.photos) - len(labels):
            many = "1 photo is a copy" if copies == 1 else f"{copies:,} photos are copies"
            notes.append(f"{many} of another and on the same side of the split")
        if both := [digest for digest, several in labels.items() if len(several) > 1]:
            key = next(one.key for one in self.photos if one.sha256 == both[0])
            stands = "stands" if len(both) == 1 else "stand"
            notes.append(f"{counted(len(both), 'photo')} {stands} in several classes, such as {key}")
        return notes

    def account(self, share: float, fold: int, learned: Sequence[int], held: Sequence[int]) -> dict[str, Any]:
        """What a card says of it."""
        per_class = [[0, 0] for _ in self.classes]
        for side, some in enumerate((learned, held)):
            for at in some:
                per_class[self.photos[at].label][side] += 1
        return {
            "name": self.name, "sha256": {"train": self.hash_of(learned), "test": self.hash_of(held)},
            "train": len(learned), "test": len(held), "held_out": share, "fold": fold, "classes": list(self.classes),
            "photos": per_class, "notes": self.notes(),
        }  # fmt: skip

    def hash_of(self, some: Sequence[int]) -> str:
        """The hash of photos and their classes, whatever their files are called."""
        pairs = sorted((self.photos[at].sha256, self.classes[self.photos[at].label]) for at in some)
        return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()

    def labels(self, some: Sequence[int]) -> torch.Tensor:
        return torch.tensor([self.photos[at].label for at in some])

    @property
    def _numbered(self) -> list[tuple[int, Shard, int]]:
        return [(number, shard, 0) for number, shard in enumerate(self.shards)]


def photo_folder(source: Any, classes: Sequence[str] | None = None) -> PhotoFolder:
    """A folder with a sub-folder a class, or whatever source states classes; `classes` chooses some, in their order.

    Raises FileNotFoundError, LookupError or ValueError, with a sentence, for a source that holds no two classes.
    """
    shards = [part for shard in shards_of(source) for part in whole(shard)]
    name = str(source) if isinstance(source, (str, bytes)) or hasattr(source, "__fspath__") else type(source).__name__
    labels = {_label(item) for shard in shards for item in _listed(shard)}
    there = sorted(label for label in labels if label is not None)
    if not there:
        raise ValueError(
            f"{name} has no sub-folders with photos; put the photos of each class into one that has its name"
        )
    if classes is None:
        chosen = tuple(there)
    else:
        if isinstance(classes, str):
            raise TypeError(f"classes are a list of names, not the single text {classes!r}")
        chosen = tuple(str(each) for each in classes)
        for each in chosen:
            if each not in there:
                raise LookupError(f"{name} has no class {each!r}{near(each, there) or '; it has ' + _named(there)}")
        if twice := next((each for each in chosen if chosen.count(each) > 1), None):
            raise ValueError(f"class {twice!r} is named twice")
    if len(chosen) < 2:
        raise ValueError(f"{name} has one class, {chosen[0]!r}; telling classes apart takes two at least" if chosen else
                         "no classes are named; telling classes apart takes two at least")  # fmt: skip
    return PhotoFolder(name, shards, chosen)


def _listed(shard: Shard) -> Iterator[Any]:
    """The shard's images with their classes, read no further than that takes."""
    if "files" in shard.part and shard.kind == "folder":
        yield from ([None, label] for _, label in shard.part["files"])
        return
    yield from ([None, item.label] for item in reader(shard).items(shard))


def _label(item: Any) -> str | None:
    label = item[1]
    return None if label is None else str(label).encode(errors="surrogateescape").decode(errors="backslashreplace")


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _are(some: Sequence[Any]) -> str:
    return "is" if len(some) == 1 else "are"
