"""Answers that were given already: in memory as values, on disk as bytes, each by what it is an answer to.

A key is a hash of everything that the answer depends on. Both stores are bounded; what was used longest ago goes.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from torch import Tensor

from ..network import Network
from ..picture import write_whole

_Value = TypeVar("_Value")


def key_of(*parts: Any) -> str:
    """A key for JSON-able parts."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def weight_of(value: Any) -> int:
    """The bytes of arrays, tensors and texts that a value holds, each counted once; not those of networks."""
    total, counted, left = 0, set(), [value]
    while left:
        each = left.pop()
        if id(each) in counted:
            continue
        counted.add(id(each))
        if isinstance(each, (np.ndarray, Tensor)):
            total += each.nbytes
        elif isinstance(each, (bytes, str)):
            total += len(each)
        elif isinstance(each, Mapping):
            left += each.values()
        elif isinstance(each, (list, tuple)):
            left += each
        elif is_dataclass(each) and not isinstance(each, (type, Network)):
            left += [getattr(each, field.name, None) for field in fields(each)]
    return total


class Memory(Generic[_Value]):
    """The values used last, as many as weigh `room` together."""

    def __init__(self, room: int, weight: Callable[[_Value], int] = weight_of) -> None:
        self.room, self.weight = room, weight
        self.held = 0
        self._values: OrderedDict[str, tuple[_Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> _Value | None:
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: str, value: _Value) -> None:
        """Keeps a value; one that is larger than the room is not kept."""
        weight = self.weight(value)
        with self._lock:
            if key in self._values:
                self.held -= self._values.pop(key)[1]
            if weight > self.room:
                return
            self._values[key] = value, weight
            self.held += weight
            while self.held > self.room:
                _, (_, oldest) = self._values.popitem(last=False)
                self.held -= oldest


def files_in(folder: Path) -> list[tuple[float, int, Path]]:
    """A folder's files with when they were used and their sizes, the one used longest ago first."""
    files = []
    for file in folder.iterdir():
        try:
            about = file.stat()
        except OSError:  # another server removed it
            continue
        if stat.S_ISREG(about.st_mode):
            files.append((about.st_mtime, about.st_size, file))
    return sorted(files)


def private(folder: Path) -> Path:
    """The folder, made where it is not there, and readable by nobody else."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


class Disk:
    """Bytes in files of a folder, as many as `room` holds."""

    def __init__(self, folder: Path, room: int) -> None:
        self.folder, self.room = folder, room
        self._lock = threading.Lock()
        private(folder)
        self._held = sum(size for _, size, _ in files_in(folder))

    def get(self, key: str) -> bytes | None:
        path = self.folder / key
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return data

    def put(self, key: str, data: bytes) -> None:
        """Stores the bytes. A full disk is no reason to fail: then nothing is stored."""
        if len(data) > self.room:
            return
        with self._lock:
            if self._held + len(data) > self.room:
                self._make_room(len(data))
            self._held += len(data)
            try:
                write_whole(self.folder / key, data)
            except OSError:
                self._held -= len(data)

    def _make_room(self, size: int) -> None:
        """Removes the files used longest ago until so many bytes fit, and a tenth of the room is free."""
        files = files_in(self.folder)
        self._held = sum(size for _, size, _ in files)
        for _, size, file in files:
            if self._held + size <= self.room and self._held <= 0.9 * self.room:
                break
            file.unlink(missing_ok=True)
            self._held -= size
