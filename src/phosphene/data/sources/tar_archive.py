"""Tar archives of images: with folders for their classes, or of WebDataset's samples, plain or compressed.

The archive's headers are read once, when it is listed; the shards hold where each image's bytes begin, so that one
photo of a large archive is read at once. A compressed archive has to be unpacked up to the photo. An archive that is as
long and as old as when it was listed is not listed again; one that grew is, and what is new is added.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import IO, Any

from ...picture.photos.reading import MAX_BYTES
from . import broken, samples
from .item import FILES, SHARD, Item, Shard
from .listing import classes, cut, is_image_name, real, sentence, unlisted

BLOCK = tarfile.BLOCKSIZE
BROKEN = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError)
SMALL = 1 << 16  # bytes of a member that tells a class
LONGEST = 1 << 24  # bytes of a header, names and all
PACKED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
File = list[Any]  # name, label, where its bytes begin, how many they are; or name, None, why the rest can't be read


def shards(path: str, above: str = "") -> list[Shard]:
    """The archive, not listed yet: `news` does that. `above` comes before its members' names in the keys."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise FileNotFoundError(f"there is no archive {path!r} ({error.strerror})") from None
    return [Shard("tar", path, {"above": above, "bytes": status.st_size, "changed": status.st_mtime_ns})]


def news(listed: list[Shard], old: list[Shard]) -> list[Shard]:
    """The images of the archives, as far as they are not known; archives that did not change are not opened."""
    stamps = {_stamp(shard) for shard in old if shard.kind == "tar"}
    changed = [shard for shard in listed if _stamp(shard) not in stamps]
    with ThreadPoolExecutor(8) as pool:
        archives = broken.instead([shard.where for shard in changed], pool.map(_tried, changed))
    return [s for whole in archives for s in unlisted([whole], old, _most(whole))]


def _tried(shard: Shard) -> list[Shard] | Exception:
    try:
        return [_listed(shard)]
    except (ValueError, OSError) as error:
        return error


def _stamp(shard: Shard) -> tuple[str, int, int]:
    return real(shard.where), shard.part["bytes"], shard.part["changed"]


@dataclass(frozen=True)
class Member:
    """What a header tells of an image; what a member that may tell its class holds; or why there is no more."""

    name: str
    start: int = 0
    size: int = 0
    text: bytes | None = None
    error: str | None = None


def _listed(shard: Shard) -> Shard:
    """The archive with its images. ValueError where it is none, or has none."""
    try:
        with _opened(shard.where) as stream:
            headers: Any = _Headers(stream)
            with tarfile.open(fileobj=headers, mode="r:") as archive:
                files_listed = list(_files(_members(archive, stream)))
    except BROKEN as error:
        raise ValueError(f"{shard.where!r} is no tar archive, or it is cut off or broken ({sentence(error)})") from None
    files = {file[0]: file for file in files_listed if len(file) == 4}  # of several of one name, the last counts
    errors = [file for file in files_listed if len(file) == 3]
    if not files:
        why = f" that can be read ({errors[0][2]})" if errors else ""
        raise ValueError(f"{shard.where!r} holds no image{why}")
    if all(file[1] is None for file in files.values()):
        for file, label in zip(files.values(), classes(files), strict=True):
            file[1] = label
    (whole,) = cut("tar", shard.where, [*files.values(), *errors], SHARD, **shard.part)
    return whole


def _members(archive: tarfile.TarFile, stream: IO[bytes]) -> Iterator[Member]:
    """Those that matter, each when the header after it was read, without which it may be cut off itself."""
    images: dict[str, Member] = {}  # for links to them
    last: Member | None = None
    name = ""
    try:
        for header in _headers(archive, stream):
            if last:
                yield last
            last, name = _member(header, stream, images), header.name
    except BROKEN as error:
        if last and _is_whole(last, stream):
            yield last
        why = f"the archive is cut off or broken after {name!r} ({sentence(error)})"
        yield Member(f"what follows {name}", error=why)
    else:
        if last:
            yield last


