"""Normalisations under relevance propagation: their statistics are held constant.

Then each is a linear map of its input, less a mean that is part of that map, and conserves relevance but for what its
bias keeps (A. Ali et al., *XAI for Transformers: Better Explanations through Conservative Propagation*, 2022). Batch
normalisations, whose statistics are constant anyway, stand with the layers that they follow (`layers`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .account import Account
from .layers import channelwise
from .sharing import shifted


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None, account: Account) -> Tensor:
    y = x if weight is None else x * weight.detach()
    return y if bias is None else shifted(y, bias, account)


def _standardised(x: Tensor, dims: list[int], eps: float) -> Tensor:
    """(x - mean) / deviation with the deviation held constant."""
    with torch.no_grad():
        deviation = (x.var(dims, correction=0, keepdim=True) + eps).sqrt()
    return (x - x.mean(dims, keepdim=True)) / deviation


def layer_norm(account: Account) -> Callable:
    def rule(
        input: Tensor, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
    ) -> Any:
        dims = list(range(-len(tuple(normalized_shape)), 0))
        return _affine(_standardised(input, dims, eps), weight, bias, account)

    return rule


def _by_channel(x: Tensor, values: Tensor | None) -> Tensor | None:
    return None if values is None else channelwise(values, x.ndim - 2)


def group_norm(account: Account) -> Callable:
    def rule(input: Tensor, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
        groups = input.unflatten(1, (num_groups, -1)).flatten(2)
        plain = _standardised(groups, [-1], eps).view(input.shape)
        return _affine(plain, _by_channel(input, weight), _by_channel(input, bias), account)

    return rule


def instance_norm(account: Account) -> Callable:
    def rule(
        input: Tensor, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
        use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
    ) -> Any:  # fmt: skip
        if not use_input_stats:
            return NotImplemented
        plain = _standardised(input, list(range(2, input.ndim)), eps)
        return _affine(plain, _by_channel(input, weight), _by_channel(input, bias), account)

    return rule


def rms_norm(input: Tensor, normalized_shape: Sequence[int], weight: Any = None, eps: Any = None) -> Any:
    with torch.no_grad():
        y = F.rms_norm(input, normalized_shape, None, eps)
        ratio = torch.where(input == 0, 0.0, y / input)
    return input * (ratio if weight is None else ratio * weight)


def local_response_norm(input: Tensor, *args: Any, **kwargs: Any) -> Any:
    with torch.no_grad():
        ratio = torch.where(input == 0, 0.0, F.local_response_norm(input, *args, **kwargs) / input)
    return input * ratio


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None) -> Any:
    with torch.no_grad():
        length = input.norm(p, dim, keepdim=True).clamp_min(eps)
    return input / length
