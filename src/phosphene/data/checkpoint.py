"""A folder that holds how far a run is, so that it goes on from there when it was stopped or killed.

Each pass of the run has a file of its own, which is replaced as a whole: whoever kills the run finds the last one. A
file holds plain values and tensors alone, so that opening one runs no code. When the run is done the folder goes.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

EVERY_S = 20.0  # between two writings
SHARE = 20  # and at least so many times as long as a writing takes
ENDING = ".pass"
IMAGES = "images"  # what of an account is a hash, which no sentence repeats


class Checkpoint:
    """The folder at `path` for the run that `account` describes, made where it is not there.

    Raises ValueError where it holds another run, or something else.
    """

    def __init__(self, path: str | os.PathLike[str], account: Mapping[str, str]) -> None:
        self.path, self.account = Path(path).expanduser(), dict(account)
        self._last, self._took = time.monotonic(), 0.0
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"a checkpoint is a folder, and {str(self.path)!r} is a file; name another place")
        strangers = [each.name for each in self.path.iterdir() if not _is_ours(each)] if self.path.exists() else []
        if strangers:
            raise ValueError(
                f"the folder {str(self.path)!r} holds other things than a run, such as {strangers[0]!r}; name an empty "
                "folder, or one that is not there"
            )
        for file in sorted(self.path.glob(f"*{ENDING}")):
            self._check(_content(file), self.account)

    def read(self, name: str, about: Mapping[str, str]) -> tuple[int, dict[str, Any], bool] | None:
        """Of the pass of that name: how many batches it has taken in, its state, and whether it is finished.

        ValueError where it is a pass of another run, or `about` other images.
        """
        file = self._file(name)
        if not file.exists():
            return None
        content = _content(file)
        self._check(content, {**self.account, **about})
        return int(content["done"]), content["state"], bool(content["finished"])

    def _check(self, content: Mapping[str, Any], account: Mapping[str, str]) -> None:
        """ValueError where a file is of another run than the account says."""
        for what, value in account.items():
            written = content["account"].get(what, "not said")
            if written != value:
                said = "the images are others" if what == IMAGES else f"its {what} is {written}, and here it is {value}"
                raise ValueError(
                    f"the checkpoint {str(self.path)!r} is of another run: {said}; name another folder, or delete it"
                )

    def due(self) -> bool:
        """Whether it is time to write."""
        return time.monotonic() - self._last >= max(EVERY_S, SHARE * self._took)

    def write(
        self, name: str, about: Mapping[str, str], done: int, state: Mapping[str, Any], *, finished: bool = False
    ) -> None:  # fmt: skip
        """Replaces the file of a pass. OSError, with a sentence, where that fails."""
        began = time.monotonic()
        content = {"account": {**self.account, **about}, "done": done, "state": dict(state), "finished": finished}
        file = self._file(name)
        beside = file.with_name(f"{file.name}.{os.getpid()}")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                torch.save(content, beside)
                os.replace(beside, file)
            finally:
                beside.unlink(missing_ok=True)
        except (OSError, RuntimeError) as error:  # torch says of a full disk what it likes
            raise OSError(
                f"the run can't be written to {str(self.path)!r} ({error}); what was written there before stands"
            ) from error
        self._last = time.monotonic()
        self._took = self._last - began

    def remove(self) -> None:
        """Deletes the files, and the folder where nothing else is in it."""
        for file in filter(_is_ours, self.path.glob(f"*{ENDING}*")):
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def _file(self, name: str) -> Path:
        return self.path / (re.sub(r"[^A-Za-z0-9]+", "-", name) + ENDING)


def _content(file: Path) -> dict[str, Any]:
    """What a file holds; its tensors are read when they are used. ValueError for something else."""
    try:
        if not zipfile.is_zipfile(file):  # what torch writes is one
            raise TypeError("no archive")
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        if not {"account", "done", "state", "finished"} <= content.keys():
            raise KeyError("account")
    except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise ValueError(f"{str(file)!r} is no part of a run; delete it") from error
    return content


def _is_ours(file: Path) -> bool:
    return bool(re.fullmatch(rf".+\{ENDING}(\.\d+)?", file.name))  # with a number: the rest of a killed writing
