"""Kinds of images: what they start from, that they stay in [0, 1], and the Fourier image against its sums."""

import math

import pytest
import torch

from phosphene.synthesis.engine.images.image import COLOURS, Fourier, Pixels, Squashed, noise


def test_pixels_start_as_given_and_are_brought_back_into_range():
    start = noise(2, (4, 6), generator=torch.Generator().manual_seed(0))
    image = Pixels(start)
    assert torch.equal(image(), start)
    with torch.no_grad():
        image.pixels += 3
    image.project()
    assert image().min() == image().max() == 1


def test_squashed_pixels_are_the_given_ones_and_can_not_leave_the_range():
    start = torch.rand(1, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    image = Squashed(start)
    torch.testing.assert_close(image(), start.clamp(1e-3, 1 - 1e-3))
    with torch.no_grad():
        image.values *= 100
    assert 0 <= image().min() < 0.01 < 0.99 < image().max() <= 1


@pytest.mark.parametrize("size", [(6, 8), (7, 5)])
def test_a_fourier_image_is_the_sum_of_its_waves(size):
    image = Fourier(2, size, deviation=1.0, generator=torch.Generator().manual_seed(0)).double()
    rows, columns = size
    weights = torch.view_as_complex(image.spectrum.detach())
    expected = torch.zeros(2, 3, *size, dtype=torch.float64)
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    for v in range(rows):
        for u in range(columns // 2 + 1):
            fy, fx = (v if v <= rows // 2 else v - rows) / rows, u / columns
            if 2 * v == rows:
                fy = -0.5
            scale = 1 / max(math.hypot(fy, fx), 1 / max(size)) / 4
            wave = torch.exp(2j * torch.pi * (v * y / rows + u * x / columns))
            twice = 1 if u == 0 or 2 * u == columns else 2  # a real image's spectrum is symmetric; half of it is kept
            expected += twice * scale * (weights[:, :, v, u, None, None] * wave).real
    expected = expected / math.sqrt(rows * columns)
    colours = torch.tensor(COLOURS, dtype=torch.float64)
    mixed = torch.stack([sum(colours[r, c] * expected[:, c] for c in range(3)) for r in range(3)], 1)
    torch.testing.assert_close(image(), mixed.sigmoid(), rtol=1e-5, atol=1e-7)


def test_low_frequencies_weigh_more_and_a_start_is_grey_with_a_little_noise():
    image = Fourier(1, (32, 32), generator=torch.Generator().manual_seed(0))
    assert image.scale[0, 1] / image.scale[0, 16] == pytest.approx(16)
    start = image().detach()
    assert 0 < start.std() < 0.1
    assert start.mean().item() == pytest.approx(0.5, abs=0.05)


def test_directions_of_colour_are_orthogonal_and_in_falling_order():
    colours = torch.tensor(COLOURS, dtype=torch.float64)
    lengths = colours.norm(dim=0)
    assert lengths[0] == pytest.approx(1, abs=1e-3)
    assert lengths[0] > lengths[1] > lengths[2] > 0
    angles = (colours / lengths).T @ (colours / lengths)
    torch.testing.assert_close(angles, torch.eye(3, dtype=torch.float64), atol=2e-3, rtol=0)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_a_spectrum_of_images_stands_for_them_in_their_own_precision(kind):
    images = torch.rand(2, 3, 9, 14, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(kind)
    found = Fourier.of(images, decay=1.65)
    assert found().dtype == kind
    expected = images.clamp(1e-3, 1 - 1e-3)
    torch.testing.assert_close(found(), expected, atol=1e-5 if kind == torch.float32 else 1e-9, rtol=0)
