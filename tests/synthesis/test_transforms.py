"""Transforms: where pixels go, and that a generator repeats them."""

import math

import pytest
import torch

from phosphene.synthesis.engine.transforms import PIECES, ROBUST, Cropped, Moved, Noised, Roll, Several


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    return torch.rand(3, 3, 20, 30, generator=generator(9), dtype=torch.float64)


@pytest.mark.parametrize("transform", [Roll(5), ROBUST, Several((Roll(3), ROBUST)), Cropped(), Noised(), PIECES])
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


def ramps(height, width):
    """An image whose red is the column and whose green is the row, both of 1 a pixel from the middle."""
    y, x = torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2
    plane = torch.zeros(height, width, dtype=torch.float64)
    return torch.stack([plane + x, plane + y[:, None], plane])[None]


def slopes(found):
    """How much red and green change from a column to the next, and from a row to the next, in the middle."""
    inner = found[:, :2, 45:55, 65:75]
    return inner.diff(dim=3).mean((2, 3)), inner.diff(dim=2).mean((2, 3))


def test_pieces_are_of_the_sizes_and_angles_asked_and_lie_within_the_image():
    """Measured on ramps: a piece of a share s of the side, turned by t, has slopes s cos t and s sin t."""
    found = Cropped(0.5, 0.95, 10)(ramps(100, 140).expand(400, -1, -1, -1), generator(1))
    across, down = slopes(found)
    size, angle = torch.hypot(across[:, 0], across[:, 1]), torch.atan2(across[:, 1], across[:, 0]) * 180 / math.pi
    assert 0.499 < size.min() < 0.51
    assert 0.94 < size.max() < 0.951
    assert -10.001 < angle.min() < -9.8
    assert 9.8 < angle.max() < 10.001
    torch.testing.assert_close(down[:, 1], across[:, 0])  # the same in both directions: nothing is sheared
    torch.testing.assert_close(down[:, 0], -across[:, 1])
    middle = found[:, :2, 49:51, 69:71].mean((2, 3))  # where each piece lies
    room = (1 - size[:, None]) / 2 * torch.tensor([140.0, 100.0])
    assert (middle.abs() <= room + 0.6).all()
    assert (middle.abs() / room).max() > 0.9


def test_a_piece_larger_than_the_image_has_all_of_it_and_the_rest_is_mirrored():
    """Twice the side: along a row the ramp climbs by 2 a pixel over half the piece, and falls by 2 elsewhere."""
    for seed in range(5):
        found = Cropped(2, 2, 0)(ramps(60, 60), generator(seed))[0]
        for steps in (found[0, 30].diff(), found[1, :, 30].diff()):
            rising, falling = (steps - 2).abs() < 1e-6, (steps + 2).abs() < 1e-6
            assert 28 <= int(rising.sum()) <= 30
            assert int((rising | falling).sum()) >= 55  # all but two at each of two turns
            where = rising.nonzero()[:, 0]
            assert int(where[-1] - where[0]) + 1 == len(where)  # the image stands once, in one piece
        assert 28 <= float(found[0].max()) <= 29.5


def test_noise_has_the_deviation_asked_and_is_of_each_pixel_by_itself(images):
    grey = torch.full((4, 3, 64, 64), 0.5, dtype=torch.float64)
    noise = Noised(0.05)(grey, generator(4)) - grey
    assert noise.std().item() == pytest.approx(0.05, rel=0.02)
    assert noise.mean().abs().item() < 0.001
    assert (noise[..., 1:] * noise[..., :-1]).mean().abs().item() < 0.05 * 0.05**2
    assert Noised(0.05)(images, generator()).dtype == images.dtype
    assert torch.equal(Noised(0.0)(images, generator()), images)


def test_the_usual_pieces_are_cropped_first_and_then_noised(images):
    draws = generator(6)
    by_hand = Noised(0.05)(Cropped(0.5, 1.2, 10)(images, draws), draws)
    assert torch.equal(PIECES(images, generator(6)), by_hand)
