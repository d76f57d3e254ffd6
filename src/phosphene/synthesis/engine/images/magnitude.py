"""Images whose spectrum has the magnitude of natural photos, held fixed; only the phases are optimised (MACO).

    image = sigmoid(4 * inverse Fourier transform of r * exp(i phase)),  r as in photos, phase free

What makes images of units unnatural is most of all too much energy in high frequencies. Holding every frequency's
magnitude where photos have it leaves no way to cheat, and no weight to choose (T. Fel et al., Unlocking feature
visualization for deeper networks with magnitude constrained optimization, NeurIPS 2023).

Fel et al. take the mean spectrum of ImageNet's photos. We hold three parabolas instead, fitted to the mean spectrum of
700 photos: log r against log f in each decorrelated colour, off by 28 % at most and by 3 to 11 % in the median. They
serve every image size. Their accumulated transparency is left out.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .image import COLOURS, Image, coloured

# For each decorrelated colour: the parabola's factors of (log f)² and log f, with f in cycles a pixel, and the standard
# deviation of pixels with such a spectrum. Measured on photos of 256 px, one of each of 700 classes of ImageNet; above
# 0.25 the colours (not the brightness) are fainter than they were, as JPEG halves their resolution.
PROFILES = ((-0.0194, -1.388, 0.321), (-0.1532, -2.507, 0.244), (-0.1298, -2.247, 0.226))


def natural_magnitude(size: tuple[int, int]) -> Tensor:
    """The magnitudes (3, height, width // 2 + 1) of an orthonormal real Fourier transform, in decorrelated colours.

    The mean colour's is zero, so that images are grey on average.
    """
    height, width = size
    rows, columns = torch.fft.fftfreq(height)[:, None].double(), torch.fft.rfftfreq(width).double()
    frequency = (rows**2 + columns**2).sqrt()
    log = frequency.clamp(min=1 / max(height, width)).log()
    whole = torch.full((width // 2 + 1,), 2.0, dtype=torch.float64)  # how often a coefficient stands in the whole one
    whole[0] = 1
    if width % 2 == 0:
        whole[-1] = 1
    magnitudes = []
    for bend, slope, deviation in PROFILES:
        shape = (bend * log**2 + slope * log).exp() * (frequency > 0)
        energy = (shape.square() * whole).sum() / (height * width)
        magnitudes.append(shape * deviation / energy.sqrt().clamp(min=1e-12))
    return torch.stack(magnitudes).float()


class Magnitude(Image):
    """The sigmoid of a spectrum of fixed magnitude in decorrelated colours; its phases start even in ± π."""

    magnitude: Tensor
    colours: Tensor

    def __init__(self, count: int, size: tuple[int, int], *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.size = size
        magnitude = natural_magnitude(size)
        start = math.pi * (2 * torch.rand(count, *magnitude.shape, generator=generator) - 1)
        self.phases = nn.Parameter(start)
        self.register_buffer("magnitude", magnitude)
        self.register_buffer("colours", torch.tensor(COLOURS))

    def values(self) -> Tensor:
        """What the sigmoid is taken of, a fourth of it, in decorrelated colours (N, 3, H, W)."""
        spectrum = torch.polar(self.magnitude.expand_as(self.phases), _odd(self.phases, self.size[1]))
        return torch.fft.irfft2(spectrum, s=self.size, norm="ortho")

    def forward(self) -> Tensor:
        return (4 * coloured(self.values(), self.colours)).sigmoid()  # its slope at 0 is 1 / 4


def _odd(phases: Tensor, width: int) -> Tensor:
    """The phases, in the columns that are their own mirror images made odd: only then is the image real as it is."""
    first = _odd_column(phases[..., :1])
    if width % 2:
        return torch.cat([first, phases[..., 1:]], -1)
    return torch.cat([first, phases[..., 1:-1], _odd_column(phases[..., -1:])], -1)


def _odd_column(phases: Tensor) -> Tensor:
    """(phase(k) - phase(-k)) / √2 for the rows k of a column (…, rows, 1): as widely spread as the phases."""
    return (phases - phases.flip(-2).roll(1, -2)) / math.sqrt(2)
