"""Denoising autoencoder (Vincent, Larochelle, Bengio & Manzagol 2008; with others 2010): clean images from noisy ones.

The encoder is given a changed image, and the error is measured against the unchanged one:

    masking     each value is set to 0 with probability `amount`
    gaussian    N(0, amount^2) is added to each value

So that the identity is no solution, however many codes there are; the code has to know which values go together.
Noise is drawn anew for each batch, from the seed and the step. Evaluation gives it clean images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ...sets.examples import Batch
from .autoencoder import Autoencoder, AutoencoderConfig


@dataclass(frozen=True)
class DenoisingConfig(AutoencoderConfig):
    """Those of the autoencoder; `noise` is 'masking' or 'gaussian', `amount` its probability or deviation."""

    codes: int = 200
    noise: Literal["masking", "gaussian"] = "masking"
    amount: float = 0.4


class DenoisingAutoencoder(Autoencoder):
    """Denoising autoencoder."""

    name, title, settings = "denoising-autoencoder", "Denoising autoencoder", DenoisingConfig
    config: DenoisingConfig

    def build(self, shape: tuple[int, ...]) -> None:
        config = self.config
        if config.noise not in ("masking", "gaussian"):
            raise ValueError(f"noise is 'masking' or 'gaussian', not {config.noise!r}")
        if config.amount < 0 or (config.noise == "masking" and config.amount >= 1):
            raise ValueError(f"amount is at least 0, and below 1 for masking, not {config.amount:g}")
        super().build(shape)

    def steps(self, batch: Batch) -> Iterator[tuple[str, Tensor]]:
        yield "network", self._loss(batch.x, self.decoder(self.encoder(self.altered(batch.x))))

    def altered(self, x: Tensor) -> Tensor:
        """The images with noise, as the encoder is given them while it learns."""
        if self.config.noise == "gaussian":
            return x + self.config.amount * torch.randn_like(x)
        return x * (torch.rand_like(x) >= self.config.amount)
