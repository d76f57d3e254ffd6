"""The pattern that strided convolution and pooling put in gradients, measured at its frequencies, and what removes it.

A layer of stride s looks at the pixels on a grid of s by s. Running back, pixels that more windows cover, or that a max
pool chose from fewer others, get more of the gradient: its energy repeats every s pixels, whatever its signs. Ascent on
pixels adds that up (A. Odena, V. Dumoulin and C. Olah, Deconvolution and checkerboard artifacts, 2016; C. Olah et al.,
2017).

What is measured, of a gradient or of an image without its mean colour, g:

    e(y, x) = sum over colours of g²,   E = Fourier transform of e,
    variation at stride s = sqrt(sum of |E(k/s, l/s)|² above its neighbours) / |E(0, 0)|

over all frequencies (k/s, l/s), in cycles a pixel, that belong to no smaller stride. It is the standard deviation of
the energy over the s × s places within a stride, over its mean: 0 where all places get alike, √3 where every second row
and column gets all. Each |E|² is the sum of the 3 × 3 bins that a Hann window spreads it over, less 9 times the mean of
the 16 bins around them, so that a smooth spectrum gives 0, however steep.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..instrument import Result, instrument
from ..network import OUTPUTS, Address, Field, Network
from ..picture import Block, Picture, Table, colour, compact, enlarge, grid, map_range, sheet
from ..showing import named
from .ascent import ascend, evaluated, scored
from .images import Fourier, Image, Pixels, noise
from .objectives import IMAGES, Objective, Size, unit
from .options import count, input_size
from .priors import Blur, Prior
from .recipes import followed, recipe_of, steepest
from .stepping import shown
from .synthesis import WIDTH, pixels, tiled
from .transforms import Roll, Transform

LEAST_SPACING = 5  # bins between two frequencies of a stride, so that each has neighbours of its own
PIECE = 48  # pixels of the middle, shown large
WAYS = ("gradient", "no prior", "jitter", "blur", "Fourier", "Fourier, in pieces")
RATE = 0.01  # of plain gradient steps on pixels; Adam evens out what pixels get, and with it the pattern
STARTS = 8  # gradients whose energy is averaged
IMAGES_EACH = 4  # images a way, whose energy is averaged; the first is shown
FOLD = 8  # pixels; of the strides up to this the largest is shown folded


@dataclass(frozen=True, eq=False, kw_only=True)
class Checkerboard(Result):
    """A gradient and images by five ways, each with its power spectrum and the shares at the strides' frequencies."""

    network: str
    target: str
    strides: tuple[int, ...]
    images: Tensor = field(repr=False)  # (6, 3, H, W) in [0, 1]; the gradient about 0.5; grey where not begun
    energies: Tensor = field(repr=False)  # (6, H, W): e above
    variations: Tensor  # (6, strides); NaN where not begun
    scores: Tensor  # (6,): mean of the images' without transforms; NaN for the gradient
    step: int
    steps: int
    seed: int

    @property
    def ways(self) -> tuple[str, ...]:
        return WAYS

    @property
    def progress(self) -> str:
        return f"{self.target}: {WAYS[max(int(torch.isfinite(self.variations[:, 0]).sum()) - 1, 0)]}"

    def frame(self) -> np.ndarray:
        return grid(pixels(self.images), scale=1).pixels

    def picture(self) -> Picture:
        """Each way's image, its middle large, where its energy lies within a stride, and the spectrum of its energy."""
        height, width = self.images.shape[-2:]
        top, left = max(0, (height - PIECE) // 2), max(0, (width - PIECE) // 2)
        middle = self.images[..., top : top + PIECE, left : left + PIECE]
        stride = max([each for each in self.strides if each <= FOLD], default=self.strides[0])
        folds = np.stack([_square(fold(energy, stride).numpy()) for energy in self.energies])
        shown_folds = map_range(folds, (0.0, 2.0))
        power = (self.spectra + self.spectra.amax((1, 2), keepdim=True) * 1e-12).log10()
        spectra = map_range(power.numpy(), "percentile:5:99.9", per="tile")
        upto = self.variations[:, : self.strides.index(stride) + 1].square().sum(1).sqrt()
        told = [f"±{100 * float(each):.1f} %" if torch.isfinite(each) else "" for each in upto]
        header = ("way", "score", *(f"stride {each}" for each in self.strides))
        rows = [
            (name, *_cells(score, each)) for name, score, each in zip(WAYS, self.scores, self.variations, strict=True)
        ]
        table = "How much the energy varies with the place within a stride, as a share of its mean"
        blocks: list[Block] = [
            tiled(self.images, WAYS, 6),
            tiled(_enlarged(middle, 4), ["" for _ in WAYS], 6, f"The middle {PIECE} × {PIECE} px"),
            tiled(_coloured(shown_folds.values01), told, 6,
                  f"Mean energy at the places within {stride} × {stride} px: black is none, pale twice the mean"),
            tiled(_coloured(spectra.values01), ["" for _ in WAYS], 6,
                  "Spectrum of the energy: the mean in the middle, half a cycle a pixel at the edges"),
            Table(header, rows, heading=table),
        ]  # fmt: skip
        stopped = "" if self.step == self.steps else f", stopped after {self.step} of {self.steps}"
        caption = (
            f"{self.target}; {height} × {width} px, {self.steps // (len(WAYS) - 1)} steps each{stopped}, seed "
            f"{self.seed}. The gradient is cut at the 99.5th percentile of its magnitude, grey is zero; energies are "
            f"means of {STARTS} gradients, energies and scores of {IMAGES_EACH} images a way, the first of which is "
            "shown. Spectra are logarithmic, each from "
            "its 5th to its 99.9th percentile. Images are in [0, 1]."
        )
        title = "The checkerboard, and what removes it"
        drawing = sheet(title, self.network, blocks, caption=caption, width=WIDTH + 96)
        return self.drawn(drawing, f"{self.network}: {title}; {caption}", (*shown_folds.ranges, *spectra.ranges))

    @property
    def spectra(self) -> Tensor:
        """Power spectra (6, H, W) of the energies under a Hann window, the mean in the middle."""
        return torch.fft.fftshift(torch.stack([_power(energy) for energy in self.energies]), (1, 2)).float()

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "target": self.target,
            "ways": list(WAYS),
            "strides": list(self.strides),
            "variations": self.variations.tolist(),
            "scores": self.scores.tolist(),
            "seed": self.seed,
        }


