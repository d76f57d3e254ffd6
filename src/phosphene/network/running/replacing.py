"""A run of a network with one of its values replaced: the rest of the network goes on from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .evaluating import evaluating
from .outputs import main_tensor
from .recording import NotComputedError, only_modules
from .refusing import refusal
from .seam import OUTPUT, Run
from .unseen import UnseenError


def replaced(module: nn.Module, x: Tensor, name: str, function: Callable[[Tensor], Tensor]) -> Any:
    """What the network returns for `x` (N, C, H, W) where `function` makes the value `name` from the network's own.

    The function gets the value as the network computes it and returns one of the same shape. Gradients flow through the
    function and what comes after it, where the caller has them switched on; nothing before it has any. Raises
    NotComputedError for a name that does not come up, and ValueError for an input that the network can't take, or for
    a value that is no tensor alone.
    """
    if name == OUTPUT:
        raise ValueError("the network's output can't be replaced; name a layer before it")
    computed: list[str] = []
    done = False

    def observe(value_name: str, kind: str, value: Any) -> Any:
        nonlocal done
        computed.append(value_name)
        if value_name != name or done:
            return value
        done = True
        tensor = main_tensor(value)
        if not isinstance(value, Tensor) or tensor is None:
            raise UnseenError(f"the value {name} is no tensor alone and can't be replaced; choose a layer beside it")
        torch.set_grad_enabled(gradients)
        result = function(tensor)
        if result.shape != tensor.shape:
            raise UnseenError(f"{name} is {tuple(tensor.shape)}, and what should replace it {tuple(result.shape)}")
        return result

    gradients = torch.is_grad_enabled()
    alone = only_modules([name], module)
    run = Run(module, observe, only={name} if alone else None)
    with torch.inference_mode(False), evaluating(module), torch.no_grad(), run:
        try:
            output = module(x.clone())
        except UnseenError:
            raise
        except (RuntimeError, AssertionError, ValueError, TypeError) as error:
            raise ValueError(refusal(module, tuple(x.shape[1:]), error)) from error
    if not done:
        raise NotComputedError(name, computed)
    return output
