"""MACO's images: the magnitude is held whatever the phases, and is that of photos."""

import math

import numpy as np
import pytest
import torch

import phosphene as ph
from phosphene.synthesis.engine.images.image import COLOURS
from phosphene.synthesis.engine.images.magnitude import PROFILES, Magnitude, natural_magnitude


def image(size, count=2, seed=0):
    return Magnitude(count, size, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("size", [(16, 20), (15, 21), (16, 21), (9, 8)])
def test_the_spectrum_has_the_natural_magnitude_whatever_the_phases(size):
    made = image(size)
    with torch.no_grad():
        made.phases.mul_(7).add_(1)  # any phases
    found = torch.fft.rfft2(made.values(), norm="ortho").abs()
    torch.testing.assert_close(found, made.magnitude.expand_as(found), atol=1e-12, rtol=1e-12)


def test_the_image_equals_the_sum_of_waves_written_out():
    height, width = 6, 5
    made = image((height, width), count=1, seed=3)
    spectrum = torch.fft.fft2(made.values(), norm="ortho")[0].detach().numpy()
    rows, columns = np.mgrid[:height, :width]
    values = np.zeros((3, height, width))
    for k in range(height):
        for m in range(width):
            wave = np.exp(2j * math.pi * (k * rows / height + m * columns / width)) / math.sqrt(height * width)
            values += (spectrum[:, k, m, None, None] * wave).real
    mixed = np.einsum("rc,chw->rhw", np.array(COLOURS), values)
    expected = 1 / (1 + np.exp(-4 * mixed))
    np.testing.assert_allclose(made().detach().numpy()[0], expected, atol=1e-7)  # the colours are float32


def test_the_magnitude_follows_the_measured_parabola_and_its_deviation():
    size = (64, 64)
    magnitude = natural_magnitude(size).double()
    for colour, (bend, slope, deviation) in enumerate(PROFILES):
        near, far = magnitude[colour, 0, 4], magnitude[colour, 0, 16]
        a, b = math.log(4 / 64), math.log(16 / 64)
        assert math.isclose(math.log(far / near), bend * (b * b - a * a) + slope * (b - a), rel_tol=1e-5)
        made = image(size, count=1).values()[0, colour].detach()
        assert math.isclose(float(made.std(correction=0)), deviation, rel_tol=1e-5)
        assert abs(float(made.mean())) < 1e-9


def test_a_photos_spectrum_lies_near_the_magnitude():
    pixels = ph.read("src/phosphene/photos/cat.jpg").pixels[:, :, :3]
    side = 256
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    photo = torch.from_numpy(pixels[top : top + side, left : left + side].copy()).permute(2, 0, 1).double() / 255
    colours = torch.linalg.inv(torch.tensor(COLOURS).double())
    values = torch.einsum("cr,rhw->chw", colours, photo - photo.mean((1, 2), keepdim=True))
    found = torch.fft.rfft2(values, norm="ortho").abs()[0]
    expected = natural_magnitude((side, side))[0]
    frequency = (torch.fft.fftfreq(side)[:, None] ** 2 + torch.fft.rfftfreq(side) ** 2).sqrt()
    bands = [(frequency > low) & (frequency <= 2 * low) for low in (1 / 64, 1 / 32, 1 / 16, 1 / 8)]
    ratios = [float(found[band].mean() / expected[band].mean()) for band in bands]
    assert all(0.3 < ratio < 3 for ratio in ratios), ratios
    white = [float(expected[band].mean() / expected[bands[0]].mean()) for band in bands]
    assert white[-1] < 0.15  # where noise would have 1


def test_phases_can_be_optimised():
    made = image((12, 12), count=1)
    optimiser = torch.optim.Adam(made.parameters(), lr=0.1)
    losses = []
    for _ in range(30):
        loss = -made()[0, :, 6, 6].sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.5
