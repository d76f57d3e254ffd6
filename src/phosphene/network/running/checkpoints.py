"""Activation checkpointing switched off inside a run.

`torch.utils.checkpoint` throws values away on the way forward and computes them again on the way back, when the run is
over: rules and names would not be there, and its re-entrant kind gives no gradient by an input at all. So inside a run
what is checkpointed is simply called. The answers are the same; only memory is not saved.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

_NAME = "torch.utils.checkpoint"
_GENERATORS = "_checkpoint_without_reentrant_generator"  # of the kind that is not re-entrant; newer ones end in _impl


class Checkpoints:
    """Puts plain calls in the place of checkpointed ones wherever `inside()` says that a run is in flight."""

    def __init__(self, inside: Callable[[], bool]) -> None:
        self._inside = inside
        self._before: dict[str, Any] = {}
        self._module: ModuleType | None = None

    def switch_off(self) -> None:
        """Until `restore`; nothing happens where no network has opened PyTorch's module yet."""
        module = sys.modules.get(_NAME)
        if module is None or self._before:
            return
        self._module = module
        for name in [name for name in vars(module) if name.startswith(_GENERATORS)]:
            self._replace(name, _plain_generator(getattr(module, name), self._inside))
        self._replace("CheckpointFunction", _PlainFunction(module.CheckpointFunction, self._inside))

    def _replace(self, name: str, value: Any) -> None:
        self._before[name] = getattr(self._module, name)
        setattr(self._module, name, value)

    def restore(self) -> None:
        for name, value in self._before.items():
            setattr(self._module, name, value)
        self._before = {}


def _plain_generator(
    original: Callable[..., Iterator[Any]], inside: Callable[[], bool]
) -> Callable[..., Iterator[Any]]:
    def generator(*args: Any, **kwargs: Any) -> Iterator[Any]:
        if inside():
            yield
        else:
            yield from original(*args, **kwargs)

    return generator


class _PlainFunction:
    """In the place of the re-entrant kind's autograd function."""

    def __init__(self, original: Any, inside: Callable[[], bool]) -> None:
        self._original, self._inside = original, inside

    def apply(self, function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        return function(*args) if self._inside() else self._original.apply(function, preserve, *args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)
