"""Images as modules: what an optimiser changes, and the image (N, 3, H, W) in [0, 1] that it stands for.

Optimising pixels and optimising a spectrum reach different pictures of the same unit: a gradient step in pixels is as
strong at every frequency, while natural images have far more energy in low ones and strongly correlated colours. The
Fourier image starts from there (C. Olah, A. Mordvintsev and L. Schubert, Feature visualization, 2017).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Square root of the covariance of colours over the pixels of ImageNet photos, each column a direction of colour, in
# falling order of variance (bright and dark, yellow and blue, green and red), over the largest of their lengths.
# Measured on 700 photos, one of each of 700 classes; Olah et al. measured the like on the training set.
COLOURS = (
    (0.5629, 0.2189, 0.0561),
    (0.5821, -0.0036, -0.1163),
    (0.5867, -0.2064, 0.0615),
)


class Image(nn.Module):
    """What an optimiser changes; `forward` gives the images (N, 3, H, W) in [0, 1] that it stands for."""

    def forward(self) -> Tensor:
        raise NotImplementedError

    def project(self) -> None:
        """Brings back into [0, 1] what a step has driven out, where the kind of image allows it to get there."""


class Pixels(Image):
    """The pixels themselves, brought back into [0, 1] after every step."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.pixels = nn.Parameter(start.detach().clone())

    def forward(self) -> Tensor:
        return self.pixels

    def project(self) -> None:
        with torch.no_grad():
            self.pixels.clamp_(0, 1)


class Squashed(Image):
    """Pixels as the sigmoid of what is optimised: smooth everywhere, as line searches want it (L-BFGS)."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.logit(start.detach().clamp(1e-3, 1 - 1e-3)))

    def forward(self) -> Tensor:
        return self.values.sigmoid()


class Fourier(Image):
    """The sigmoid of a spectrum in decorrelated colours; frequency f weighs 1 / f, as in natural images.

    It starts as noise of standard deviation `deviation` in the spectrum (0.01 as published). `decay` is the power of f.
    """

    scale: Tensor
    colours: Tensor

    def __init__(
        self, count: int, size: tuple[int, int], *, deviation: float = 0.01, decay: float = 1.0,
        decorrelated: bool = True, generator: torch.Generator | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        height, width = size
        rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
        frequency = (rows**2 + columns**2).sqrt().clamp(min=1 / max(height, width))
        start = deviation * torch.randn(count, 3, *frequency.shape, 2, generator=generator)
        self.size = size
        self.spectrum = nn.Parameter(start)
        self.register_buffer("scale", frequency**-decay / 4)
        self.register_buffer("colours", torch.tensor(COLOURS) if decorrelated else torch.eye(3))

    @classmethod
    def of(cls, images: Tensor, *, decay: float = 1.0, decorrelated: bool = True) -> Fourier:
        """The spectrum of images (N, 3, H, W) in [0, 1], to start there; black and white come in by 0.001."""
        size = (int(images.shape[-2]), int(images.shape[-1]))
        image = cls(len(images), size, decay=decay, decorrelated=decorrelated).double()
        values = torch.logit(images.detach().cpu().double().clamp(1e-3, 1 - 1e-3))
        spectrum = torch.fft.rfft2(coloured(values, torch.linalg.inv(image.colours)), norm="ortho") / image.scale
        image.spectrum = nn.Parameter(torch.view_as_real(spectrum).contiguous())
        return image.to(images)

    def forward(self) -> Tensor:
        spectrum = torch.view_as_complex(self.spectrum) * self.scale
        values = torch.fft.irfft2(spectrum, s=self.size, norm="ortho")
        return coloured(values, self.colours).sigmoid()


def coloured(values: Tensor, colours: Tensor) -> Tensor:
    """(N, 3, H, W) in decorrelated colours as RGB; `colours` (3, 3) has a column for each of them."""
    return torch.einsum("rc,nchw->nrhw", colours, values)


def noise(
    count: int, size: tuple[int, int], *, mean: float = 0.5, deviation: float = 0.05,
    generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """Grey images (count, 3, H, W) with a little noise, in [0, 1]: the usual start of an image of pixels."""
    return (mean + deviation * torch.randn(count, 3, *size, generator=generator)).clamp(0, 1)
