"""Boxes round what a map shows: the largest connected region, in the photo's own pixels."""

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.attribution import Heatmap
from phosphene.attribution.location.boxes import largest_region
from phosphene.network import Frame


def heatmap(values, photo=None, frame=None, signed=False):
    values = torch.as_tensor(values, dtype=torch.float64)
    values = values if values.ndim == 3 else values[None]
    height, width = values.shape[1:]
    photo = photo or ph.read(np.zeros((height, width, 3), np.uint8))
    frame = frame or Frame.whole(height, width)
    count = len(values)
    return Heatmap(
        method="a map", network="none", targets=tuple(f"logits:{i}" for i in range(count)), scores=torch.zeros(count),
        photos=((photo, frame),), values=values, raw=values, both_signs=signed,
    )  # fmt: skip


@pytest.mark.parametrize("density", [0.05, 0.3, 0.45, 0.6, 0.95])
def test_the_largest_region_is_that_of_another_labelling(density):
    label = pytest.importorskip("skimage.measure").label
    rng = np.random.default_rng(0)
    for _ in range(40):
        mask = rng.random((int(rng.integers(1, 30)), int(rng.integers(1, 30)))) < density
        if not mask.any():
            continue
        regions = label(mask, connectivity=2)
        sizes = np.bincount(regions.ravel())[1:]
        boxes = set()
        for number in np.flatnonzero(sizes == sizes.max()) + 1:
            rows, columns = np.nonzero(regions == number)
            boxes.add((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
        assert largest_region(mask) in boxes


def test_pixels_that_touch_at_a_corner_are_connected():
    mask = np.zeros((6, 6), bool)
    mask[0, 0] = mask[1, 1] = mask[2, 0] = mask[3, 1] = True
    mask[5, 3:6] = True
    assert largest_region(mask) == (0, 0, 2, 4)


def test_of_regions_as_large_the_uppermost_counts():
    mask = np.zeros((5, 5), bool)
    mask[4, 0:2] = mask[0, 3:5] = True
    assert largest_region(mask) == (3, 0, 5, 1)


def test_regions_that_meet_below_are_one():
    mask = np.array([[1, 0, 0, 0, 1], [1, 0, 1, 0, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], bool)
    assert largest_region(mask) == (0, 0, 5, 4)


def test_a_threshold_is_a_share_of_the_largest_number():
    values = np.zeros((10, 12))
    values[2:5, 3:9] = 1.0
    values[3, 4] = 10.0
    assert ph.boxes(heatmap(values), 0.1) == [(3, 2, 9, 5)]
    assert ph.boxes(heatmap(values), 0.2) == [(4, 3, 5, 4)]
    assert ph.boxes(heatmap(values)) == [(4, 3, 5, 4)]
    assert ph.boxes(heatmap(np.stack([values, values[:, ::-1]])), 0.1) == [
        (3, 2, 9, 5),
        (3, 2, 9, 5),
    ]


def test_negative_numbers_count_for_nothing():
    values = np.full((8, 8), -50.0)
    values[6:8, 0:2] = 1.0
    assert ph.boxes(heatmap(values, signed=True)) == [(0, 6, 2, 8)]


def test_a_flat_map_marks_all_that_the_network_sees():
    assert ph.boxes(heatmap(np.full((4, 6), 2.0))) == [(0, 0, 6, 4)]
    photo = ph.read(np.zeros((40, 80, 3), np.uint8))
    middle = Frame((40, 80), (20, 20), (20, 40), (0, 10))  # resized to 20 x 40, of which the middle is cut out
    assert ph.boxes(heatmap(np.ones((20, 20)), photo, middle)) == [(20, 0, 60, 40)]


def test_boxes_are_in_the_photos_pixels():
    photo = ph.read(np.zeros((40, 80, 3), np.uint8))
    middle = Frame((40, 80), (20, 20), (20, 40), (0, 10))
    values = np.zeros((20, 20))
    values[10:20, 0:5] = 1.0
    left, top, right, bottom = ph.boxes(heatmap(values, photo, middle), 0.5)[0]
    assert (left, top, right, bottom) == (20, 20, 30, 40)


def test_the_box_of_a_signal_is_that_of_the_map_it_is_drawn_as():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(2, 3))
    found = ph.gradient(ph.Network(module), torch.rand(1, 3, 12, 12), "logits:1")
    values = found.in_photo(0)
    assert ph.boxes(found, 0.3) == [largest_region(values >= 0.3 * values.max())]


@pytest.mark.parametrize("threshold", [0, -0.1, 1.5, float("nan")])
def test_a_threshold_outside_is_refused(threshold):
    with pytest.raises(ValueError, match=r"a share of the map's largest number, in \(0, 1\], not"):
        ph.boxes(heatmap(np.ones((3, 3))), threshold)


@pytest.mark.parametrize("values", [np.zeros((3, 3)), np.full((3, 3), -1.0), np.full((3, 3), np.nan)])
def test_a_map_in_which_nothing_speaks_for_its_target_is_refused(values):
    with pytest.raises(ValueError, match="the map of logits:0 has no number above 0"):
        ph.boxes(heatmap(values))


def test_something_else_than_an_attribution_is_refused():
    with pytest.raises(TypeError, match=r"such as ph.cam\(...\), not a ndarray"):
        ph.boxes(np.ones((3, 3)))


def test_not_a_number_is_never_inside():
    values = np.ones((4, 4))
    values[:, 0] = np.nan
    assert ph.boxes(heatmap(values)) == [(1, 0, 4, 4)]
