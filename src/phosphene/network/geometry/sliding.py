"""Rules for sliding windows and resizing: convolution, pooling, padding, interpolation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from .fields import Window
from .places import Parts, Place
from .registry import Tracker, rule


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    return (int(value[0]), int(value[-1]))


def as_map(place: Place | None) -> Place | None:
    """Of what slides over its last two dimensions: these are its rows and columns, also where no one knew before.

    None if they hold something else.
    """
    if place is None or place.roles[-2:] == "hw":
        return place
    if len(place.roles) != 4 or place.roles[-2:] != "--" or (place.window is not None and place.spatial):
        return None
    return replace(place, roles="-chw", parts=((0, place.window),))


def slide(out: Tensor, kernel: Any, stride: Any, before: Any, dilation: Any) -> Callable:
    """How a window turns into that of the units after a sliding operation over the last two dimensions."""
    settings = list(zip(pair(kernel), pair(stride), pair(before), pair(dilation), out.shape[-2:], strict=True))

    def after(window: Window | None) -> Window | None:
        if window is None:
            return None
        rows, columns = (span.slide(n, k, s, b, d) for span, (k, s, b, d, n) in zip(window, settings, strict=True))
        return rows, columns

    return after


@rule("conv2d")
def conv2d(
    g: Tracker, out: Tensor, input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Place | None:  # fmt: skip
    place = as_map(g.place(input))
    if place is None or g.place(weight) is not None:  # the image is in the weights: dynamic filters
        return None
    kernel = weight.shape[-2:]
    if padding == "same":
        padding = [d * (k - 1) // 2 for k, d in zip(kernel, pair(dilation), strict=True)]
    elif padding == "valid":
        padding = 0
    after = slide(out, tuple(kernel), stride, padding, dilation)
    return replace(
        place,
        roles=place.roles[:-3] + "chw",
        parts=_grouped(place, groups, weight.shape[0], weight.shape[1] * groups, after),
    )


def _grouped(place: Place, groups: int, out_channels: int, in_channels: int, after: Callable) -> Parts:
    """The windows of the output channels: each group sees the channels of its own group."""
    if groups == 1 or len(place.parts) == 1:
        return ((out_channels, after(place.window)),)
    parts: list[tuple[int, Window | None]] = []
    last = None
    for group in range(groups):
        channel_parts = place.channels(group * in_channels // groups, (group + 1) * in_channels // groups)
        key = [id(window) for _, window in channel_parts]
        if key == last:
            parts[-1] = (parts[-1][0] + out_channels // groups, parts[-1][1])
        else:
            parts.append((out_channels // groups, after(replace(place, parts=channel_parts).window)))
        last = key
    return tuple(parts)


@rule("max_pool2d", "max_pool2d_with_indices", "boolean_dispatch")
def max_pool2d(
    g: Tracker, out: Any, input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    *_: Any, **__: Any,
) -> Place | None:  # fmt: skip
    return _pool(g, out[0] if isinstance(out, tuple) else out, input, kernel_size, stride, padding, dilation)


@rule("avg_pool2d", "lp_pool2d")
def avg_pool2d(
    g: Tracker, out: Tensor, input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, *_: Any, **__: Any
) -> Place | None:
    return _pool(g, out, input, kernel_size, stride, padding, 1)


def _pool(g: Tracker, out: Tensor, x: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Place | None:
    place = as_map(g.place(x))
    after = slide(out, kernel, stride or kernel, padding, dilation)
    return place and replace(place, parts=tuple((count, after(window)) for count, window in place.parts))


@rule("adaptive_avg_pool2d", "adaptive_max_pool2d", "adaptive_max_pool2d_with_indices")
def adaptive_pool2d(g: Tracker, out: Any, input: Tensor, *_: Any, **__: Any) -> Place | None:
    shape = (out[0] if isinstance(out, tuple) else out).shape[-2:]
    taps = [_bins(n, m) for n, m in zip(input.shape[-2:], shape, strict=True)]
    return _gathered(g, input, taps, input.shape[-2:] == shape)


def _bins(size: int, out: int) -> np.ndarray:
    """The units (out, k) of each of `out` adaptive bins over `size` units; -1 where a bin is smaller."""
    starts = [i * size // out for i in range(out)]
    ends = [-(-(i + 1) * size // out) for i in range(out)]
    widest = max(e - s for s, e in zip(starts, ends, strict=True))
    return np.array([[s + j if s + j < e else -1 for j in range(widest)] for s, e in zip(starts, ends, strict=True)])


def _gathered(g: Tracker, x: Tensor, taps: Sequence[np.ndarray], same: bool = False) -> Place | None:
    """Of units that see several units of x, along its last two dimensions."""
    place = as_map(g.place(x))
    if place is None:
        return None
    if same:
        return place

    def after(window: Window | None) -> Window | None:
        return window and (window[0].gather(taps[0]), window[1].gather(taps[1]))

    return replace(place, parts=tuple((count, after(window)) for count, window in place.parts))


@rule("interpolate", "upsample")
def interpolate(
    g: Tracker, out: Tensor, input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Place | None:  # fmt: skip
    pairs = list(zip(input.shape[-2:], out.shape[-2:], strict=True))
    same = all(n == m for n, m in pairs)
    if antialias and not same:
        return None
    factors = (None, None) if scale_factor is None or recompute_scale_factor else scale_factor
    factors = factors if isinstance(factors, (tuple, list)) else (factors, factors)
    taps = [resized(n, m, mode, bool(align_corners), factor) for (n, m), factor in zip(pairs, factors, strict=True)]
    if mode == "nearest-exact" and same:  # torch does not take the shortcut here
        same = all(np.array_equal(t, np.arange(n)[:, None]) for t, (n, _) in zip(taps, pairs, strict=True))  # type: ignore[arg-type]
    return None if any(t is None for t in taps) else _gathered(g, input, taps, same)  # type: ignore[arg-type]


def resized(size: int, out: int, mode: str, corners: bool = False, factor: float | None = None) -> np.ndarray | None:
    """The units (out, k) that each of `out` units is interpolated from; those of weight 0 left out as -1.

    `factor` is the one that was asked for, which torch divides by whatever sizes came of it; None for that of the
    sizes. The nearest unit is found in single precision, as torch does, and simply halved where sizes are doubled.
    """
    i = np.arange(out)
    if mode in ("nearest", "nearest-exact"):
        if mode == "nearest" and out in (size, 2 * size):
            return (i * size // out)[:, None]
        single = np.float32(1 / factor) if factor else np.float32(size) / np.float32(out)
        at = i.astype(np.float32) + np.float32(0.5 if mode == "nearest-exact" else 0)
        return np.floor(at * single).astype(int).clip(0, size - 1)[:, None]
    scale = 1 / factor if factor else size / out
    reach = {"bilinear": 1, "bicubic": 2}.get(mode)
    if reach is None:
        return None
    at = i * (size - 1) / max(1, out - 1) if corners else (i + 0.5) * scale - 0.5
    at = at.clip(0) if mode == "bilinear" else at
    floor = np.floor(at + 1e-9).astype(int)
    taps = floor[:, None] + np.arange(1 - reach, reach + 1)
    exact = np.abs(at - floor) < 1e-9
    taps[exact] = floor[exact, None]
    return taps.clip(0, size - 1)


@rule("conv_transpose2d")
def conv_transpose2d(
    g: Tracker, out: Tensor, input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Place | None:  # fmt: skip
    taps = []
    settings = (pair(stride), pair(padding), pair(dilation), input.shape[-2:], out.shape[-2:], weight.shape[-2:])
    for s, p, d, size, n, k in zip(*settings, strict=True):
        at = np.arange(n)[:, None] + p - d * np.arange(k)  # output i hears input j through tap k if i + p = j s + d k
        taps.append(np.where((at % s == 0) & (at >= 0) & (at < size * s), at // s, -1))
    place = _gathered(g, input, taps)
    return place and place.merged()


@rule("pixel_shuffle")
def pixel_shuffle(g: Tracker, out: Tensor, input: Tensor, upscale_factor: int) -> Place | None:
    place = _gathered(g, input, [np.arange(n)[:, None] // upscale_factor for n in out.shape[-2:]])
    return place and place.merged()


@rule("pixel_unshuffle")
def pixel_unshuffle(g: Tracker, out: Tensor, input: Tensor, downscale_factor: int) -> Place | None:
    # a channel takes one pixel of each block, so a unit of all channels sees the block
    place = _pool(g, out, input, downscale_factor, downscale_factor, 0, 1)
    return place and place.merged()


@rule("pad")
def pad(g: Tracker, out: Tensor, input: Tensor, pad: Sequence[int], mode: str = "constant", *_: Any, **__: Any) -> Any:
    place = g.place(input)
    if place is None:
        return None
    parts, prefix = place.parts, place.prefix
    for at in range(len(pad) // 2):
        before, after = int(pad[2 * at]), int(pad[2 * at + 1])
        dim = input.ndim - 1 - at
        role, size = place.roles[dim], input.shape[dim]
        if (before, after) == (0, 0) or role == "-":
            continue
        if role == "c" and mode == "constant":
            parts = ((0, place.window),)
        elif role in "hw":
            index = _padded(size, before, after, mode)
            axis_of = 0 if role == "h" else 1
            parts = tuple((n, _shifted(window, axis_of, index, before)) for n, window in parts)
        else:
            return None
    return replace(place, parts=parts, prefix=prefix)


def _padded(size: int, before: int, after: int, mode: str) -> np.ndarray:
    """The unit that each place of a padded axis repeats; -1 for constant padding."""
    index = np.arange(-before, size + after)
    if mode == "reflect":
        period = max(1, 2 * (size - 1))
        index = np.abs(index) % period
        return np.where(index >= size, period - index, index)
    if mode == "replicate":
        return index.clip(0, size - 1)
    if mode == "circular":
        return index % size
    return np.where((index < 0) | (index >= size), -1, index)


def _shifted(window: Window | None, which: int, index: np.ndarray, before: int) -> Window | None:
    if window is None:
        return None
    span = window[which]
    axis = span.axis and replace(span.axis, start=span.axis.start - before * span.axis.stride)
    moved = span.gather(index[:, None], axis)
    return (moved, window[1]) if which == 0 else (window[0], moved)
