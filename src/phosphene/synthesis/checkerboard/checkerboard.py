"""The pattern that strided convolution and pooling put in gradients, measured at its frequencies, and what removes it.

A layer of stride s looks at the pixels on a grid of s by s. Running back, pixels that more windows cover, or that a max
pool chose from fewer others, get more of the gradient: its energy repeats every s pixels, whatever its signs. Ascent on
pixels adds that up (A. Odena, V. Dumoulin and C. Olah, Deconvolution and checkerboard artifacts, 2016; C. Olah et al.,
2017). `stride_energy.py` measures it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...input_photo import named
from ...instrument import Result, instrument
from ...instrument.roles import UnitNames
from ...network import Network
from ...picture import Block, Sheet, Table, colour, compact, counted, enlarge, grid, map_range
from ..engine.ascent import ascend, scored
from ..engine.images.image import Fourier, Image, Pixels, noise
from ..engine.objectives import Objective, Size, unit
from ..engine.options import generator, input_size, step_count
from ..engine.priors import Blur, Prior
from ..engine.recipes import followed, recipe_of, steepest
from ..engine.stepping import current_images
from ..engine.synthesis import WIDTH, pixels, tiled
from ..engine.transforms import Roll, Transform
from .stride_energy import STARTS, energy_of, fold, power_of, start_gradient, stride_variations, strides_to

PIECE = 48  # pixels of the middle, shown large
WAYS = ("gradient", "no prior", "jitter", "blur", "Fourier", "Fourier, in pieces")
RATE = 0.01  # of plain gradient steps on pixels; Adam evens out what pixels get, and with it the pattern
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

    def sheet(self) -> Sheet:
        """Each way's image, its middle large, where its energy lies within a stride, and the spectrum of its energy."""
        # the pictures: the middle, the energy within a stride, and its spectrum
        height, width = self.images.shape[-2:]
        top, left = max(0, (height - PIECE) // 2), max(0, (width - PIECE) // 2)
        middle = self.images[..., top : top + PIECE, left : left + PIECE]
        stride = max([each for each in self.strides if each <= FOLD], default=self.strides[0])
        folds = np.stack([_square(fold(energy, stride).numpy()) for energy in self.energies])
        shown_folds = map_range(folds, (0.0, 2.0))
        power = (self.spectra + self.spectra.amax((1, 2), keepdim=True) * 1e-12).log10()
        spectra = map_range(power.numpy(), "percentile:5:99.9", per="tile")
        # the numbers below them, and in a table
        upto = self.variations[:, : self.strides.index(stride) + 1].square().sum(1).sqrt()
        labels = [f"±{100 * float(each):.1f} %" if torch.isfinite(each) else "" for each in upto]
        header = ("way", "score", *(f"stride {each}" for each in self.strides))
        rows = [
            (name, *_cells(score, each)) for name, score, each in zip(WAYS, self.scores, self.variations, strict=True)
        ]
        table = "How much the energy varies with the place within a stride, as a share of its mean"
        blocks: list[Block] = [
            tiled(self.images, WAYS, 6),
            tiled(_enlarged(middle, 4), ["" for _ in WAYS], 6, f"The middle {PIECE} × {PIECE} px"),
            tiled(_coloured(shown_folds.values01), labels, 6,
                  f"Mean energy at the places within {stride} × {stride} px: black is none, pale twice the mean"),
            tiled(_coloured(spectra.values01), ["" for _ in WAYS], 6,
                  "Spectrum of the energy: the mean in the middle, half a cycle a pixel at the edges"),
            Table(header, rows, heading=table),
        ]  # fmt: skip
        # title and caption
        stopped = "" if self.step == self.steps else f", stopped after {self.step} of {self.steps}"
        caption = (
            f"{self.target}; {height} × {width} px, {counted(self.steps // (len(WAYS) - 1), 'step')} each{stopped}, "
            f"seed {self.seed}. The gradient is cut at the 99.5th percentile of its magnitude, grey is zero; "
            f"energies are means of {STARTS} gradients, energies and scores of {IMAGES_EACH} images a way, the first "
            "of which is shown. Spectra are logarithmic, each from "
            "its 5th to its 99.9th percentile. Images are in [0, 1]."
        )
        title = "The checkerboard, and what removes it"
        return Sheet(
            title,
            self.network,
            blocks,
            caption=caption,
            width=WIDTH + 96,
            description=f"{self.network}: {title}; {caption}",
            ranges=(*shown_folds.ranges, *spectra.ranges),
        )

    @property
    def spectra(self) -> Tensor:
        """Power spectra (6, H, W) of the energies under a Hann window, the mean in the middle."""
        return torch.fft.fftshift(torch.stack([power_of(energy) for energy in self.energies]), (1, 2)).float()

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
    target: UnitNames,
    *,
    size: int | tuple[int, int] | None = None,
    steps: int = 48,
    seed: int = 0,
) -> Iterator[Checkerboard]:
    """The checkerboard that strides cause in a target's gradient, and images by five methods that keep or remove it.

    The methods are fixed, so that they can be compared: they take no priors or transforms of your own. Raises
    LookupError for a target that does not exist, ValueError for several targets, and if no layer below the
    target has a stride that an image of this size can show.

    - `target`: one channel, neuron, layer or class, as for synthesize
    - `size`: the image's side in pixels, or height and width; the network's usual input if not given
    - `steps`: how many steps of gradient ascent each method takes
    - `seed`: seed of the start and the transforms; the same seed gives the same images
    """
    if not isinstance(target, str):
        if len(target) != 1:
            raise ValueError(f"the checkerboard is shown of one target, not of {len(target)}")
        target = target[0]
    shape, steps = input_size(network, size), step_count(steps)
    address = network.address(target, shape)
    objective = unit(network, target, shape)
    strides = strides_to(network, address, shape)
    signal = start_gradient(network, objective, shape, seed)
    images, energies = torch.full((len(WAYS), 3, *shape), 0.5), torch.zeros(len(WAYS), *shape)
    scores, variations = torch.full((len(WAYS),), torch.nan), torch.full((len(WAYS), len(strides)), torch.nan)
    most = max(percentile_of(signal[0]), 1e-30)
    images[0], energies[0] = (0.5 + 0.5 * signal[0] / most).clamp(0, 1), energy_of(signal)
    variations[0] = stride_variations(energies[0], strides)
    fields: dict[str, Any] = {
        "network": network.name,
        "target": named(network, address),
        "strides": strides,
        "steps": steps * (len(WAYS) - 1),
        "seed": seed,
    }
    for row, (image, moments) in enumerate(_ascents(network, objective, shape, steps, seed), 1):
        for moment in moments:
            images, energies, scores, variations = (each.clone() for each in (images, energies, scores, variations))
            final, marks = moment.images.cpu(), moment.scores.cpu()
            if moment.step == steps:
                final = current_images(image).cpu()
                marks = scored(network, objective, current_images(image)).cpu()
            images[row], scores[row] = final[0], marks.mean()
            energies[row] = energy_of(final - final.mean((2, 3), keepdim=True))
            variations[row] = stride_variations(energies[row], strides)
            yield Checkerboard(images=images, energies=energies, variations=variations, scores=scores,
                               step=(row - 1) * steps + moment.step, **fields)  # fmt: skip


