"""One run of a network that keeps what was asked for and goes no further."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from ..module import made_for_inference
from .call_names import inside, is_leaf
from .evaluating import evaluating
from .outputs import main_tensor
from .refusing import refusal
from .rules import Rules
from .seam import OUTPUT, Reached, Run
from .unseen import UnseenError


class NotComputedError(LookupError):
    """The network ended without computing a value of that name; `computed` are those that it did."""

    def __init__(self, name: str, computed: list[str]) -> None:
        super().__init__(name)
        self.name, self.computed = name, computed


@dataclass(eq=False)
class Call:
    """One call of a module: copies of what it was given and returned, before anything later could change them."""

    name: str
    module: nn.Module | None = None
    args: tuple = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    value: Tensor | None = None
    edge: GradientEdge | None = None  # where a gradient by the value is taken; None if nothing asks for one

    @property
    def input(self) -> Tensor:
        """The first tensor that it was given."""
        return next(part for part in (*self.args, *self.kwargs.values()) if isinstance(part, Tensor))

    def enter(self, name: str, module: nn.Module, args: tuple, kwargs: dict) -> None:
        if name != self.name:
            return
        copies: dict[int, Tensor] = {}  # what was one tensor stays one: query, key and value

        def copied(part: Any) -> Any:
            return copies.setdefault(id(part), part.detach().clone()) if isinstance(part, Tensor) else part

        self.module = module
        self.args = tuple(copied(part) for part in args)
        self.kwargs = {key: copied(part) for key, part in kwargs.items()}

    def leave(self, value: Any) -> None:
        tensor = main_tensor(value)
        if tensor is not None:
            self.value = tensor.detach().clone()
            self.edge = get_gradient_edge(tensor) if tensor.requires_grad else None


def recorded(
    module: nn.Module,
    x: Tensor,
    names: set[str],
    rules: Rules | None = None,
    call: Call | None = None,
    keep: Mapping[str, Callable[[Any], Any]] | None = None,
) -> dict[str, Any]:
    """The values of these names for the input `x`; runs no further than the last of them.

    `keep` makes what is kept of a value while it stands; copies are kept of those without. Fills in `call`, whose name
    must be among them. Raises NotComputedError for a name that does not come up, and ValueError for an input that the
    network can't take.
    """
    modules = rules is None and only_modules(names, module)
    values, missing, computed = _run(module, x, names, rules, call, keep or {}, alone=modules)
    if missing and modules:
        values, missing, computed = _run(module, x, names, rules, call, keep or {}, alone=False)
    if missing:
        raise NotComputedError(min(missing), computed)
    return values


def only_modules(names: Iterable[str], root: nn.Module) -> bool:
    """Whether all of these values can be only modules', so that nothing else needs to be looked at."""
    return all(_is_modules(name, root) for name in names)


def _is_modules(name: str, root: nn.Module) -> bool:
    """Whether it can be only a module's value: no function that the module around it calls has that name.

    What is inside of a leaf, such as an attention's projections, has no value of its own.
    """
    if name == OUTPUT:
        return True
    last = name.rpartition(".")[2]
    if any(hasattr(home, last) for home in (torch, F, Tensor)):
        return False
    around = [root]
    for part in name.split("."):
        inner = inside(around[-1], part)
        if inner is None:
            return False
        around.append(inner)
    return not any(is_leaf(module) for module in around[:-1])


def _run(
    module: nn.Module,
    x: Tensor,
    names: set[str],
    rules: Rules | None,
    call: Call | None,
    keep: Mapping[str, Callable[[Any], Any]],
    *,
    alone: bool,
) -> tuple[dict[str, Any], set[str], list[str]]:
    """What was kept, what did not come up, and the names of all that did, or `alone` of those that were asked for."""
    values: dict[str, Any] = {}
    computed: list[str] = []
    missing = set(names)

    def observe(name: str, kind: str, value: Any) -> Any:
        computed.append(name)
        if name in missing:
            missing.discard(name)
            if call is not None and name == call.name:
                call.leave(value)
            values[name] = keep.get(name, _copied)(value)
            if not missing:
                raise Reached
        return value

    if x.requires_grad and made_for_inference(module):
        raise ValueError(
            f"no gradient can pass {type(module).__name__}: its weights were made inside torch.inference_mode(); "
            "build or load it outside"
        )
    caller = rules.caller() if rules else None
    run = Run(module, observe, caller, enter=call.enter if call else None, only=names if alone else None)
    with torch.inference_mode(False), evaluating(module), torch.set_grad_enabled(x.requires_grad), run:
        try:
            module(x.clone())
        except Reached:
            pass
        except UnseenError:
            raise
        except (RuntimeError, AssertionError, ValueError, TypeError) as error:
            if rules is not None:
                raise
            raise ValueError(refusal(module, tuple(x.shape[1:]), error)) from error
    if caller is not None and not missing:
        caller.check()
    return values, missing, computed


def _copied(value: Any) -> Any:
    """A copy that no later in-place operation can change, nor change the network."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_copied(part) for part in value))
    if isinstance(value, (tuple, list)):
        return type(value)([_copied(part) for part in value])
    if isinstance(value, Mapping):
        copied = copy.copy(value)
        for key, part in value.items():
            copied[key] = _copied(part)  # type: ignore[index]
        return copied
    return value
