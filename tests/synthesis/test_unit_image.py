"""A unit's sheet: what it would like to see beside what it saw."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.synthesis.engine.collection import look_through


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 5, 4, 0)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        return self.head(self.first(x).relu().mean((2, 3)))


def small() -> ph.Network:
    torch.manual_seed(0)
    return ph.Network(Small().eval(), ph.Preprocessing.plain(33))


def photos(count: int = 5) -> list[ph.Photo]:
    random = np.random.default_rng(0)
    return [ph.read(random.integers(0, 256, (33, 33, 3), dtype=np.uint8)) for _ in range(count)]


def test_patches_are_the_strongest_places_of_the_photos(unchanged):
    network, given = small(), photos()
    with unchanged(network.module):
        result = ph.unit_image(network, "first:3", given, images=2, patches=3, steps=4)
    with torch.no_grad():
        maps = network.record(given, "first:3")["first:3"]
    largest = maps.amax((1, 2))
    order = largest.argsort(descending=True)[:3]
    assert [patch.value for patch in result.patches] == pytest.approx(largest[order].tolist())
    for patch, index in zip(result.patches, order.tolist(), strict=True):
        assert patch.place == tuple(np.unravel_index(int(maps[index].argmax()), maps.shape[1:]))
        assert patch.score == pytest.approx(float(maps[index].mean()), rel=1e-5)
    assert result.best_score == pytest.approx(float(maps.mean((1, 2)).max()), rel=1e-5)
    assert result.looked_at == 5


def test_a_patch_is_what_the_unit_sees():
    network, given = small(), photos(1)
    seen = look_through(network, given, network.address("first:3"))
    row, column = seen.cells[0].tolist()
    box = network.receptive_field("first:3", (row, column), (33, 33))
    patch = seen.patch(network, 0, 5)
    assert (box.width, box.height) == (5, 5)
    assert np.array_equal(patch, given[0].pixels[4 * row : 4 * row + 5, 4 * column : 4 * column + 5])


def test_beyond_the_input_a_patch_is_grey():
    torch.manual_seed(0)
    network = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 5, 1, 2), nn.ReLU()), ph.Preprocessing.plain(9))
    given = photos(1)
    seen = look_through(network, given, network.address("0:2@0,0"))
    patch = seen.patch(network, 0, 5)
    assert (patch[:2] == 128).all()
    assert (patch[:, :2] == 128).all()
    shown = (seen.image(network, 0)[0, :, :3, :3].permute(1, 2, 0).numpy() * 255).round()
    assert np.array_equal(patch[2:, 2:], shown)


def test_an_image_beats_every_photo_on_a_real_network():
    network = ph.load()
    shipped = [ph.read(f"src/phosphene/photos/{name}.jpg") for name in ("cat", "coffee")]
    result = ph.unit_image(network, "blocks.1.0:5", shipped, images=2, size=64, steps=24)
    assert result.ratio == pytest.approx(float(result.scores.max()) / result.best_score)
    assert result.ratio > 1


def test_without_photos_there_are_no_patches():
    result = ph.unit_image(small(), "first:3", images=1, steps=3)
    assert result.patches == ()
    assert np.isnan(result.ratio)
    assert result.to_dict()["best_photo"] is None
    assert "first:3" in result.picture().caption


def test_a_class_has_whole_photos_and_every_step_draws_itself():
    results = list(ph.unit_image.steps(small(), "logits:2", photos(2), images=2, steps=3))
    assert [found.step for found in results] == [1, 2, 3]
    assert {patch.place for patch in results[-1].patches} == {None}
    assert results[0].picture().caption
    told = results[-1].to_dict()
    assert told["photos"] == 2
    assert len(told["patches"]) == 2


def test_the_score_is_the_units_own_whatever_the_weight():
    network = small()
    result = ph.unit_image(network, "first:3", images=2, weight=3, steps=3)
    with torch.no_grad():
        own = network.record(network.normalise(result.images), "first:3")["first:3"].mean((1, 2))
        largest = network.record(network.normalise(result.images), "first:3")["first:3"].max()
    assert result.scores.tolist() == pytest.approx(own.tolist(), rel=1e-5)
    assert result.peak == pytest.approx(float(largest), rel=1e-5)


def test_the_same_seed_gives_the_same_bytes():
    first, second = (ph.unit_image(small(), "first:3", steps=3, seed=4).images for _ in range(2))
    assert torch.equal(first, second)


def test_a_ratio_to_what_is_near_nothing_is_told_as_large_and_no_more():
    result = ph.unit_image(small(), "first:3", photos(2), images=2, steps=2)
    near = replace(result, scores=torch.tensor([5.0, 20.0]), best_score=0.05, peak=40.0)
    near = replace(near, patches=(replace(result.patches[0], value=8.0),))
    (strongest, mean) = near._table().rows
    assert (strongest[0], strongest[-1]) == ("strongest place", "5.00 ×")
    assert (mean[0], mean[-1]) == ("score, mean over places", "over 10 ×")
    assert near.ratio == pytest.approx(400)
    assert replace(near, best_score=-1.0)._table().rows[1][-1] == "–"
