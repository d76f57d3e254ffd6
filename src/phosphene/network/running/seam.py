"""The seam: one forward pass, seen call by call, without touching the network.

Everything a network computes passes through a function call, and PyTorch lets a `TorchFunctionMode` stand at that place
for one thread. A `Run` is such a mode. It gives every value the name you would walk to it, hands it to an observer, and
replaces functions by rules. Names follow torchvision's feature extractor: the dotted path of the module, for functions
the path of the module that calls them plus the function's name, and `_1`, `_2` ... for repeats
(`layer1.0.relu`, `layer1.0.add`, `layer1.0.relu_1`).

Which module is running is learned from a wrapper around `nn.Module.__call__` that stands only while some run is in
flight, or an instrument works that makes many, and does nothing outside the run's own context, so that the network
itself carries no trace, its own hooks have run when a value is seen, and threads don't mix.
"""

from __future__ import annotations

import contextvars
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .call_names import function_name, inside, is_leaf, modules_of
from .checkpoints import Checkpoints
from .stopping import check_stop
from .unseen import (
    SCRIPTED_CALL,
    check_gradients,
    is_compiled,
    is_quantised,
    is_scripted,
    scripted,
    scripted_function,
)

OUTPUT = "logits"  # the name of what the whole network returns

Observer = Callable[[str, str, Any], Any]  # (name, kind, value) -> the value to go on with
Caller = Callable[[Callable, tuple, dict], Any]  # how a function is computed
Entrant = Callable[[str, nn.Module, tuple, dict], None]  # (name, module, arguments), before the module is called

_current: contextvars.ContextVar[Run | None] = contextvars.ContextVar("phosphene_run", default=None)


def running() -> str:
    """The dotted path of the module that runs now; empty outside a run and for the root."""
    run = _current.get()
    return run.stack[-1][0] if run else ""


class Reached(BaseException):
    """Everything asked for has been computed. A BaseException, so that no `except Exception` in a network eats it."""


class Run(TorchFunctionMode):
    """One forward pass of `root`, named and observed; use as a context manager around the call.

    With `only`, paths of modules outside of leaves, nothing but their values is seen, at hardly any cost.
    """

    def __init__(
        self,
        root: nn.Module,
        observe: Observer,
        call: Caller | None = None,
        *,
        enter: Entrant | None = None,
        only: Collection[str] | None = None,
        gauge: Callable[[], float] | None = None,
    ) -> None:
        super().__init__()
        self.modules = modules_of(root)
        self.observe = observe
        self.call = call
        self.enter = enter
        self.only = None if only is None else frozenset(self._watched_ids(only))  # ids of the modules to look at
        self.gauge = gauge or (lambda: 0)  # something that grows while the network computes: operations, seconds
        self.spent: float = 0  # by how much it grew for the value being observed
        self.stack: list[tuple[str, bool]] = [("", False)]  # of the modules that run: path, whether unnamed inside
        self.paths = {path for path, _ in self.modules.values()}
        self.counts: Counter[str] = Counter({OUTPUT: 1})
        self.used_names = {OUTPUT}  # the root's own, also where a module below has that name
        self.module: nn.Module | None = None  # that returned the value being observed; None if a function did
        self.observing = False  # while an observer works, what it computes is not the network's

    def _watched_ids(self, only: Collection[str]) -> Iterator[int]:
        for key, (path, module) in self.modules.items():
            hides = "_orig_mod" in module._modules or is_compiled(module) or is_scripted(module)
            if (path or OUTPUT) in only or hides or is_quantised(module):  # what is compiled would hide those inside
                yield key

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        hidden = self.call is None and self.stack[-1][1]
        if self.observing or hidden or _current.get() is not self:  # another run inside this one has its own values
            return func(*args, **(kwargs or {}))
        before = self.gauge()
        out = self.call(func, args, kwargs or {}) if self.call else func(*args, **(kwargs or {}))
        return self._computed(function_name(func), out, before)

    def scripted(self, function: Any, args: tuple, kwargs: dict) -> Any:
        """Calls a scripted function, whose inside no mode sees, and has its value observed."""
        if self.observing or self.only is not None:
            return scripted_function(function, *args, **kwargs)
        before, self.observing = self.gauge(), True
        try:
            call = self.call or (lambda func, args, kwargs: func(*args, **kwargs))
            out = call(scripted_function, (function, *args), kwargs)
        finally:
            self.observing = False
        return self._computed(function.name, out, before)

    def _computed(self, name: str, out: Any, before: float) -> Any:
        """What a function gave, observed under its name; the gauge stood at `before` when it was called."""
        path, unnamed = self.stack[-1]
        if unnamed:
            return out
        self.spent, self.module = self.gauge() - before, None
        if isinstance(out, Tensor):
            return self._value(path, name, out)
        if isinstance(out, (tuple, list)) and any(isinstance(part, Tensor) for part in out):
            self._value(path, name, out)
            self.spent = 0
            parts = [self._value(path, "getitem", part) if isinstance(part, Tensor) else part for part in out]
            changed = any(part is not was for part, was in zip(parts, out, strict=True))
            return type(out)(parts) if changed else out
        return out

    def _value(self, path: str, kind: str, value: Any) -> Any:
        return self._observed(f"{path}.{kind}" if path else kind, kind, value)

    def _observed(self, name: str, kind: str, value: Any) -> Any:
        full_name = self._next(name)
        self.counts[name] += 1
        self.used_names.add(full_name)
        self.observing = True
        try:
            return self.observe(full_name, kind, value)
        finally:
            self.observing = False

    def _next(self, name: str) -> str:
        """What the next value of that name is called: from the second on with the next number that no one has."""
        if name not in self.used_names:
            return name
        again = self.counts[name]
        while (numbered := f"{name}_{again}") in self.used_names or numbered in self.paths:
            again += 1
        return numbered

    def through(self, module: nn.Module, args: tuple, kwargs: dict) -> Any:
        """Calls a module, with its path on the stack and its own hooks run, and has its value observed."""
        if (inner := inside(module, "_orig_mod")) is not None:  # torch.compile's wrapper
            return self.through(inner, args, kwargs)
        (above, hidden), entry = self.stack[-1], self.modules.get(id(module))
        path, unnamed = (entry[0], hidden or is_leaf(module)) if entry else (above, hidden)
        named = entry is not None and not hidden
        if named and self.enter:
            self.enter(self._next(path) if path else OUTPUT, module, args, kwargs)
        if is_quantised(module):
            check_gradients(module, path, args, kwargs)
        before = self.gauge()
        self.stack.append((path, unnamed))
        try:
            out = self._called(module, args, kwargs)
        finally:
            self.stack.pop()
        if not named:
            return out
        self.spent, self.module = self.gauge() - before, module
        if not path:
            self.used_names.discard(OUTPUT)
        return self._observed(path or OUTPUT, type(module).__name__, out)

    def _called(self, module: nn.Module, args: tuple, kwargs: dict) -> Any:
        if is_compiled(module):
            return module._call_impl(*args, **kwargs)  # what it was before compile()
        if not is_scripted(module):
            return _call(module, *args, **kwargs)
        self.observing, before = True, self.observing
        try:
            return self.call(scripted, (module, *args), kwargs) if self.call else scripted(module, *args, **kwargs)
        finally:
            self.observing = before

    def __enter__(self) -> Run:
        check_stop()
        self._token = _current.set(self)
        _wrapper.acquire()
        if self.only is None:
            super().__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self.only is None:
            super().__exit__(*error)
        _wrapper.release()
        _current.reset(self._token)