@instrument
def checkerboard(
    network: Network,
    target: str | Sequence[str],
    *,
    size: int | tuple[int, int] | None = None,
    steps: int = 48,
    seed: int = 0,
) -> Iterator[Checkerboard]:
    """The pattern that strides put in the gradient of a target, and images by five ways that keep or remove it.

    Raises LookupError for a target that is not there, ValueError for several and where no layer on the way has a stride
    whose frequencies an image of this size tells apart.

    - `target`: one channel, neuron, layer or class, as for synthesize
    - `size`: the image's side in pixels, or height and width; the network's usual input if not given
    - `steps`: how many steps of gradient ascent to take each way
    - `seed`: the start and the transforms; the same seed gives the same images
    """
    if not isinstance(target, str):
        if len(target) != 1:
            raise ValueError(f"the checkerboard is shown of one target, not of {len(target)}")
        target = target[0]
    shape, steps = input_size(network, size), count(steps, "steps")
    address = network.address(target, shape)
    objective = unit(network, target, shape)
    strides = strides_to(network, address, shape)
    signal = start_gradient(network, objective, shape, seed)
    images, energies = torch.full((len(WAYS), 3, *shape), 0.5), torch.zeros(len(WAYS), *shape)
    scores, variations = torch.full((len(WAYS),), torch.nan), torch.full((len(WAYS), len(strides)), torch.nan)
    most = signal[0].abs().flatten().quantile(0.995).clamp(min=1e-30)
    images[0], energies[0] = (0.5 + 0.5 * signal[0] / most).clamp(0, 1), energy_of(signal)
    variations[0] = stride_variations(energies[0], strides)
    told: dict[str, Any] = {
        "network": network.name,
        "target": named(network, address),
        "strides": strides,
        "steps": steps * (len(WAYS) - 1),
        "seed": seed,
    }
    for row, (image, moments) in enumerate(_ascents(network, objective, shape, steps, seed), 1):
        for moment in moments:
            images, energies, scores, variations = (each.clone() for each in (images, energies, scores, variations))
            made, marks = moment.images.cpu(), moment.scores.cpu()
            if moment.step == steps:
                made = shown(image).cpu()
                marks = scored(network, objective, shown(image)).cpu()
            images[row], scores[row] = made[0], marks.mean()
            energies[row] = energy_of(made - made.mean((2, 3), keepdim=True))
            variations[row] = stride_variations(energies[row], strides)
            yield Checkerboard(images=images, energies=energies, variations=variations, scores=scores,
                               step=(row - 1) * steps + moment.step, **told)  # fmt: skip


def _ascents(network: Network, objective: Objective, size: Size, steps: int, seed: int) -> Iterator[tuple[Image, Any]]:
    """The image and the ascent of each way, in the order of WAYS after the gradient."""
    transforms: tuple[Transform | None, ...] = (None, Roll(32), None)
    priors: tuple[tuple[Prior, ...], ...] = ((), (), (Blur(0.5, 1),))
    for transform, prior in zip(transforms, priors, strict=True):
        image: Image = Pixels(noise(IMAGES_EACH, size, generator=torch.Generator().manual_seed(seed)))
        yield image, ascend(network, objective, image, steps=steps, transform=transform, optimiser=steepest(RATE),
                            priors=prior, seed=seed)  # fmt: skip
    image = Fourier(IMAGES_EACH, size, generator=torch.Generator().manual_seed(seed))
    yield image, ascend(network, objective, image, steps=steps, seed=seed)
    yield followed(network, objective, recipe_of("fourier"), IMAGES_EACH, size, steps=steps, seed=seed)[1:]