def _ascents(network: Network, objective: Objective, size: Size, steps: int, seed: int) -> Iterator[tuple[Image, Any]]:
    """The image and the ascent of each way, in the order of WAYS after the gradient."""
    transforms: tuple[Transform | None, ...] = (None, Roll(32), None)
    priors: tuple[tuple[Prior, ...], ...] = ((), (), (Blur(0.5, 1),))
    for transform, prior in zip(transforms, priors, strict=True):
        image: Image = Pixels(noise(IMAGES_EACH, size, generator=generator(seed)))
        yield image, ascend(network, objective, image, steps=steps, transform=transform, optimiser=steepest(RATE),
                            priors=prior, seed=seed)  # fmt: skip
    image = Fourier(IMAGES_EACH, size, generator=generator(seed))
    yield image, ascend(network, objective, image, steps=steps, seed=seed)
    yield followed(network, objective, recipe_of("fourier"), IMAGES_EACH, size, steps=steps, seed=seed)[1:]


def percentile_of(signal: Tensor, percentile: float = 99.5) -> float:
    """The percentile of the magnitudes; torch.quantile takes no more than 16 million of them."""
    return float(np.percentile(signal.abs().float().numpy(), percentile))


def _square(cells: np.ndarray, side: int = 160) -> np.ndarray:
    """The values (s, s) repeated to about `side` pixels."""
    return enlarge(cells, max(1, side // len(cells)))


def _enlarged(images: Tensor, times: int) -> Tensor:
    return images.repeat_interleave(times, 2).repeat_interleave(times, 3)


def _coloured(values01: np.ndarray) -> Tensor:
    return torch.from_numpy(colour(values01, "sequential")).permute(0, 3, 1, 2) / 255


def _cells(score: Tensor, variations: Tensor) -> list[str]:
    shares = [f"±{100 * float(each):.1f} %" if torch.isfinite(each) else "" for each in variations]
    return [compact(float(score)) if torch.isfinite(score) else "", *shares]
