"""Attention under relevance propagation: its weights are held constant, and relevance goes to the values.

Then a head is a linear map of its values and conserves relevance (A. Ali et al., *XAI for Transformers: Better
Explanations through Conservative Propagation*, 2022). Which places a query looks at is not explained by this.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .layers import Layers


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: Any = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    if enable_gqa:
        return NotImplemented
    with torch.no_grad():
        scores = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
        if is_causal:
            scores = scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).triu(1), -torch.inf)
        if attn_mask is not None:
            scores = scores.masked_fill(~attn_mask, -torch.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
        weights = scores.softmax(-1)
    return weights @ value


def multi_head_attention(layers: Layers) -> Callable:
    """What stands for `F.multi_head_attention_forward`: its own weights, and ruled layers around them."""

    def rule(
        query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int, in_proj_weight: Any,
        in_proj_bias: Any, bias_k: Any, bias_v: Any, add_zero_attn: bool, dropout_p: float, out_proj_weight: Tensor,
        out_proj_bias: Any, training: bool = True, key_padding_mask: Any = None, need_weights: bool = True,
        attn_mask: Any = None, use_separate_proj_weight: bool = False, q_proj_weight: Any = None,
        k_proj_weight: Any = None, v_proj_weight: Any = None, static_k: Any = None, static_v: Any = None,
        average_attn_weights: bool = True, is_causal: bool = False,
    ) -> Any:  # fmt: skip
        unknown = (bias_k, bias_v, static_k, static_v)
        if add_zero_attn or query.ndim != 3 or any(part is not None for part in unknown):
            return NotImplemented
        with torch.no_grad():
            _, weights = F.multi_head_attention_forward(
                query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, None, None, False, 0.0,
                out_proj_weight, out_proj_bias, False, key_padding_mask, True, attn_mask, use_separate_proj_weight,
                q_proj_weight, k_proj_weight, v_proj_weight, average_attn_weights=False, is_causal=is_causal,
            )  # fmt: skip
        assert weights is not None
        width = embed_dim_to_check
        value_weight = v_proj_weight if use_separate_proj_weight else in_proj_weight[2 * width :]
        bias = None if in_proj_bias is None else in_proj_bias[2 * width :]
        values = layers.linear(value.transpose(0, 1), value_weight, bias)  # (N, length, width)
        heads = values.unflatten(-1, (num_heads, -1)).transpose(1, 2)
        mixed = (weights @ heads).transpose(1, 2).flatten(2)
        out = layers.linear(mixed, out_proj_weight, out_proj_bias).transpose(0, 1)
        if not need_weights:
            return out, None
        return out, weights.mean(1) if average_attn_weights else weights

    return rule
