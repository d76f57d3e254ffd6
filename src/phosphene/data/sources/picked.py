"""Some images of a shard, by their places in it: those that are to be read once more.

They are read in one pass from the first to the last of them, as a whole shard is, since one image alone may take
unpacking all before it. What can't be read is an image with the reason, also where the whole shard is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .item import READERS, Item, Reader, Shard

KIND = "picked"


def of(shard: Shard, images: Sequence[tuple[int, str, str | None]]) -> Shard:
    """The images of the shard at these places, each with its key and label, in rising order."""
    files = [[key, label] for _, key, label in images]
    whole = {"kind": shard.kind, "part": shard.part}
    return Shard(KIND, shard.where, {"files": files, "places": [at for at, *_ in images], "of": whole})


def items(shard: Shard, start: int = 0) -> Iterator[Item]:
    """The images from the `start`-th picked one on; their places are those in the whole shard."""
    waiting = dict(zip(shard.part["places"][start:], shard.part["files"][start:], strict=True))
    if not waiting:
        return
    why: Exception = LookupError(f"{shard.where!r} has no such image any more")
    whole, reader = _whole(shard)
    last = max(waiting)
    try:
        for item in reader.items(whole, min(waiting)):
            if waiting.pop(item.index, None):
                yield item
            if item.index >= last:
                break
    except (OSError, LookupError, ValueError) as error:
        why = error
    for at, (key, label) in waiting.items():
        yield Item(at, key, label, why)


def item(shard: Shard, index: int, key: str = "") -> Item:
    """The image at this place in the whole shard."""
    whole, reader = _whole(shard)
    return reader.item(whole, index, key)


def _whole(shard: Shard) -> tuple[Shard, Reader]:
    whole = Shard(shard.part["of"]["kind"], shard.where, shard.part["of"]["part"])
    return whole, READERS[whole.kind]
