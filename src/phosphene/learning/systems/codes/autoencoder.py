"""Autoencoder (Hinton & Salakhutdinov 2006): few numbers from which an image can be made again.

An encoder f gives a code, a decoder g an image, and both descend the error of the reconstruction,

    squared     |x - g(f(x))|^2
    bernoulli   - sum_i x_i log p_i + (1 - x_i) log(1 - p_i),   p = sigmoid(g(f(x))),   for values in [0, 1].

Codes are normalised over the batch to mean 0 and variance 1, with no scale of their own. That takes nothing from what
can be learned, for the decoder's first layer scales them, and walks along codes then know how far to go.

With `net=linear` and the squared error, f and g are linear, and the images that g can make are those of principal
component analysis (Baldi & Hornik 1989).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from ...nets.conv import decoder as conv_decoder
from ...nets.conv import encoder as conv_encoder
from ...nets.mlp import mlp
from ...sets.examples import Batch, Examples, parts
from ...system import CHUNK, Config, System
from ...training.recipe import Recipe

ERROR = "reconstruction error (mean square)"
LINEAR = "the same of the best linear code"


@dataclass(frozen=True)
class AutoencoderConfig(Config):
    """`codes` numbers in a code; `hidden` units in each of `layers` layers; `net` is 'mlp', 'conv' or 'linear'."""

    codes: int = 30
    hidden: int = 500
    layers: int = 2
    net: Literal["mlp", "conv", "linear"] = "mlp"
    error: Literal["squared", "bernoulli"] = "squared"


class Autoencoder(System):
    """Autoencoder."""

    name, title, settings = "autoencoder", "Autoencoder", AutoencoderConfig
    recipe = Recipe(steps=6000, batch=128, rate=1e-3, schedule="cosine")
    config: AutoencoderConfig

    def build(self, shape: tuple[int, ...]) -> None:
        config, size = self.config, math.prod(shape)
        if config.net not in ("mlp", "conv", "linear"):
            raise ValueError(f"net is 'mlp', 'conv' or 'linear', not {config.net!r}")
        if config.error not in ("squared", "bernoulli"):
            raise ValueError(f"error is 'squared' or 'bernoulli', not {config.error!r}")
        if config.codes < 1:
            raise ValueError(f"a code has one number or more, not {config.codes}")
        if config.net == "conv":
            encoder, self.decoder = (
                conv_encoder(shape, config.codes, config.hidden),
                conv_decoder(shape, config.codes, config.hidden),
            )
        else:
            between = [config.hidden] * config.layers if config.net == "mlp" else []
            encoder = nn.Sequential(nn.Flatten(), *mlp((size, *between, config.codes)))
            self.decoder = nn.Sequential(*mlp((config.codes, *between, size)), nn.Unflatten(1, shape))
        self.encoder = nn.Sequential(*encoder, nn.BatchNorm1d(config.codes, affine=False))

    def steps(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        yield "network", self._loss(batch.x, self.decoder(self.encoder(batch.x)))

    def _loss(self, x: Tensor, output: Tensor) -> Tensor:
        """The error of the reconstruction, summed over an image's values; the mean over the batch."""
        if self.config.error == "squared":
            return (output - x).square().sum() / len(x)
        if x.min() < 0 or x.max() > 1:
            raise ValueError("error=bernoulli takes values in [0, 1]; scale them, or take error=squared")
        return binary_cross_entropy_with_logits(output, x, reduction="sum") / len(x)

    # ---- what it can do

    @property
    def code_size(self) -> int:
        return self.config.codes

    @property
    def most_used(self) -> list[int]:
        """By how much the decoder's image changes when a code goes from −1 to 1."""
        ones = torch.eye(self.config.codes, device=next(self.parameters()).device)
        changes = (self.decode(ones) - self.decode(-ones)).flatten(1).norm(dim=1)
        return changes.argsort(descending=True, stable=True).tolist()

    def forward(self, x: Tensor) -> Tensor:
        """The codes, (N, codes): what the instruments look at."""
        return self.encoder(x)

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        return self(self._checked(x).float())

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        output = self.decoder(codes.float())
        return output.sigmoid() if self.config.error == "bernoulli" else output

    # ---- how good it is

    @torch.no_grad()
    def evaluate(self, examples: Examples) -> dict[str, float]:
        """Its error on clean images, beside the least that any linear code of as many numbers has on these images."""
        device = next(self.parameters()).device
        images = torch.cat([batch.x for batch in parts(examples, CHUNK)])
        made = torch.cat([self.decode(self.encode(some.to(device))).cpu() for some in images.split(CHUNK)])
        error = float((made - images).double().square().mean())
        return {ERROR: error, LINEAR: least_linear_error(images, self.config.codes)}

    def remarks(self, numbers: Mapping[str, float]) -> list[str]:
        """How the two numbers compare."""
        what = f"no linear code of {self.config.codes} numbers, fitted to the held-out images themselves, does better"
        return [f"the second number is that of their principal components: {what}"]


def least_linear_error(x: Tensor, codes: int) -> float:
    """The mean square error of the principal components of these very examples: what lies beyond the first `codes`."""
    flat = x.flatten(1).double()
    singular = torch.linalg.svdvals(flat - flat.mean(0))
    return float(singular[codes:].square().sum() / flat.numel())
