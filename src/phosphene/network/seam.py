"""The seam: one forward pass, seen call by call, without touching the network.

Everything a network computes passes through a function call, and PyTorch lets a `TorchFunctionMode` stand at that place
for one thread. A `Run` is such a mode. It gives every value the name you would walk to it, hands it to an observer, and
replaces functions by rules. Names follow torchvision's feature extractor: the dotted path of the module, for functions
the path of the module that calls them plus the function's name, and `_1`, `_2` ... for repeats
(`layer1.0.relu`, `layer1.0.add`, `layer1.0.relu_1`).

Which module is running is learned from two process-wide module hooks that stand only while some run is in flight and do
nothing outside the run's own context, so that the network itself carries no trace and threads don't mix.
"""

from __future__ import annotations

import contextvars
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

OUTPUT = "logits"  # the name of what the whole network returns

Observer = Callable[[str, str, Any], Any]  # (name, kind, value) -> the value to go on with
Caller = Callable[[Callable, tuple, dict], Any]  # how a function is computed

_current: contextvars.ContextVar[Run | None] = contextvars.ContextVar("phosphene_run", default=None)


class Reached(BaseException):
    """Everything asked for has been computed. A BaseException, so that no `except Exception` in a network eats it."""


class Run(TorchFunctionMode):
    """One forward pass of `root`, named and observed; use as a context manager around the call."""

    def __init__(
        self, root: nn.Module, observe: Observer, call: Caller | None = None, gauge: Callable[[], float] | None = None
    ) -> None:
        super().__init__()
        self.names = module_names(root)
        self.observe = observe
        self.call = call
        self.gauge = gauge or (lambda: 0)  # something that grows while the network computes: operations, seconds
        self.spent: float = 0  # by how much it grew for the value being observed
        self.stack: list[tuple[int, str, bool, float]] = [(0, "", False, 0)]  # (module, path, unnamed inside, gauge)
        self.seen: Counter[str] = Counter()
        self.module: nn.Module | None = None  # that returned the value being observed; None if a function did
        self.observing = False  # while an observer works, what it computes is not the network's
        self._late: dict[int, Any] = {}  # module id -> handle of a hook that must come after the module's own

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if self.observing:
            return func(*args, **(kwargs or {}))
        before = self.gauge()
        out = self.call(func, args, kwargs or {}) if self.call else func(*args, **(kwargs or {}))
        _, path, leaf, _ = self.stack[-1]
        if leaf:
            return out
        self.spent, self.module = self.gauge() - before, None
        if isinstance(out, Tensor):
            return self._value(path, function_name(func), out)
        if type(out) in (tuple, list) and out and all(isinstance(part, Tensor) for part in out):
            name = function_name(func)
            self._value(path, name, out)
            self.spent = 0
            return type(out)([self._value(path, "getitem", part) for part in out])
        return out

    def _value(self, path: str, kind: str, value: Any) -> Any:
        return self._observed(f"{path}.{kind}" if path else kind, kind, value)

    def _observed(self, name: str, kind: str, value: Any) -> Any:
        again = self.seen[name]
        self.seen[name] = again + 1
        self.observing = True
        try:
            return self.observe(f"{name}_{again}" if again else name, kind, value)
        finally:
            self.observing = False

    def enter(self, module: nn.Module) -> None:
        _, above, inside, _ = self.stack[-1]
        path, leaf = self.names.get(id(module), (above, inside))
        self.stack.append((id(module), path, leaf or inside, self.gauge()))
        if module._forward_hooks and id(module) not in self._late:  # the module's own hooks may still change its output
            self._late[id(module)] = module.register_forward_hook(self._leave_late, always_call=True)

    def leave(self, module: nn.Module, out: Any) -> Any:
        while (frame := self.stack.pop())[0] != id(module):  # a module that raised, and whose caller went on, is left
            pass
        self.spent = self.gauge() - frame[3]
        if out is None and sys.exc_info()[0] is not None:  # the module raised; its caller may go on
            return None
        if id(module) not in self.names or self.stack[-1][2]:
            return out
        path, _ = self.names[id(module)]
        self.module = module
        return self._observed(path or OUTPUT, type(module).__name__, out)

    def _leave_late(self, module: nn.Module, args: tuple, out: Any) -> Any:
        return self.leave(module, out) if _current.get() is self else None

    def __enter__(self) -> Run:
        self._token = _current.set(self)
        _hooks.acquire()
        super().__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        _hooks.release()
        _current.reset(self._token)
        for handle in self._late.values():
            handle.remove()
        self._late.clear()


