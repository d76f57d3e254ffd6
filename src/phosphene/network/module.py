"""What can be told of a module without running it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy


def unwrapped(module: Any) -> nn.Module:
    """The module inside torch.compile's and DataParallel's wrappers."""
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"a network is a torch.nn.Module, not {type(module).__name__}; phosphene.load opens one by name"
        )
    if isinstance(module, torch.jit.ScriptModule):
        raise TypeError("this is a scripted module, whose inside can't be seen; give the eager one it was made from")
    inner = getattr(module, "_orig_mod", None)
    if isinstance(inner, nn.Module):
        return unwrapped(inner)
    if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        return unwrapped(module.module)
    return module


def input_channels(module: nn.Module) -> int | None:
    """The channels of the first convolution, as far as it is known before running; None if there is none."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            return part.in_channels
    return None


def tensors_of(module: nn.Module) -> Iterator[Tensor]:
    """Its weights and buffers."""
    yield from module.parameters()
    yield from module.buffers()


def without_values(tensor: Tensor) -> bool:
    """Whether it has no numbers: on the meta device, or of a lazy module that has not run yet."""
    return is_lazy(tensor) or tensor.is_meta


def changes(tensors: Iterable[Tensor]) -> tuple:
    """What is another when any of the tensors is replaced or written into; cheap."""
    return tuple(id(t) if without_values(t) else (t.data_ptr(), 0 if t.is_inference() else t._version) for t in tensors)


def fingerprint(module: nn.Module) -> str:
    """A hash of all weights and buffers."""
    digest = hashlib.sha256()
    for tensor in tensors_of(module):
        if without_values(tensor):
            digest.update(b"no values")
            continue
        digest.update(f"{tuple(tensor.shape)}{tensor.dtype}".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    return digest.hexdigest()
