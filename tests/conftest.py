"""What every test may lean on: a network is, after all that was done to it, bit for bit what it was."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import nn
from torch.nn.modules import module as torch_module

if "PYTEST_XDIST_WORKER" in os.environ:  # several workers share the cores
    torch.set_num_threads(1)

_MODULE_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)
_GLOBAL_HOOKS = tuple(name for name in vars(torch_module) if name.startswith("_global_") and name.endswith("hooks"))


def _bits(tensor: torch.Tensor | None) -> tuple | None:
    if tensor is None:
        return None
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return tensor.dtype, tuple(tensor.shape), str(tensor.device), flat.view(torch.uint8).numpy().tobytes()


def _state(module: nn.Module) -> dict[str, object]:
    state: dict[str, object] = {}
    for name, part in module.named_modules(remove_duplicate=False):
        state[f"{name}: class and training flag"] = type(part), part.training
        state[f"{name}: forward"] = part.__dict__.get("forward")
        state[f"{name}: attributes"] = sorted(part.__dict__)
        for kind in _MODULE_HOOKS:
            state[f"{name}: {kind}"] = dict(getattr(part, kind))
    for name, p in module.named_parameters(remove_duplicate=False):
        state[f"{name}: parameter"] = id(p), p.requires_grad, _bits(p), _bits(p.grad), p._version
    for name, buffer in module.named_buffers(remove_duplicate=False):
        state[f"{name}: buffer"] = id(buffer), _bits(buffer), buffer._version
    for name in _GLOBAL_HOOKS:
        state[f"all modules: {name}"] = dict(getattr(torch_module, name))
    state["functions: modes"] = torch.overrides._len_torch_function_stack()
    state["functions: how modules are called"] = nn.Module.__call__
    state["gradients on"] = torch.is_grad_enabled()
    return state


@pytest.fixture
def unchanged():
    """`with unchanged(module):` fails if the block changes anything about it: weights, buffers, gradients, flags,
    hooks of any module, hooks on all modules, or the function modes of this thread."""

    @contextmanager
    def check(*modules: nn.Module) -> Iterator[None]:
        before = [_state(module) for module in modules]
        yield
        for module, was in zip(modules, before, strict=True):
            now = _state(module)
            changed = [key for key in was.keys() | now.keys() if was.get(key, ...) != now.get(key, ...)]
            assert not changed, f"changed in {type(module).__name__}: {sorted(changed)}"

    return check