_call = nn.Module.__call__


def _script_called(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    run = _current.get()
    return scripted_function(function, *args, **kwargs) if run is None else run.scripted(function, args, kwargs)


def _called(module: nn.Module, /, *args: Any, **kwargs: Any) -> Any:
    run = _current.get()
    if run is None or (run.only is not None and id(module) not in run.only):
        return _call(module, *args, **kwargs)
    return run.through(module, args, kwargs)


class _Wrapper:
    """Puts `_called` in the place of `nn.Module.__call__` while any run is in flight, and as long as it is held."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # a generator that is thrown away may let go in the middle of the rest
        self.runs, self.holders, self.stands = 0, 0, False
        self.checkpoints = Checkpoints(lambda: _current.get() is not None)

    def acquire(self) -> None:
        global _call
        with self.lock:
            self.runs += 1
            self.checkpoints.switch_off()
            current_call = nn.Module.__call__
            ours_inside = self.stands and current_call is not _call  # someone has wrapped it since, and calls it
            if current_call is not _called and not ours_inside:
                _call, self.stands = current_call, True  # whoever else has wrapped it before stays inside
                nn.Module.__call__ = _called  # type: ignore[method-assign]
            torch.jit.ScriptFunction.__call__ = _script_called  # type: ignore[assignment,method-assign]

    def release(self) -> None:
        with self.lock:
            self.runs -= 1
            self._take_away()

    @contextmanager
    def keep(self) -> Iterator[None]:
        with self.lock:
            self.holders += 1
        try:
            yield
        finally:
            with self.lock:
                self.holders -= 1
                self._take_away()

    def _take_away(self) -> None:
        if self.runs or self.holders or sys.is_finalizing():
            return
        self.checkpoints.restore()
        torch.jit.ScriptFunction.__call__ = SCRIPTED_CALL  # type: ignore[method-assign]
        if nn.Module.__call__ is _called:  # else someone has wrapped it since, and calls it
            nn.Module.__call__, self.stands = _call, False  # type: ignore[method-assign]


_wrapper = _Wrapper()


def keep_wrapper() -> AbstractContextManager[None]:
    """Inside the block what the first run puts in the place of `nn.Module.__call__` stays there for those that follow.

    Installing the wrapper costs as much as calling a hundred modules, because it invalidates Python's method caches.
    """
    return _wrapper.keep()
