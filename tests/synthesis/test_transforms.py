"""Transforms: where pixels go, and that a generator repeats them."""

import math

import pytest
import torch

from phosphene.synthesis.transforms import ROBUST, Moved, Roll, Several


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    return torch.rand(3, 3, 20, 30, generator=generator(9), dtype=torch.float64)


@pytest.mark.parametrize("transform", [Roll(5), ROBUST, Several((Roll(3), ROBUST))])
def test_the_same_generator_gives_the_same_change_and_another_another(images, transform):
    assert torch.equal(transform(images, generator(4)), transform(images, generator(4)))
    assert not torch.equal(transform(images, generator(4)), transform(images, generator(5)))
    assert transform(images, generator()).shape == images.shape


def test_rolling_loses_nothing(images):
    rolled = Roll(7)(images, generator(1))
    assert torch.equal(rolled.flatten().sort().values, images.flatten().sort().values)


def test_moved_by_nothing_is_the_image_itself(images):
    torch.testing.assert_close(Moved(0, 0, 0)(images, generator()), images)


def test_a_shift_moves_every_image_its_own_way_and_lets_grey_in():
    ones = torch.ones(2, 3, 40, 40, dtype=torch.float64)
    moved = Moved(0.25, 0, 0)(ones, generator(3))
    assert not torch.equal(moved[0], moved[1])
    for image in moved:
        grey = (image[0] - 0.5).abs() < 1e-9
        assert 0 < grey.float().mean() < 0.45  # at most a quarter of each side
        assert (image[0][~grey] > 0.5).all()


@pytest.mark.parametrize("size", [(60, 60), (40, 80)])
def test_turning_keeps_distances_also_where_the_image_is_not_square(size):
    """A disc stays a disc: a turn that forgot the aspect would make it an ellipse."""
    y, x = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2 for side in size)
    disc = 0.5 + 0.5 * torch.sigmoid(2 * (14 - torch.hypot(y[:, None], x[None, :])))
    turned = Moved(0, 0, 90)(disc.expand(4, 3, *size), generator(2))
    torch.testing.assert_close(turned, disc.expand(4, 3, *size), atol=0.06, rtol=0)


def test_scales_and_angles_stay_within_what_was_asked():
    """Measured on a bright dot away from the middle: its radius and its angle."""
    height, width, radius = 101, 141, 30
    dot = torch.zeros(1, 3, height, width, dtype=torch.float64) + 0.5
    y, x = torch.arange(height)[:, None] - 50.0, torch.arange(width)[None, :] - 70.0 - radius
    dot += torch.exp(-(y**2 + x**2) / 8)
    moved = Moved(0, 0.1, 10)(dot.expand(64, -1, -1, -1), generator(1))[:, 0] - 0.5
    mass = moved.sum((1, 2))
    row = (moved.sum(2) * (torch.arange(height) - 50.0)).sum(1) / mass
    column = (moved.sum(1) * (torch.arange(width) - 70.0)).sum(1) / mass
    radii, angles = torch.hypot(row, column) / radius, torch.atan2(row, column) * 180 / math.pi
    assert 0.89 < radii.min() < 0.93
    assert 1.07 < radii.max() < 1.11
    assert 7 < angles.max() < 10.2
    assert -10.2 < angles.min() < -7
