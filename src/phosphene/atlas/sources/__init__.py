"""Sources of images: folders, archives, tables, data sets."""

from __future__ import annotations

from . import (
    array_file,
    broken,
    datasets_set,
    folder,
    lance_table,
    mapped,
    memory,
    parquet_file,
    picked,
    tar_archive,
    torchvision_set,
    zip_archive,
)
from .item import FILES, SHARD, Item, Reader, Shard, number, place
from .listing import beyond, unlisted
from .opening import shards_of

READERS: dict[str, Reader] = {
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

__all__ = ["FILES", "READERS", "SHARD", "Item", "Reader", "Shard", "news", "number", "place", "reader", "shards_of"]


def news(listed: list[Shard], known: list[Shard]) -> list[Shard]:
    """What of the listed shards is in none of the known ones, as shards to add to them."""
    archives = tar_archive.news([shard for shard in listed if shard.kind == "tar"], known)
    files = unlisted([shard for shard in listed if shard.kind != "tar" and "files" in shard.part], known)
    return archives + files + beyond([shard for shard in listed if "stop" in shard.part], known)


def reader(shard: Shard) -> Reader:
    """Who reads this shard."""
    return READERS[shard.kind]
