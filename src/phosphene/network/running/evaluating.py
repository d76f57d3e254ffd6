"""A network in evaluation mode for as long as a block lasts, and afterwards as it was."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from .call_names import modules_of
from .chance import own_chance

_Made = tuple[nn.Module, str, Any]  # a module, the name of a weight that a hook makes, and what stands there

_evaluating: weakref.WeakKeyDictionary[nn.Module, tuple[int, list[nn.Module], list[_Made]]] = (
    weakref.WeakKeyDictionary()
)
_evaluating_lock = threading.Lock()


@contextmanager
def evaluating(root: nn.Module) -> Iterator[None]:
    """Every module of `root` in evaluation mode inside the block; the flags return when the last such block ends.

    So do weights that hooks make anew before each call (pruning, the older spectral and weight norms), and random
    numbers come from a stream of their own.
    """
    with _evaluating_lock:
        users, changed, restored = _evaluating.get(root, (0, [], []))
        if users == 0:
            modules = [module for _, module in modules_of(root).values()]
            changed = [module for module in modules if module.training]
            for module in changed:
                module.training = False
            restored = [
                weight for module in modules if module._forward_pre_hooks for weight in made_before_calls(module)
            ]
        _evaluating[root] = (users + 1, changed, restored)
    try:
        with own_chance():
            yield
    finally:
        with _evaluating_lock:
            users, changed, restored = _evaluating[root]
            if users == 1:
                for module in changed:
                    module.training = True
                for module, name, value in restored:
                    module.__dict__[name] = value
                del _evaluating[root]
            else:
                _evaluating[root] = (users - 1, changed, restored)


def made_before_calls(module: nn.Module) -> Iterator[_Made]:
    """The weights of a module that hooks make before each of its calls."""
    for hook in module._forward_pre_hooks.values():
        for name in (getattr(hook, "name", None), getattr(hook, "_tensor_name", None)):
            if isinstance(name, str) and isinstance(module.__dict__.get(name), Tensor):
                yield module, name, module.__dict__[name]
