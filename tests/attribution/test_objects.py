"""Objects out of saliency: seeds by quantile, a cut that repeats, masks in the photo's pixels."""

import builtins

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.attribution.location.grabcut import cut, largest, seeded, smoothed
from phosphene.attribution.location.objects import LONGEST
from phosphene.attribution.location.objects_picture import widened

cv2 = pytest.importorskip("cv2")


class Redness(nn.Module):
    """Class 1 is the more likely the redder the photo's pixels are, class 0 the bluer."""

    def forward(self, x):
        red = x[:, 0] - x[:, 2]
        return (torch.relu(torch.stack([-red, red], 1)) ** 2).mean((2, 3))


def scene(height: int, width: int, seed: int = 0) -> tuple[ph.Photo, np.ndarray]:
    """A reddish disc with noise on a bluish ground with noise, and where the disc is."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    disc = (rows - 0.45 * height) ** 2 + (columns - 0.5 * width) ** 2 < (0.27 * min(height, width)) ** 2
    colours = np.where(disc[..., None], (190, 70, 60), (60, 80, 150)) + generator.normal(0, 18, (height, width, 3))
    return ph.read(colours.clip(0, 255).astype(np.uint8)), disc


@pytest.fixture(scope="module")
def network():
    return ph.Network(Redness(), ph.Preprocessing.plain(64))


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("size", [(96, 96), (90, 150), (400, 1500)])
def test_a_disc_is_cut_out_along_its_edge(network, size, unchanged):
    """Also where the network sees only the middle of the photo, and where the photo is cut out at a smaller size."""
    photo, disc = scene(*size)
    with unchanged(network.module):
        found = ph.objects(network, photo, "logits:1")
    (mask,) = found.masks
    assert mask.shape == disc.shape
    assert mask.dtype == bool
    assert iou(mask, disc) > 0.9
    assert max(found.inside[0].shape) <= LONGEST
    box = found.to_dict()["objects"][0]["box"]
    rows, columns = np.nonzero(disc)
    expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert box == pytest.approx(expected, abs=0.02 * max(size))


def test_seeds_teach_colours_and_keep_their_side():
    """Dark left, bright right, and once a bright spot that is a seed of the dark side."""
    generator = np.random.default_rng(3)
    right = np.arange(30) >= 14
    pixels = (np.where(right, 180, 60)[None, :, None] + generator.normal(0, 8, (16, 30, 3))).clip(0, 255)
    pixels = pixels.astype(np.uint8)
    inside, outside = np.zeros((2, 16, 30), bool)
    inside[4:12, 20:26] = True
    outside[:, :8] = True
    expected = np.tile(right, (16, 1))
    assert np.array_equal(cut(pixels, inside, outside, 1, 0), expected)
    wrong = outside.copy()
    wrong[2:4, 22:25] = True
    kept = cut(pixels, inside, wrong, 1, 0)
    assert not kept[wrong].any()
    assert kept[inside].all()


def test_the_same_call_gives_the_same_mask_whatever_ran_before(network):
    photo, _ = scene(120, 140, seed=4)
    first = ph.objects(network, photo, "logits:1", iterations=3)
    cv2.setRNGSeed(99)
    cv2.randu(np.zeros(7), 0, 1)
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        again = ph.objects(network, photo, "logits:1", iterations=3)
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(first.masks[0], again.masks[0])


def test_each_target_and_each_photo_has_its_mask(network):
    photos = [scene(80, 96, seed)[0] for seed in (1, 2)]
    found = ph.objects(network, photos, "logits:1")
    assert [mask.shape for mask in found.masks] == [(80, 96)] * 2
    both = ph.objects(network, photos[0], ["logits:0", "logits:1"], method="gradient")
    assert len(both.masks) == 2
    assert iou(both.masks[0], both.masks[1]) < 0.1  # the ground and the disc
    one = ph.objects(network, network.inputs(photos[0]), "logits:1")
    assert one.masks[0].shape == (64, 64)


def test_any_method_gives_the_seeds(network):
    photo, disc = scene(96, 96)
    for method in ("gradient", "occlusion:window=8,stride=4"):
        found = ph.objects(network, photo, "logits:1", method=method)
        assert iou(found.masks[0], disc) > 0.8, method
    with pytest.raises(LookupError, match="there is no method 'magic'"):
        ph.objects(network, photo, "logits:1", method="magic")


def test_seeds_are_quantiles_of_what_is_known():
    values = np.arange(400.0).reshape(20, 20)
    values[:, 0] = np.nan
    inside, outside = seeded(values, 0.9, 0.25)
    known = np.sort(values[np.isfinite(values)])
    assert inside.sum() == (known >= known[round(0.9 * 379)]).sum()
    assert outside.sum() == (known <= known[round(0.25 * 379)]).sum()
    assert not (inside & outside).any()
    assert not inside[:, 0].any()
    assert not outside[:, 0].any()
    half = np.zeros((20, 20))  # as a map behind a ReLU: most of it is 0
    half[5:8, 5:9] = 1 + np.arange(12).reshape(3, 4)
    inside, outside = seeded(half, 0.95, 0.3)
    assert inside.sum() == 12
    assert outside.sum() == 388
    with pytest.raises(ValueError, match="the map gives 0 pixels to begin an object at"):
        seeded(np.ones((20, 20)), 0.95, 0.3)
    with pytest.raises(ValueError, match="no finite number"):
        seeded(np.full((20, 20), np.nan), 0.95, 0.3)


def test_smoothing_is_the_mean_of_what_is_known():
    values = np.full((20, 30), np.nan)
    values[5:15, 4:26] = 3.0
    assert np.allclose(smoothed(values, 2.0)[5:15, 4:26], 3.0)
    assert np.isnan(smoothed(values, 2.0)[0]).all()
    values[10, 10] = 9.0
    weights = np.exp(-((np.mgrid[5:15, 4:26] - np.array([10, 10])[:, None, None]) ** 2).sum(0) / (2 * 1.5**2))
    expected = (weights * values[5:15, 4:26]).sum() / weights.sum()
    assert smoothed(values, 1.5)[10, 10] == pytest.approx(expected, rel=1e-3)
    assert smoothed(values, 0) is values


def test_of_several_parts_the_one_with_the_most_saliency_stays():
    mask = np.zeros((10, 20), bool)
    mask[2:8, 2:8] = mask[3:5, 12:14] = True
    values = np.zeros((10, 20))
    values[3, 12] = 5
    values[4, 4] = 1
    assert np.argwhere(largest(mask, values))[0].tolist() == [3, 12]
    assert largest(np.zeros((3, 3), bool), np.ones((3, 3))).sum() == 0


@pytest.mark.parametrize(("options", "sentence"), [
    ({"foreground": 0.2, "background": 0.5}, "0 <= background < foreground <= 1"),
    ({"foreground": 1.5}, "0 <= background < foreground <= 1"),
    ({"iterations": 0}, "at least one cut"),
    ({"smooth": -0.1}, "from 0 to 1, not -0.1"),
])  # fmt: skip
def test_a_wrong_option_is_one_sentence(network, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        ph.objects(network, scene(96, 96)[0], "logits:1", **options)


def test_a_tiny_photo_and_an_even_map_are_told(network):
    with pytest.raises(ValueError, match="16 px a side or more"):
        ph.objects(network, scene(12, 40)[0], "logits:1")
    with pytest.raises(ValueError, match="pixels to begin an object at"):
        ph.objects(network, ph.read(np.full((64, 64, 3), 90, np.uint8)), "logits:1")


def test_without_opencv_one_sentence_says_what_to_install(network, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "cv2":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'phosphene\[objects\]'"):
        ph.objects(network, scene(96, 96)[0], "logits:1")


def test_the_picture_says_seeds_and_share(network):
    found = ph.objects(network, scene(96, 120)[0], "logits:1", iterations=1)
    picture = found.picture()
    texts = " ".join(mark.string for mark in picture.drawing.marks if hasattr(mark, "string"))
    assert "95% quantile" in texts
    assert "1 cut of" in texts
    assert f"object, {found.masks[0].mean():.0%} of the photo" in texts
    assert picture.ranges


def test_a_mask_grows_by_steps():
    point = np.zeros((7, 7), bool)
    point[3, 3] = True
    assert widened(point, 2).sum() == 13
