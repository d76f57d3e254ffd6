"""What can be told of a module without running it."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
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


def dimensions(module: nn.Module) -> int:
    """How many dimensions its convolutions slide along: 2, unless all of them are of another kind."""
    kinds = {len(part.kernel_size) for part in module.modules() if isinstance(part, _ConvNd)}
    return 2 if not kinds or 2 in kinds else max(kinds)


def inputs_of(module: nn.Module) -> list[str]:
    """The names of what its `forward` must be given."""
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        return []
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [each.name for each in parameters if each.kind in plain and each.default is inspect.Parameter.empty]


def made_for_inference(module: nn.Module) -> bool:
    """Whether its first weight was made inside torch.inference_mode(), so that no gradient can pass it."""
    first = next(tensors_of(module), None)
    return first is not None and first.is_inference()


def built_size(module: nn.Module) -> tuple[int, int] | None:
    """The (height, width) that a module was built for, where it says so itself; None if it does not.

    Transformers and other networks with a fixed grid of patches keep it, under one of a few names.
    """
    inner = module if getattr(module, "patch_embed", None) is not None else getattr(module, "model", module)
    homes = ((getattr(inner, "patch_embed", None), "img_size"), (inner, "img_size"), (inner, "image_size"))
    for home, name in (*homes, (getattr(inner, "config", None), "image_size")):
        size = getattr(home, name, None)
        if isinstance(size, int) and size > 0:
            return size, size
        if isinstance(size, (tuple, list)) and len(size) == 2 and all(isinstance(side, int) for side in size):
            return size[0], size[1]
    return None


def head_classes(head: Any) -> int | None:
    """How many values the last layer with weights in a classifier's head gives; None without such a layer."""
    parts = list(head.modules()) if isinstance(head, nn.Module) else []
    sizes = [
        part.out_features if isinstance(part, nn.Linear) else part.out_channels
        for part in parts
        if isinstance(part, (nn.Linear, nn.Conv2d))
    ]
    return sizes[-1] if sizes else None


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
