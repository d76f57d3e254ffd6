"""Whole levels: what each change would cost is what it costs, and a cold sweep only comes closer."""

import numpy as np
import pytest
import torch

from phosphene.network.hog import HOG, Settings
from phosphene.synthesis.hog.levels import Levels, likest_scale, summed, weights

SETTINGS = [Settings(), Settings(4, 2, 1), Settings(6, 1, 2), Settings(9, 5, 3), Settings(8, 16, 1)]


def two(height: int = 37, width: int = 34, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    image, goal = generator.integers(0, 256, (2, height, width), dtype=np.uint8)
    image[:9] = 0
    goal[5:20, 5:30] = 200
    return image, goal


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_sums_are_the_descriptors_cells(settings):
    for image in two():
        hog = HOG(settings, white=255.0)
        pixels = torch.from_numpy(image.astype(np.float64)).expand(1, 3, -1, -1)
        cells = hog.cells(hog.gradients(pixels))[0].movedim(0, -1).numpy() * settings.cell**2
        np.testing.assert_allclose(summed(image, settings), cells, atol=1e-6)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_error_that_is_kept_is_the_error_of_the_image(settings):
    image, goal = two()
    levels = Levels(image, goal, settings)
    for temperature in (1.0, 1e-2, 0.0):
        assert levels.sweep(temperature) > 0
        left = summed(levels.image, settings) - summed(goal, settings)
        np.testing.assert_allclose(levels.left[:-1].reshape(left.shape), left, atol=1e-6)
        slow = (weights(summed(goal, settings), settings) * np.square(left).sum(2).ravel()).sum()
        assert levels.error == pytest.approx(slow)


def test_a_cold_sweep_never_goes_further_away():
    levels = Levels(*two(), Settings(cell=5))
    errors = [levels.error]
    for _ in range(8):
        levels.sweep(0.0)
        errors.append(levels.error)
    assert (np.diff(errors) <= 1e-9).all()
    assert errors[-1] < 0.2 * errors[0]


def test_weights_are_of_the_blocks_that_a_cell_is_in():
    cells = np.random.default_rng(0).random((4, 5, 3))
    slow = np.zeros((4, 5))
    for row in range(3):
        for column in range(4):
            slow[row : row + 2, column : column + 2] += 1 / (
                1 + np.square(cells[row : row + 2, column : column + 2]).sum()
            )
    np.testing.assert_allclose(weights(cells, Settings(orientations=3)), slow.ravel())


def test_an_image_of_half_the_contrast_has_half_the_votes():
    goal = 2 * np.random.default_rng(1).integers(0, 100, (32, 32)).astype(np.uint8)
    assert likest_scale(goal // 2, goal, Settings()) == pytest.approx(0.5)
    assert likest_scale(np.full_like(goal, 7), goal, Settings()) == 1


def test_what_has_the_goals_votes_stays_there():
    _, goal = two()
    levels = Levels(255 - goal, goal, Settings())
    assert levels.error == pytest.approx(0, abs=1e-18)
    assert levels.sweep(0.0) == 0


def test_a_seed_below_zero_is_a_seed():
    image, goal = two()
    below, same, other = (Levels(image, goal, Settings(), seed) for seed in (-1, 2**64 - 1, 1))
    for levels in (below, same, other):
        levels.sweep(1e-2)
    assert np.array_equal(below.image, same.image)
    assert not np.array_equal(below.image, other.image)
