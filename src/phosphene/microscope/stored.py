"""Answers that were given already: in memory as values, on disk as bytes, each by what it is an answer to.

A key is a hash of everything that the answer depends on. Both stores are bounded; what was used longest ago goes.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..picture import write_whole

_Value = TypeVar("_Value")


def key_of(*parts: Any) -> str:
    """A key for JSON-able parts."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


class Memory(Generic[_Value]):
    """The values used last, as many as weigh `room` together."""

    def __init__(self, room: int, weight: Callable[[_Value], int] = lambda value: 1) -> None:
        self.room, self.weight = room, weight
        self.held = 0
        self._values: OrderedDict[str, _Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> _Value | None:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: str, value: _Value) -> None:
        """Keeps a value; one that is larger than the room is not kept."""
        with self._lock:
            if key in self._values:
                self.held -= self.weight(self._values.pop(key))
            self._values[key] = value
            self.held += self.weight(value)
            while self._values and self.held > self.room:
                _, oldest = self._values.popitem(last=False)
                self.held -= self.weight(oldest)


class Disk:
    """Bytes in files of a folder, as many as `room` holds."""

    def __init__(self, folder: Path, room: int) -> None:
        self.folder, self.room = folder, room
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._held = sum(file.stat().st_size for file in folder.iterdir())

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
            self._held += len(data)
            if self._held > self.room:
                self._make_room()
            try:
                write_whole(self.folder / key, data)
            except OSError:
                self._held -= len(data)

    def _make_room(self) -> None:
        """Removes the files used longest ago until a tenth of the room is free."""
        files = []
        for file in self.folder.iterdir():
            try:
                files.append((file.stat().st_mtime, file.stat().st_size, file))
            except OSError:  # another server removed it
                continue
        self._held = sum(size for _, size, _ in files)
        for _, size, file in sorted(files):
            if self._held <= 0.9 * self.room:
                break
            file.unlink(missing_ok=True)
            self._held -= size
