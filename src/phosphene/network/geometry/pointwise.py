"""Rules for operations that work place by place: activations, arithmetic, normalisation by constants."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .places import Place, pointwise
from .registry import Tracker, rule

# results that hold nothing of the image's content, only its shape or type
SHAPE_ONLY = frozenset(
    (
        "zeros_like ones_like empty_like full_like rand_like randn_like new_zeros new_ones new_empty new_full "
        "new_tensor size dim numel stride arange linspace meshgrid"
    ).split()
)

# functions whose other tensor only says which form the result has
LIKE_ANOTHER = frozenset(("to", "type_as", "expand_as", "view_as", "reshape_as"))

ARITHMETIC = frozenset(
    (
        "add sub rsub mul div truediv floordiv floor_divide true_divide remainder fmod pow where maximum minimum fmax "
        "fmin lerp addcmul addcdiv clamp clamp_min clamp_max clip masked_fill copysign eq ne lt le gt ge"
    ).split()
)
POINTWISE = (
    *ARITHMETIC,
    *(
        "neg abs sign square sqrt rsqrt reciprocal exp expm1 log log1p log2 log10 sin cos tan tanh sigmoid logsigmoid "
        "softplus softsign relu relu6 leaky_relu elu selu celu gelu silu mish hardtanh hardswish hardsigmoid "
        "hardshrink softshrink tanhshrink threshold round floor ceil trunc frac erf dropout dropout1d dropout2d "
        "dropout3d alpha_dropout feature_dropout stochastic_depth drop_path clone contiguous detach data float double "
        "half bfloat16 type cpu cuda requires_grad nan_to_num identity logical_not logical_and logical_or rrelu bool "
        "int long real"
    ).split(),
)


@rule(*POINTWISE)
def elementwise(g: Tracker, out: Tensor, *args: Any, **kwargs: Any) -> Place | None:
    values = [v for v in (*args, *kwargs.values()) if isinstance(v, Tensor)]
    return pointwise([(p, v.shape) for v in values if (p := g.place(v)) is not None], out.shape)


@rule("to", "type_as")
def converted(g: Tracker, out: Tensor, x: Tensor, *_: Any, **__: Any) -> Place | None:
    return g.place(x)


@rule("expand", "expand_as", "broadcast_to")
def expand(g: Tracker, out: Tensor, x: Tensor, *_: Any) -> Place | None:
    place = g.place(x)
    return place and pointwise([(place, x.shape)], out.shape)


@rule("prelu")
def per_channel(g: Tracker, out: Tensor, x: Tensor, *_: Any, **__: Any) -> Place | None:
    return g.place(x)


@rule("local_response_norm")
def across_channels(g: Tracker, out: Tensor, x: Tensor, *_: Any, **__: Any) -> Place | None:
    place = g.place(x)
    return place and place.merged()
