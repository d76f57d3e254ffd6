"""How much the energy of a gradient or an image varies within the strides of a network.

Of a gradient or of an image without its mean colour, g:

    e(y, x) = sum over colours of g²,   E = Fourier transform of e,
    variation at stride s = sqrt(sum of |E(k/s, l/s)|² above its neighbours) / |E(0, 0)|

over all frequencies (k/s, l/s), in cycles a pixel, that belong to no smaller stride. It is the standard deviation of
the energy over the s × s places within a stride, over its mean: 0 where all places get alike, √3 where every second row
and column gets all. Each |E|² is the sum of the 3 × 3 bins that a Hann window spreads it over, less 9 times the mean of
the 16 bins around them, so that a smooth spectrum gives 0, however steep.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor

from ...network import OUTPUTS, Address, Field, Network
from ..engine.ascent import evaluated
from ..engine.images.image import noise
from ..engine.objectives import IMAGES, Objective, Size
from ..engine.options import generator, precision

LEAST_SPACING = 5  # bins between two frequencies of a stride, so that each has neighbours of its own
STARTS = 8  # gradients whose energy is averaged


def strides_to(network: Network, address: Address, size: Size) -> tuple[int, ...]:
    """The strides, in pixels of the input, of the layers up to the address, as far as `size` tells their frequencies
    apart. ValueError where there is none.
    """
    every = set()
    for layer in network.layers(size):
        if isinstance(layer.field, Field) and layer.field.height.stride == layer.field.width.stride:
            every.add(layer.field.height.stride)
        if layer.name == address.layer and address.layer not in OUTPUTS:
            break
    strides = tuple(int(s) for s in sorted(every) if s > 1 and s == int(s) and min(size) // s >= LEAST_SPACING)
    if not strides:
        raise ValueError(
            f"no layer of {network.name} up to {address} has a stride that {size[0]} × {size[1]} px can show; "
            "the checkerboard comes from strides"
        )
    return strides


def start_gradient(network: Network, objective: Objective, size: Size, seed: int) -> Tensor:
    """The gradients (STARTS, 3, H, W) of the objective for the pixels of weak noise."""
    begun = noise(STARTS, size, generator=generator(seed)).to(network.device, precision(network))
    with torch.inference_mode(False), torch.enable_grad():
        x = begun.clone().requires_grad_()
        scores = objective.score(evaluated(network, objective, x, precise=True) | {IMAGES: x})
        gradient = torch.autograd.grad(scores.sum(), x, allow_unused=True)[0] if scores.requires_grad else None
    if gradient is None:
        raise ValueError(f"no gradient comes back from {objective.name}: {network.name} keeps none there")
    return gradient.cpu()


def energy_of(signals: Tensor) -> Tensor:
    """The mean over the signals (N, 3, H, W) of their squares summed over the colours, (H, W)."""
    return signals.double().square().sum(1).mean(0).float()


def stride_variations(energy: Tensor, strides: Sequence[int]) -> Tensor:
    """For each stride, in growing order, how much the energy (H, W) varies within it at frequencies of its own.

    The energy is cut to whole strides; frequencies that a smaller stride has are counted there. (strides,), as a share
    of the mean energy; zero where neighbouring frequencies have as much.
    """
    variations, counted = [], {(Fraction(0), Fraction(0))}
    for stride in strides:
        height, width = (side - side % stride for side in energy.shape)
        power = power_of(energy[:height, :width])
        around, wide = (_summed(power, reach) for reach in (1, 2))
        excess = around - 9 / 16 * (wide - around)
        phases = {(Fraction(k, stride), Fraction(m, stride)) for k in range(stride) for m in range(stride)} - counted
        counted |= phases
        at = torch.tensor([(int(down * height), int(right * width)) for down, right in sorted(phases)])
        above = excess[at[:, 0], at[:, 1]].sum()
        variations.append((above.clamp(min=0) / around[0, 0].clamp(min=1e-300)).sqrt())
    return torch.stack(variations).float()


def fold(energy: Tensor, stride: int) -> Tensor:
    """The mean energy at each of the places within a stride (stride, stride), over the mean of all."""
    height, width = (side - side % stride for side in energy.shape)
    cut = energy[:height, :width].double()
    means = cut.reshape(height // stride, stride, width // stride, stride).mean((0, 2))
    return means / means.mean().clamp(min=1e-300)


def power_of(values: Tensor) -> Tensor:
    """|Fourier transform|² of values (H, W) under a Hann window."""
    window = torch.outer(*(torch.hann_window(side, dtype=torch.float64) for side in values.shape))
    return torch.fft.fft2(values.double() * window).abs().square()


def _summed(power: Tensor, reach: int) -> Tensor:
    """At each frequency the sum over those up to `reach` bins away, around the edges."""
    steps = range(-reach, reach + 1)
    return torch.stack([power.roll((down, right), (0, 1)) for down in steps for right in steps]).sum(0)
