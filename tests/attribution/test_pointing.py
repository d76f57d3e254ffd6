"""The pointing game by hand."""

import math

import pytest
import torch

from phosphene.attribution.trials.pointing import pointing
from phosphene.network import Frame


def peak(*places, size=(20, 20)):
    values = torch.zeros(size)
    for row, column in places:
        values[row, column] = 1
    return values


WHOLE = Frame.whole(20, 20)


@pytest.mark.parametrize(
    ("place", "tolerance", "hit"),
    [
        ((5, 5), 0.0, 1.0),  # inside
        ((5, 10), 0.0, 0.0),  # centre at x = 10.5, the box ends at 10
        ((5, 10), 0.5, 1.0),
        ((10, 10), 0.5, 0.0),  # 0.5 px off in both directions: the distance to the corner is 0.71
        ((10, 10), 0.71, 1.0),
    ],
)
def test_a_hit_is_inside_a_box_or_near_enough(place, tolerance, hit):
    assert pointing(peak(place), WHOLE, [(2, 2, 10, 10)], tolerance) == hit


def test_the_papers_tolerance_is_fifteen_pixels_of_the_photo():
    frame = Frame((40, 40), (20, 20), (20, 20))  # a photo twice as large: the input's pixel 5 lies at 11
    assert pointing(peak((5, 5)), frame, [(25, 0, 40, 40)]) == 1.0  # 14 px off
    assert pointing(peak((5, 5)), frame, [(27, 0, 40, 40)]) == 0.0  # 16 px off


def test_a_crop_moves_the_maximum():
    frame = Frame((40, 40), (20, 20), (40, 40), corner=(10, 10))
    assert pointing(peak((0, 0)), frame, [(10, 10, 11, 11)], 0.0) == 1.0
    assert pointing(peak((0, 0)), frame, [(0, 0, 10, 10)], 0.0) == 0.0


def test_several_boxes_and_ties():
    boxes = [(0, 0, 4, 4), (16, 16, 20, 20)]
    assert pointing(peak((18, 18)), WHOLE, boxes, 0.0) == 1.0
    assert pointing(peak((1, 1), (10, 10)), WHOLE, boxes, 0.0) == 0.5
    assert pointing(torch.zeros(20, 20), WHOLE, boxes, 0.0) == pytest.approx(32 / 400)  # what chance hits


def test_unknown_pixels_are_never_the_strongest():
    values = peak((1, 1))
    values[10, 10] = float("nan")
    assert pointing(values, WHOLE, [(0, 0, 4, 4)], 0.0) == 1.0
    assert math.isnan(pointing(values * float("nan"), WHOLE, [(0, 0, 4, 4)]))
    assert math.isnan(pointing(values, WHOLE, []))


def test_a_wrong_box_gets_a_sentence():
    with pytest.raises(ValueError, match="a box is"):
        pointing(peak((1, 1)), WHOLE, [(4, 4, 0, 0)])