def strides_to(network: Network, address: Address, size: Size) -> tuple[int, ...]:
    """The strides, in pixels of the input, of the layers up to the address, as far as `size` tells their frequencies
    apart. ValueError where there is none.
    """
    found = set()
    for layer in network.layers(size):
        if isinstance(layer.field, Field) and layer.field.height.stride == layer.field.width.stride:
            found.add(layer.field.height.stride)
        if layer.name == address.layer and address.layer not in OUTPUTS:
            break
    strides = tuple(int(s) for s in sorted(found) if s > 1 and s == int(s) and min(size) // s >= LEAST_SPACING)
    if not strides:
        raise ValueError(
            f"no layer of {network.name} up to {address} has a stride that {size[0]} × {size[1]} px can show; "
            "the checkerboard comes from strides"
        )
    return strides


def start_gradient(network: Network, objective: Objective, size: Size, seed: int) -> Tensor:
    """The gradients (STARTS, 3, H, W) of the objective for the pixels of weak noise."""
    begun = noise(STARTS, size, generator=torch.Generator().manual_seed(seed)).to(network.device, network.dtype)
    with torch.inference_mode(False), torch.enable_grad():
        x = begun.clone().requires_grad_()
        scores = objective.score(evaluated(network, objective, x, precise=True) | {IMAGES: x})
        found = torch.autograd.grad(scores.sum(), x, allow_unused=True)[0] if scores.requires_grad else None
    if found is None:
        raise ValueError(f"no gradient comes back from {objective.name}: {network.name} keeps none there")
    return found.cpu()


def energy_of(signals: Tensor) -> Tensor:
    """The mean over the signals (N, 3, H, W) of their squares summed over the colours, (H, W)."""
    return signals.double().square().sum(1).mean(0).float()


def stride_variations(energy: Tensor, strides: Sequence[int]) -> Tensor:
    """For each stride, in growing order, how much the energy (H, W) varies within it at frequencies of its own.

    The energy is cut to whole strides; frequencies that a smaller stride has are counted there. (strides,), as a share
    of the mean energy; zero where neighbouring frequencies have as much.
    """
    found, taken = [], {(Fraction(0), Fraction(0))}
    for stride in strides:
        height, width = (side - side % stride for side in energy.shape)
        power = _power(energy[:height, :width])
        around, wide = (_summed(power, reach) for reach in (1, 2))
        excess = around - 9 / 16 * (wide - around)
        own = {(Fraction(k, stride), Fraction(m, stride)) for k in range(stride) for m in range(stride)} - taken
        taken |= own
        at = torch.tensor([(int(down * height), int(right * width)) for down, right in sorted(own)])
        above = excess[at[:, 0], at[:, 1]].sum()
        found.append((above.clamp(min=0) / around[0, 0].clamp(min=1e-300)).sqrt())
    return torch.stack(found).float()


def fold(energy: Tensor, stride: int) -> Tensor:
    """The mean energy at each of the places within a stride (stride, stride), over the mean of all."""
    height, width = (side - side % stride for side in energy.shape)
    cut = energy[:height, :width].double()
    places = cut.reshape(height // stride, stride, width // stride, stride).mean((0, 2))
    return places / places.mean().clamp(min=1e-300)


def _power(values: Tensor) -> Tensor:
    """|Fourier transform|² of values (H, W) under a Hann window."""
    window = torch.outer(*(torch.hann_window(side, dtype=torch.float64) for side in values.shape))
    return torch.fft.fft2(values.double() * window).abs().square()


def _summed(power: Tensor, reach: int) -> Tensor:
    """At each frequency the sum over those up to `reach` bins away, around the edges."""
    steps = range(-reach, reach + 1)
    return torch.stack([power.roll((down, right), (0, 1)) for down in steps for right in steps]).sum(0)


def _square(places: np.ndarray, side: int = 160) -> np.ndarray:
    """The values (s, s) repeated to about `side` pixels."""
    return enlarge(places, max(1, side // len(places)))


def _enlarged(images: Tensor, times: int) -> Tensor:
    return images.repeat_interleave(times, 2).repeat_interleave(times, 3)


def _coloured(values01: np.ndarray) -> Tensor:
    return torch.from_numpy(colour(values01, "sequential")).permute(0, 3, 1, 2) / 255


def _cells(score: Tensor, variations: Tensor) -> list[str]:
    told = [f"±{100 * float(each):.1f} %" if torch.isfinite(each) else "" for each in variations]
    return [compact(float(score)) if torch.isfinite(score) else "", *told]