class _Headers:
    """What is read of an archive to list it, which is little at once: a header that says it is long is broken."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.tell, self.seek, self._read = stream.tell, stream.seek, stream.read

    def read(self, size: int) -> bytes:
        if size > LONGEST:
            raise tarfile.ReadError(f"a header says that it has {size:,} bytes")
        return self._read(size)


def _headers(archive: tarfile.TarFile, stream: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    while (header := archive.next()) is not None:
        archive.members = []  # type: ignore[attr-defined]  # else it keeps all of them
        yield header
    stream.seek(archive.offset)
    if stream.read(BLOCK).strip(b"\0"):
        raise tarfile.ReadError("what follows is no header")


def _member(header: tarfile.TarInfo, stream: IO[bytes], images: dict[str, Member]) -> Member | None:
    if is_image_name(header.name) and not header.isdir():
        linked = images.get(header.linkname)
        if not (header.isreg() or linked):
            return Member(header.name, error=f"it is a link to {header.linkname!r}, no file")
        start, size = (linked.start, linked.size) if linked else (header.offset_data, header.size)
        images[header.name] = Member(header.name, start, size)
        return images[header.name]
    if header.isreg() and samples.parted(header.name)[1] in samples.TOLD and header.size <= SMALL:
        stream.seek(header.offset_data)
        return Member(header.name, text=stream.read(header.size))
    return None


def _is_whole(member: Member, stream: IO[bytes]) -> bool:
    try:
        stream.seek(member.start + max(member.size, 1) - 1)
        return len(stream.read(1)) == 1
    except BROKEN:
        return False


def _files(members: Iterable[Member]) -> Iterator[File]:
    """One image of every sample, with its class; all of them where no members tell of classes."""
    for _, group in groupby(members, lambda member: (samples.parted(member.name)[0], member.error)):
        sample = list(group)
        images = {member.name: member for member in sample if member.text is None and not member.error}
        class_texts = {samples.parted(member.name)[1]: member.text for member in sample if member.text is not None}
        names = [samples.main_image(list(images))] if images and class_texts else list(images)
        for name in names:
            yield [name, samples.label(class_texts), images[name].start, images[name].size]
        yield from ([member.name, None, member.error] for member in sample if member.error)


def items(shard: Shard, start: int = 0) -> Iterator[Item]:
    with _there(shard.where) as stream:
        for index in range(start, len(shard.part["files"])):
            yield _item(stream, shard, index)


def item(shard: Shard, index: int, key: str = "") -> Item:
    with _there(shard.where) as stream:
        return _item(stream, shard, index)


def _item(stream: IO[bytes], shard: Shard, index: int) -> Item:
    name, label, *position = shard.part["files"][index]
    key = shard.part["above"] + name
    if isinstance(position[0], str):
        return Item(index, key, None, ValueError(position[0]))
    start, size = position
    try:
        if size > MAX_BYTES:
            raise ValueError(f"it is {size:,} bytes long, too large for a photo")
        stream.seek(start - BLOCK)
        header = tarfile.TarInfo.frombuf(stream.read(BLOCK), "utf-8", "surrogateescape")
        if header.size != size:
            raise ValueError("the archive is another than when it was listed")
        return Item(index, key, label, stream.read(size))
    except BROKEN as error:
        return Item(index, key, label, ValueError(f"{name!r} can't be read from the archive ({sentence(error)})"))


def _there(path: str) -> IO[bytes]:
    try:
        return _opened(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no archive {path!r}") from None


def _opened(path: str) -> IO[bytes]:
    """The archive's bytes, unpacked where it is compressed."""
    with open(path, "rb") as file:
        head = file.read(8)
    for start, unpacked in PACKED.items():
        if head.startswith(start):
            return unpacked(path, "rb")
    return open(path, "rb")


def _most(shard: Shard) -> int:
    """Pictures in a shard: all of a compressed archive, which would be unpacked anew for every stretch of it."""
    if shard.kind == "broken":
        return 1
    with open(shard.where, "rb") as file:
        return SHARD if file.read(8).startswith(tuple(PACKED)) else FILES
