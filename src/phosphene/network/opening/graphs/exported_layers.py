"""Layers of torch.nn for the modules of an exported program that consist of one call of the layer's operator."""

from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn


def layer_of(part: Any) -> nn.Module | None:
    """The layer of torch.nn that computes what a module of the program does; None if there is none for it."""
    kind = (getattr(part, "_ty", None) or "").rpartition(".")[2]
    calls = [node for node in part.graph.nodes if node.op in ("call_function", "call_module")]
    if len(calls) != 1 or not hasattr(calls[0].target, "_schema") or not hasattr(nn, kind):
        return None
    node = calls[0]
    arguments = {argument.name: argument.default_value for argument in node.target._schema.arguments}
    arguments |= {
        argument.name: value for argument, value in zip(node.target._schema.arguments, node.args, strict=False)
    }
    arguments |= node.kwargs
    operator = node.target._schema.name.removeprefix("aten::")
    maker = _MAKERS.get(operator)
    tensors = {
        name: getattr(part, str(value.target))
        for name, value in arguments.items()
        if isinstance(value, fx.Node) and value.op == "get_attr"
    }
    dynamic = [value for value in arguments.values() if isinstance(value, fx.Node) and value.op != "get_attr"]
    if maker is None or len(dynamic) != 1:
        return None
    with torch.no_grad():
        layer = maker(kind, arguments, tensors)
    if layer is None:
        return None
    for name, value in tensors.items():
        setattr(layer, name, value)
    return layer


def _conv(kind: str, arguments: dict[str, Any], tensors: dict[str, Any]) -> nn.Module | None:
    weight, groups = tensors["weight"], arguments["groups"]
    if kind not in ("Conv1d", "Conv2d", "Conv3d") or arguments["padding"] == "same":
        return None
    settings = {name: tuple(arguments[name]) for name in ("stride", "padding", "dilation")}
    size = weight.shape[1] * groups, weight.shape[0], tuple(weight.shape[2:])
    bias = "bias" in tensors
    return getattr(nn, kind)(*size, **settings, groups=groups, bias=bias, device="meta")


def _linear(kind: str, arguments: dict[str, Any], tensors: dict[str, Any]) -> nn.Module | None:
    rows, columns = tensors["weight"].shape
    return nn.Linear(columns, rows, bias="bias" in tensors, device="meta") if kind == "Linear" else None


def _batch_norm(kind: str, arguments: dict[str, Any], tensors: dict[str, Any]) -> nn.Module | None:
    if kind not in ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d") or "running_mean" not in tensors:
        return None
    count = len(tensors["running_mean"])
    return getattr(nn, kind)(count, arguments["eps"], arguments["momentum"], affine="weight" in tensors)


def _layer_norm(kind: str, arguments: dict[str, Any], tensors: dict[str, Any]) -> nn.Module | None:
    if kind != "LayerNorm":
        return None
    shape, affine = tuple(arguments["normalized_shape"]), "weight" in tensors
    return nn.LayerNorm(shape, arguments["eps"], elementwise_affine=affine, bias="bias" in tensors)


def _max_pool(kind: str, arguments: dict[str, Any], tensors: dict[str, Any]) -> nn.Module | None:
    if kind != "MaxPool2d":
        return None
    sizes = {name: _pair(arguments[name]) for name in ("kernel_size", "stride", "padding", "dilation")}
    return nn.MaxPool2d(**sizes, ceil_mode=arguments["ceil_mode"])


def _avg_pool(kind: str, arguments: dict[str, Any], tensors: dict[str, Any]) -> nn.Module | None:
    if kind != "AvgPool2d":
        return None
    sizes = {name: _pair(arguments[name]) for name in ("kernel_size", "stride", "padding")}
    rest = {name: arguments[name] for name in ("ceil_mode", "count_include_pad", "divisor_override")}
    return nn.AvgPool2d(**sizes, **rest)


def _adaptive(kind: str, arguments: dict[str, Any], tensors: dict[str, Any]) -> nn.Module | None:
    return nn.AdaptiveAvgPool2d(_pair(arguments["output_size"])) if kind == "AdaptiveAvgPool2d" else None


def _without_settings(kind: str, arguments: dict[str, Any], tensors: dict[str, Any]) -> nn.Module | None:
    return getattr(nn, kind)() if kind in ("ReLU", "SiLU", "Hardswish", "Hardsigmoid", "Sigmoid", "Tanh") else None


def _gelu(kind: str, arguments: dict[str, Any], tensors: dict[str, Any]) -> nn.Module | None:
    return nn.GELU(arguments["approximate"]) if kind == "GELU" else None


def _pair(value: Any) -> Any:
    """A size as torch.nn takes it; None for an empty one, which stands for the kernel's."""
    return (tuple(value) or None) if isinstance(value, (list, tuple)) else value


_MAKERS: dict[str, Callable[[str, dict[str, Any], dict[str, Any]], nn.Module | None]] = {
    "conv1d": _conv, "conv2d": _conv, "conv3d": _conv, "linear": _linear, "batch_norm": _batch_norm,
    "layer_norm": _layer_norm, "max_pool2d": _max_pool, "avg_pool2d": _avg_pool, "adaptive_avg_pool2d": _adaptive,
    "relu": _without_settings, "relu_": _without_settings, "silu": _without_settings, "silu_": _without_settings,
    "hardswish": _without_settings, "hardsigmoid": _without_settings, "sigmoid": _without_settings,
    "tanh": _without_settings, "gelu": _gelu,
}  # fmt: skip