class _Hooks:
    """The two process-wide module hooks, there while any run is in flight."""

    def __init__(self) -> None:
        self.lock, self.runs = threading.Lock(), 0
        self.handles: tuple[RemovableHandle, ...] = ()

    def acquire(self) -> None:
        with self.lock:
            self.runs += 1
            if self.runs == 1:
                self.handles = (
                    torch_module.register_module_forward_pre_hook(_enter),
                    torch_module.register_module_forward_hook(_leave, always_call=True),
                )

    def release(self) -> None:
        with self.lock:
            self.runs -= 1
            if self.runs == 0:
                for handle in self.handles:
                    handle.remove()
                self.handles = ()


_hooks = _Hooks()


def _enter(module: nn.Module, args: tuple) -> None:
    if run := _current.get():
        run.enter(module)


def _leave(module: nn.Module, args: tuple, out: Any) -> Any:
    run = _current.get()
    if run is None or id(module) in run._late:
        return None
    return run.leave(module, out)


def module_names(root: nn.Module) -> dict[int, tuple[str, bool]]:
    """id of each module of `root` -> (dotted path, whether its inside is named no further)."""
    return {id(module): (name, _is_leaf(module)) for name, module in root.named_modules()}


def _is_leaf(module: nn.Module) -> bool:
    """Whether it is one of torch.nn's layers; containers and its transformer blocks are looked into."""
    if not type(module).__module__.startswith("torch.nn") or isinstance(module, _CONTAINERS):
        return False
    inner = {name for name, _ in module.named_children()} - {"parametrizations"}
    return not inner or isinstance(module, nn.MultiheadAttention)


_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)

# Python's operators reach the mode as methods; the names are those of torchvision's feature extractor.
_OPERATORS = {"__rsub__": "sub", "__rdiv__": "truediv", "__rtruediv__": "truediv", "__rpow__": "pow", "idiv": "div"}
_DIVISIONS = (torch.Tensor.div, torch.Tensor.div_)


def function_name(func: Callable) -> str:
    """The name of a function as values carry it: `add` for +, add and add_ alike."""
    name = getattr(func, "__name__", str(func))
    if name == "__get__":  # a property of a tensor: .T, .data, .shape
        return getattr(getattr(func, "__self__", None), "__name__", name)
    if func in _DIVISIONS:
        return "truediv"
    return _OPERATORS.get(name) or name.strip("_")


_evaluating: weakref.WeakKeyDictionary[nn.Module, tuple[int, list[nn.Module]]] = weakref.WeakKeyDictionary()
_evaluating_lock = threading.Lock()


@contextmanager
def evaluating(root: nn.Module) -> Iterator[None]:
    """Every module of `root` in evaluation mode inside the block; the flags return when the last such block ends."""
    with _evaluating_lock:
        users, changed = _evaluating.get(root, (0, []))
        if users == 0:
            changed = [module for module in root.modules() if module.training]
            for module in changed:
                module.training = False
        _evaluating[root] = (users + 1, changed)
    try:
        yield
    finally:
        with _evaluating_lock:
            users, changed = _evaluating[root]
            if users == 1:
                for module in changed:
                    module.training = True
                del _evaluating[root]
            else:
                _evaluating[root] = (users - 1, changed)
