"""Autoencoder (Hinton & Salakhutdinov 2006): codes of few numbers from which an image can be had back.

    min over encoder e and decoder d of  E |d(e(x)) − x|^2

With linear networks the codes span the subspace of PCA, whose error no linear autoencoder can beat; it is among the
numbers. Denoising (Vincent and others 2008): the encoder gets the image with noise on it, and the decoder must give the
clean one, so that copying is not enough.

    min E |d(e(x + noise)) − x|^2
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ....network.opening.source import undisturbed
from ...nets.conv import decoder as conv_decoder
from ...nets.conv import encoder as conv_encoder
from ...nets.mlp import mlp
from ...sets.examples import Batch, Examples, parts
from ...system import CHUNK, Config, System
from ...training.recipe import Recipe

FOLLOWED = 0.05  # of a batch's mean and spread of codes goes into the ones that are kept
PCA_FROM = 4096  # held-out examples, at most, whose PCA is the number to compare with
ERROR, OF_PCA = "reconstruction error (mean square)", "the same of PCA"


@dataclass(frozen=True)
class AutoencoderConfig(Config):
    """`codes` numbers in a code; `hidden` units in each of two layers (0: none, linear); `net` is 'mlp' or 'conv'.

    `noise` is what the encoder gets to remove: the share of values that are set to 0, or the sigma of a Gaussian.
    """

    codes: int = 20
    hidden: int = 400
    net: Literal["mlp", "conv"] = "mlp"
    noise: float = 0.0
    corruption: Literal["mask", "gaussian"] = "mask"


class Autoencoder(System):
    """Encoder and decoder."""

    name, title, settings = "autoencoder", "Autoencoder", AutoencoderConfig
    recipe = Recipe(steps=8000, batch=128, rate=1e-3, schedule="cosine")
    config: AutoencoderConfig
    components: Tensor
    middle: Tensor
    usage: Tensor

    def build(self, shape: tuple[int, ...]) -> None:
        codes, hidden, size = self.config.codes, self.config.hidden, math.prod(shape)
        if not 1 <= codes < size:
            raise ValueError(f"examples of {size} values have codes of 1 to {size - 1} numbers, not {codes}")
        if not self.config.noise >= 0 or (self.config.corruption == "mask" and self.config.noise >= 1):
            raise ValueError(f"noise is a share from 0 to below 1, or a sigma from 0, not {self.config.noise:g}")
        if self.config.corruption not in ("mask", "gaussian"):
            raise ValueError(f"corruption is 'mask' or 'gaussian', not {self.config.corruption!r}")
        if self.config.net == "conv":
            self.encoder, self.decoder = conv_encoder(shape, codes, hidden), conv_decoder(shape, codes, hidden)
        else:
            widths = (hidden, hidden) if hidden else ()
            self.encoder = nn.Sequential(nn.Flatten(), *mlp((size, *widths, codes)))
            self.decoder = nn.Sequential(*mlp((codes, *widths, size)), nn.Unflatten(1, shape))
        self.register_buffer("middle", torch.zeros(codes))  # mean of each code over the last batches
        self.register_buffer("usage", torch.ones(codes))  # and its standard deviation

    def steps(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        codes = self.encoder(self.corrupted(batch.x))
        self._measure(codes.detach().float())
        restored = self.decoder(codes).float()
        yield "network", (restored - batch.x).square().flatten(1).sum(1).mean()

    def _measure(self, codes: Tensor) -> None:
        """Follows the mean and the spread of each code."""
        if len(codes) > 1:
            self.middle.lerp_(codes.mean(0), FOLLOWED)
            self.usage.lerp_(codes.std(0).clamp_min(1e-6), FOLLOWED)

    def corrupted(self, x: Tensor) -> Tensor:
        """What the encoder gets of examples while it learns."""
        if not self.config.noise:
            return x
        if self.config.corruption == "mask":
            return x * (torch.rand_like(x) >= self.config.noise)
        return x + self.config.noise * torch.randn_like(x)

    # ---- what it can do

    @property
    def code_size(self) -> int:
        return self.config.codes

    @property
    def most_used(self) -> list[int]:
        return self.usage.argsort(descending=True).tolist()

    def forward(self, x: Tensor) -> Tensor:
        """The code (N, codes), in units of its spread while it learned: of mean 0 and standard deviation 1, about."""
        return (self.encoder(x) - self.middle) / self.usage

    def encode(self, x: Tensor) -> Tensor:
        """The code of each example, as `forward` gives it."""
        with torch.no_grad():
            return self(self._checked(x).float())

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        return self.decoder(codes.float() * self.usage + self.middle)

    # ---- how good it is

    @torch.no_grad()
    def evaluate(self, examples: Examples) -> dict[str, float]:
        device = self.middle.device
        codes = torch.cat([self.encoder(batch.x.to(device)).float() for batch in parts(examples, CHUNK)])
        errors = self._errors(examples, lambda x: x)
        numbers = {ERROR: errors, OF_PCA: pca_error(examples, self.config.codes)}
        if self.config.noise:
            with undisturbed(0):
                numbers["of images with noise on them"] = self._errors(examples, self.corrupted)
        numbers["codes in use"] = float((codes.std(0) > 1e-3 * codes.std(0).max()).sum())
        return numbers

    def _errors(self, examples: Examples, seen: Callable[[Tensor], Tensor]) -> float:
        """The mean square error of what is restored, when the encoder sees `seen(x)`."""
        total = torch.zeros((), dtype=torch.float64)
        for batch in parts(examples, CHUNK):
            x = batch.x.to(self.middle.device)
            total += (self.decoder(self.encoder(seen(x))).float() - x).square().flatten(1).mean(1).sum().double().cpu()
        return float(total / len(examples))

    def remarks(self, numbers: Mapping[str, float]) -> list[str]:
        notes = ["a code is in units of its spread while it learned"]
        if numbers[ERROR] >= numbers[OF_PCA]:
            notes.append("PCA with as many numbers has a smaller error, so it has not learned enough")
        if numbers["codes in use"] < self.config.codes:
            notes.append(f"{self.config.codes - int(numbers['codes in use'])} codes are the same for all images")
        return notes


@dataclass(frozen=True)
class DenoisingConfig(AutoencoderConfig):
    """The same with noise."""

    noise: float = 0.3


class DenoisingAutoencoder(Autoencoder):
    """The same with noise on what the encoder sees."""

    name, title, settings = "denoising-autoencoder", "Denoising autoencoder", DenoisingConfig


def pca_error(examples: Examples, components: int) -> float:
    """The mean square error per value of PCA of these very examples, the best that a linear code of them can do."""
    count = min(len(examples), PCA_FROM)
    x = torch.cat([batch.x.flatten(1).double() for batch in parts(examples, CHUNK)])[:count]
    values = torch.linalg.svdvals(x - x.mean(0)).square()
    return float(values[components:].sum() / x.numel())
