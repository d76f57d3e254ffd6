"""A source that has moved: its place is written anew, after a look whether what lies there is what was read.

Some images, spread evenly over the source, are read at the new place: each has to be there under its name, and to have
the height and width that the atlas knows. Then the table of shards is replaced in one step.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from ...data.sources import SHARD, Shard, moving, news_of, picked
from ...network import near
from .store import Store

LOOKED_AT = 100  # images, where there are as many

One = TypeVar("One")


def relocate(store: Store, old: str | os.PathLike[str], new: str | os.PathLike[str]) -> int:
    """Reads what lay at or below the path `old` from `new` from now on; how many images these are.

    Raises LookupError where no source of the atlas lies at `old`, ValueError where other things lie at `new` than were
    read, or the atlas has images from there already; then nothing is changed.
    """
    before, after = _path(old), _path(new)
    if before == after:
        raise ValueError(f"{before!r} is where it was and where it is to be; name two places")
    with store.locked():
        shards = store.shards()
        at_new = {number: moving.moved(shard, before, after) for number, shard in shards.items()}
        moved = {number: shard for number, shard in at_new.items() if shard != shards[number]}
        if not moved:
            raise LookupError(_unknown(store, shards.values(), before))
        _check_once(after, moved, [shard for number, shard in shards.items() if number not in moved])
        _check_there(store, after, moved)
        store.replace_shards(at_new)
    return _images(moved.values())


def gone(store: Store) -> list[str]:
    """The places of sources that are not there any more."""
    return list(dict.fromkeys(filter(None, map(moving.gone, store.shards().values()))))


def _path(path: str | os.PathLike[str]) -> str:
    text = os.fsdecode(path)
    return text.rstrip("/") if "://" in text else os.path.abspath(os.path.expanduser(text))


def _unknown(store: Store, shards: Iterable[Shard], path: str) -> str:
    paths = list(dict.fromkeys(filter(None, map(moving.path_of, shards))))
    listing = f"they are {', '.join(map(repr, paths[:6]))}" + (" and others" if len(paths) > 6 else "")
    return (
        f"no source of the atlas {store.path!r} lies at {path!r}{near(path, paths)}; "
        f"{listing if paths else 'none of them lies at a path'}"
    )


def _images(shards: Iterable[Shard]) -> int:
    return sum(shard.images or 0 for shard in shards)


def _check_once(new: str, moved: Mapping[int, Shard], unmoved: Sequence[Shard]) -> None:
    """ValueError where the atlas would have images twice."""
    whole = _images(moved.values())
    twice = whole - _images(news_of(list(moved.values()), unmoved))
    if twice:
        raise ValueError(
            f"the atlas was built from {new!r}, too: it would have {twice:,} of these {whole:,} images twice; build it "
            "anew from one place"
        )


def _check_there(store: Store, new: str, moved: Mapping[int, Shard]) -> None:
    """ValueError where images are missing at their new place, or are others."""
    gone = list(dict.fromkeys(filter(None, map(moving.gone, moved.values()))))
    if gone:
        more = f", nor are {len(gone) - 1:,} others" if len(gone) > 1 else ""
        raise FileNotFoundError(
            f"{gone[0]!r} is not there{more}, so that nothing was moved; name the place of all of it"
        )
    numbers = _spread(list(moved), LOOKED_AT)
    count, wrong = 0, []
    for number in numbers:
        for answer in _looked(store, number, moved[number], -(-LOOKED_AT // len(numbers))):
            count += 1
            wrong += [answer] if answer else []
    if wrong:
        raise ValueError(
            f"of {count} images that were looked for at {new!r}, {len(wrong)} are not there as they were read, so that "
            f"nothing was moved; the first: {wrong[0]}"
        )


def _looked(store: Store, number: int, shard: Shard, count: int) -> Iterable[str]:
    """For some images of a shard that could be read once: nothing, or what is wrong with them now."""
    sizes = {}
    images = []
    for row in _spread(store.readable(number), count):
        at = row["id"] % SHARD
        sizes[at] = (row["width"], row["height"])
        images.append((at, row["key"], row["label"]))
    for item in picked.items(picked.of(shard, images)):
        try:
            photo = item.photo()
        except (OSError, LookupError, ValueError) as error:
            yield str(error).rstrip(".")
            continue
        width, height = sizes[item.index]
        same = (photo.width, photo.height) == (width, height)
        yield "" if same else f"{item.key} is {photo.width} × {photo.height} px there, not {width} × {height}"


def _spread(things: Sequence[One], count: int) -> list[One]:
    """So many of them, evenly spread, with the first and the last."""
    if len(things) <= count:
        return list(things)
    return [things[index * (len(things) - 1) // max(1, count - 1)] for index in range(count)]
