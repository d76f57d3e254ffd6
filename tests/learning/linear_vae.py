"""A VAE whose encoder and decoder are one linear layer each."""

from torch import nn

from phosphene.learning.systems.density.latent import Likeliness
from phosphene.learning.systems.density.vae import VAE, VAEConfig


class LinearVAE(VAE):
    def __init__(self, config):
        super().__init__(VAEConfig(config.shape, codes=2, likelihood="gaussian"))

    def build(self, shape):
        self.encoder, self.decoder = nn.Linear(shape[0], 4), nn.Linear(2, shape[0])
        self.likeliness = Likeliness("gaussian")
