"""Parts of a network whose inside can't be seen or has no gradients, and what is to be said of them.

A scripted part, or a scripted function, runs in TorchScript's own interpreter, past every mode of PyTorch: its value is
recorded as any other, its inside has no names, what it sees of the image is not known, and no rule can stand inside it.
A quantised part computes in whole numbers, from which no gradient comes back.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_QUANTISED = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.nn.quantized", "torch.jit.quantized")


class UnseenError(ValueError):
    """What was asked for would need to see, or to come back through, a part that does not allow it."""


def is_scripted(module: nn.Module) -> bool:
    return isinstance(module, torch.jit.ScriptModule)


def is_quantised(module: nn.Module) -> bool:
    return type(module).__module__.startswith(_QUANTISED)


def is_compiled(module: nn.Module) -> bool:
    """Whether `module.compile()` was called: what runs then hides everything inside."""
    return module.__dict__.get("_compiled_call_impl") is not None


def scripted(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
    """The value of a scripted module, as a function of its arguments that no rule knows."""
    return nn.Module._call_impl(module, *args, **kwargs)


SCRIPTED_CALL = torch.jit.ScriptFunction.__call__


def scripted_function(function: Any, *args: Any, **kwargs: Any) -> Any:
    """The value of a scripted function, as a function that no rule knows."""
    return SCRIPTED_CALL(function, *args, **kwargs)


def check_gradients(module: nn.Module, path: str, args: tuple, kwargs: dict) -> None:
    """Raises UnseenError where a gradient that is asked for would end in a quantised part."""
    inputs = (*args, *kwargs.values())
    if torch.is_grad_enabled() and any(isinstance(part, Tensor) and part.requires_grad for part in inputs):
        raise UnseenError(
            f"no gradient comes back through '{path}', a quantised {type(module).__name__}; open the network that it "
            "was quantised from"
        )


def refuse_rules(method: str, target: str, path: str, function: str | None = None) -> UnseenError:
    """The error of a method that rules functions, where a scripted part or function may hold some."""
    subject = f"'{path}', a scripted part," if function is None else f"'{function}', a scripted function,"
    return UnseenError(
        f"{method} rules every {target}, and the inside of {subject} can't be seen; give the network with the eager "
        f"{'module' if function is None else 'function'} that it was scripted from"
    )
