"""Sources of images: folders, archives, tables, data sets."""

from __future__ import annotations

from collections.abc import Sequence

from ...picture import Photo
from . import broken, folder, moving, picked, tar_archive, torchvision_set, zip_archive
from .item import FILES, READERS, SHARD, Item, Reader, Shard, number, shard_and_index
from .listing import beyond, unlisted
from .opening import shards_of
from .tables import array_file, datasets_set, lance_table, mapped, memory, parquet_file

READERS |= {
    "folder": folder,
    "zip": zip_archive,
    "tar": tar_archive,
    "parquet": parquet_file,
    "lance": lance_table,
    "datasets": datasets_set,
    "torchvision": torchvision_set,
    "npz": array_file,
    "memory": memory,
    "mapped": mapped,
    "broken": broken,
    picked.KIND: picked,
}

__all__ = [
    "FILES", "READERS", "SHARD", "Item", "Reader", "Shard", "lost", "moving", "news", "news_of", "number", "photo_of",
    "picked", "reader", "shard_and_index", "shards_of", "whole",
]  # fmt: skip


def news(listed: list[Shard], old: list[Shard]) -> list[Shard]:
    """What of the listed shards is in none of the known ones, as shards to add to them."""
    archives = tar_archive.news([shard for shard in listed if shard.kind == "tar"], old)
    return archives + news_of([shard for shard in listed if shard.kind != "tar"], old)


def whole(shard: Shard) -> list[Shard]:
    """The shard with all that reading it takes: an archive's members are listed first."""
    return tar_archive.news([shard], []) if shard.kind == "tar" else [shard]


def news_of(listed: Sequence[Shard], old: Sequence[Shard]) -> list[Shard]:
    """The same, of shards that tell their files or rows."""
    files = unlisted([shard for shard in listed if "files" in shard.part], old)
    return files + beyond([shard for shard in listed if "stop" in shard.part], old)


def photo_of(shard: Shard, index: int, key: str) -> Photo:
    """One photo of the shard. OSError, LookupError or ValueError, with a sentence, where it can't be read.

    Where the whole source is not there, that sentence says what to do.
    """
    try:
        return reader(shard).item(shard, index, key).photo()
    except (OSError, LookupError, ValueError) as error:
        raise (lost(shard) or error) from None


def lost(shard: Shard) -> FileNotFoundError | None:
    """The error that a shard's source is not there any more; None where it is."""
    path = moving.gone(shard)
    if path is None:
        return None
    return FileNotFoundError(
        "the source is gone, or has moved; 'phosphene atlas relocate' tells the atlas where it is now: "
        f"there is no {path!r}"
    )


def reader(shard: Shard) -> Reader:
    """Who reads this shard."""
    return READERS[shard.kind]
