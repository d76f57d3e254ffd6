"""Deep convolutional GAN (Radford, Metz & Chintala 2015): the same game with convolutions alone.

Their rules: strides in place of pooling, batch normalisation in both networks but for the generator's output and the
critic's input, no fully connected layer, ReLU in the generator and leaky ReLU in the critic, Adam at 2e-4 with beta_1 =
0.5, weights from N(0, 0.02^2). Images stay in [0, 1] here, so a sigmoid ends the generator where theirs ends in
tanh.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from ...reference import Reference
from .gan import GAN, GANConfig

ASKED = "asked of samples of DCGAN at 28 pixels; nobody has published it"
CONFIDENT, ENTROPY, FRECHET = "confident samples (%)", "class entropy (nats)", "Fréchet distance / its floor"
GATES = tuple(
    Reference(number, data, bound, ASKED, at_most)
    for data in ("mnist", "fashion-mnist")
    for number, bound, at_most in ((CONFIDENT, 90, False), (ENTROPY, 2.2, False), (FRECHET, 10, True))
)


@dataclass(frozen=True)
class DCGANConfig(GANConfig):
    """`codes` numbers of noise; `hidden` channels next to the image, twice as many at each halving."""

    codes: int = 64
    hidden: int = 32


class DCGAN(GAN):
    """Generator and critic of convolutions, for images of 16 to 64 pixels."""

    name, title, settings = "dcgan", "Convolutional adversarial pair", DCGANConfig
    references = GATES
    recipe = replace(GAN.recipe, steps=5000, batch=64)

    def build(self, shape: tuple[int, ...]) -> None:
        self.generator = generator(shape, self.config.codes, self.config.hidden)
        self.critic = critic(shape, shape[0], self.config.hidden)
        self.apply(_first_weights)


def generator(shape: tuple[int, ...], inputs: int, width: int) -> nn.Sequential:
    """Noise (N, inputs) to images (N, C, H, W) in [0, 1]."""
    channels, (height, width_px), halvings = shape[0], _small(shape), _halvings(shape)
    at = width * 2 ** (halvings - 1)
    layers: list[nn.Module] = [nn.Unflatten(1, (inputs, 1, 1)),
                               nn.ConvTranspose2d(inputs, at, (height, width_px), bias=False),
                               nn.BatchNorm2d(at), nn.ReLU()]  # fmt: skip
    for _ in range(halvings - 1):
        layers += [nn.ConvTranspose2d(at, at // 2, 4, 2, 1, bias=False), nn.BatchNorm2d(at // 2), nn.ReLU()]
        at //= 2
    return nn.Sequential(*layers, nn.ConvTranspose2d(at, channels, 4, 2, 1), nn.Sigmoid())


def critic(shape: tuple[int, ...], inputs: int, width: int) -> nn.Sequential:
    """Images (N, inputs, H, W) to logits (N, 1)."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    at = width
    for _ in range(_halvings(shape) - 1):
        layers += [nn.Conv2d(at, 2 * at, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * at), nn.LeakyReLU(0.2)]
        at *= 2
    return nn.Sequential(*layers, nn.Conv2d(at, 1, _small(shape)), nn.Flatten())


def _halvings(shape: tuple[int, ...]) -> int:
    """How often the image is halved until its shorter side is 4 to 8. ValueError for images that can't be."""
    if len(shape) == 3 and shape[0] in (1, 3):
        side, count = min(shape[1:]), 0
        while side > 8 and all(each % 2 ** (count + 1) == 0 for each in shape[1:]):
            side, count = side // 2, count + 1
        if count and 4 <= side <= 8:
            return count
    raise ValueError(
        f"dcgan takes images (1 or 3, H, W) that halve down to 4 to 8 pixels, such as 28, 32 or 64, not {shape}"
    )


def _small(shape: tuple[int, ...]) -> tuple[int, int]:
    """The size of the smallest maps."""
    by = 2 ** _halvings(shape)
    return shape[1] // by, shape[2] // by


def _first_weights(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
