"""SmoothGrad and VarGrad: the mean, and the spread, of signals over noisy copies of an image.

    SmoothGrad   E[g(x + ε)],   SmoothGrad²   E[g(x + ε)²],   VarGrad   E[(g(x + ε) − E g)²],   ε ~ N(0, σ²)

g is the gradient of a value, or another signal that goes back to the image. σ is given as a share of the image's
range, largest less smallest value of the network's input (D. Smilkov et al., *SmoothGrad*, 2017; they find 10 to 20 %
best). The squares are of S. Hooker et al., 2018, the variance is of J. Adebayo et al., *Local Explanation Methods for
Deep Neural Networks Lack Sensitivity to Parameter Values*, 2018. Mean and variance are kept up sample by sample
(Welford), and no sample is held.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ...instrument import instrument
from ...instrument.roles import Images, Target
from ...network import Network
from ..maps.attribution import photo_fields
from ..maps.fixed_units import FixedUnits, at_once, fix_units, gradients, whole
from ..maps.signal import Signal
from ..reversed.reversing import Reversal

Of = Literal["gradient", "guided", "deconvnet", "input_x_gradient"]
RULED = {"guided": Reversal("both"), "deconvnet": Reversal("backward")}
SAID = {"guided": "guided backprop", "deconvnet": "deconvnet", "input_x_gradient": "input × gradient"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Smoothed(Signal):
    """The mean, mean square or variance of a signal over noisy copies."""

    of: str
    samples: int
    noise: float  # standard deviation as a share of the image's range
    sigmas: tuple[float, ...]  # the same in values of the network's input, one for each target
    seed: int

    @property
    def foot(self) -> str:
        low, high = f"{min(self.sigmas):.3g}", f"{max(self.sigmas):.3g}"
        sigma = low if low == high else f"{low} to {high}"
        noise = f"noise of {self.noise:.3g} of the image's range (σ = {sigma})"
        return f"{self.samples} samples, {noise}, seed {self.seed}"

    def to_dict(self) -> dict[str, Any]:
        result = super().to_dict()
        result |= {"of": self.of, "samples": self.samples, "noise": self.noise, "seed": self.seed}
        for signal, sigma in zip(result["signals"], self.sigmas, strict=True):
            signal["sigma"] = sigma
        return result


@instrument
def smooth_grad(
    network: Network,
    images: Images,
    target: Target = None,
    *,
    samples: int = 25,
    noise: float = 0.15,
    squared: bool = False,
    of: Of = "gradient",
    seed: int = 0,
    batch: int | None = None,
) -> Smoothed:
    """The mean of a signal over noisy copies of the image (Smilkov et al., 2017).

    A channel without a place means the place where it is largest in the clean image, in every copy. The same seed gives
    the same noise, for each image and for any batch. Raises LookupError for a target that does not exist, and for a
    signal that needs rectifiers if the network has none, ValueError for images and numbers that don't fit.

    - `target`: a class or unit, such as 'logits:goose', 'probabilities:goose' or 'blocks.3:17' (its largest
      activation); if not given, each image's best class
    - `samples`: how many noisy copies
    - `noise`: the noise's standard deviation, as a share of the image's range in the network's input
    - `squared`: use the mean of the squares instead, which has no sign
    - `of`: the signal: gradient, guided (guided backprop), deconvnet or input_x_gradient
    - `seed`: seed of the noise
    - `batch`: how many copies run at once; as many as fit into memory if not given
    """
    name = "SmoothGrad²" if squared else "SmoothGrad"
    kind = "square" if squared else "mean"
    return _smoothed(network, images, target, name, kind, whole(samples, "samples", 1), noise, of, seed, batch)


@instrument
def var_grad(
    network: Network,
    images: Images,
    target: Target = None,
    *,
    samples: int = 25,
    noise: float = 0.15,
    of: Of = "gradient",
    seed: int = 0,
    batch: int | None = None,
) -> Smoothed:
    """The variance of a signal over noisy copies of the image (Adebayo et al., 2018).

    This is the mean squared deviation from the mean, without sign. A channel without a place means the place where it
    is largest in the clean image, in every copy. Raises LookupError for a target that does not exist, and for a signal
    that needs rectifiers if the network has none, ValueError for images and numbers that don't fit.

    - `target`: a class or unit, such as 'logits:goose', 'probabilities:goose' or 'blocks.3:17' (its largest
      activation); if not given, each image's best class
    - `samples`: how many noisy copies
    - `noise`: the noise's standard deviation, as a share of the image's range in the network's input
    - `of`: the signal: gradient, guided (guided backprop), deconvnet or input_x_gradient
    - `seed`: seed of the noise
    - `batch`: how many copies run at once; as many as fit into memory if not given
    """
    return _smoothed(
        network, images, target, "VarGrad", "variance", whole(samples, "samples", 2), noise, of, seed, batch
    )


def _smoothed(
    network: Network, images: Any, target: Target, name: str, kind: str, samples: int, noise: float, of: str,
    seed: int, batch: int | None,
) -> Smoothed:  # fmt: skip
    if of not in ("gradient", *SAID):
        raise ValueError(f"of is one of gradient, {', '.join(SAID)}, not {of!r}")
    if not 0 <= noise < float("inf"):
        raise ValueError(f"noise is a share of the image's range, 0 or more, not {noise!r}")
    with torch.inference_mode(False):
        x = network.inputs(images).detach().clone()
        units = fix_units(network, x, target)
        ranges = (x.amax((1, 2, 3)) - x.amin((1, 2, 3))).tolist()
        sigmas = [noise * each for each in ranges]
        count = at_once(network, x, batch, back=True, of=samples)
        moments = [
            _moment(network, image, sigma, units, index, kind, samples, of, seed, count)
            for index, (image, sigma) in enumerate(zip(x, sigmas, strict=True))
        ]
    return Smoothed(
        method=f"{name} of {SAID[of]}" if of in SAID else name, targets=units.names, values=torch.cat(moments),
        scores=units.scores, shares=kind == "mean" and of == "input_x_gradient", of=of, samples=samples, noise=noise,
        sigmas=tuple(sigma for index, sigma in enumerate(sigmas) for _ in units.of(index)), seed=seed,
        **photo_fields(network, images),
    )  # fmt: skip


def _moment(
    network: Network, image: Tensor, sigma: float, units: FixedUnits, index: int, kind: str, samples: int, of: str,
    seed: int, batch: int,
) -> Tensor:  # fmt: skip
    """The mean, mean square or variance (T, C, H, W) for one image (C, H, W)."""
    at = units.at[units.of(index)]
    rules = RULED[of].rules() if of in RULED else None
    mean = image.new_zeros(len(at), *image.shape)
    squares = torch.zeros_like(mean) if kind == "variance" else mean[:0]
    count = 0
    for copies in noisy(image, sigma, samples, seed, batch):
        for row, (_, signals) in enumerate(gradients(network, copies, units.layer, at, rules)):
            for number, (copy, signal) in enumerate(zip(copies, signals, strict=True), start=count + 1):
                signal = signal * copy if of == "input_x_gradient" else signal
                signal = signal.square() if kind == "square" else signal
                off = signal - mean[row]
                mean[row] += off / number
                if kind == "variance":
                    squares[row] += off * (signal - mean[row])
        count += len(copies)
    return squares / samples if kind == "variance" else mean


def noisy(image: Tensor, sigma: float, samples: int, seed: int, batch: int) -> Iterator[Tensor]:
    """Batches (n, C, H, W) of the image with noise, which is drawn copy by copy, on the processor and in float32: the
    same for every device, precision and batch."""
    generator = torch.Generator().manual_seed(seed)
    for first in range(0, samples, batch):
        count = min(batch, samples - first)
        yield torch.stack(
            [image + sigma * torch.randn(image.shape, generator=generator).to(image) for _ in range(count)]
        )
