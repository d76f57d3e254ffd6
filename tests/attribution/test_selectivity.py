"""Selectivity: projections against `reverse`, similarities against NumPy, and networks whose answer is known."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.attribution.reversed.reversing import Reversal
from phosphene.attribution.reversed.selectivity import RULES, of_pairs, projections


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 10, 3), nn.ReLU(), nn.Conv2d(10, 12, 3),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 9),
    )  # fmt: skip
    return ph.Network(module.double().eval(), ph.Preprocessing.plain(24))


def images(count=1):
    return torch.rand(count, 3, 24, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("rule", RULES)
def test_a_projection_of_one_unit_is_that_of_reverse(network, rule, unchanged):
    reversal = RULES[rule]
    seeds = torch.zeros(2, 12, 7, 7)
    seeds[0, 4, 2, 3] = seeds[1, 11, 6, 0] = 1
    with unchanged(network.module):
        found = projections(network, images(), "5", seeds, reversal)
    expected = ph.reverse(network, images(), ["5:4@2,3", "5:11@6,0"], relu=reversal.relu, pooling=reversal.pooling)
    torch.testing.assert_close(found, expected.values)


def test_starts_are_the_strongest_units_random_ones_noise_and_classes(network):
    found = ph.selectivity(network, images(), "5", rules="gradient", units=4)
    maps = network.maps(images(), "5")[0].flatten(1)
    best = maps.amax(1).argsort(descending=True)[:4].tolist()
    assert found.starts["strongest"] == tuple(f"5:{channel}" for channel in best)
    assert found.starts["random"][0] == f"5:{best[0]}"
    place = int(maps[best[0]].argmax())
    for name in found.starts["random"]:
        assert float(maps[int(name.split(":")[1]), place]) > 0
    top = int(network.record(images(), "logits")["logits"].argmax())
    assert found.starts["classes"][0] == f"logits:{top}"
    assert len(set(found.starts["classes"])) == 4


def test_similarities_are_numpys_correlations(network):
    found = ph.selectivity(network, images(), "5", rules=["guided"], units=3)
    signals = ph.guided(network, images(), list(found.starts["strongest"])).values.numpy()
    flat = signals.reshape(3, -1)
    np.testing.assert_allclose(found.matrices["guided", "strongest", "signal"][0], np.abs(np.corrcoef(flat)))
    maps = np.abs(signals).max(1).reshape(3, -1)
    np.testing.assert_allclose(found.matrices["guided", "strongest", "map"][0], np.corrcoef(maps))
    stats = pytest.importorskip("scipy.stats")
    expected = stats.spearmanr(maps, axis=1).statistic
    np.testing.assert_allclose(found.matrices["guided", "strongest", "rank"][0], expected)
    pairs = [np.abs(np.corrcoef(flat))[i, j] for i in range(3) for j in range(3) if i != j]
    assert found.similarity("guided", "strongest").mean == pytest.approx(np.mean(pairs))


def test_a_network_without_choice_has_no_selectivity():
    """One channel below: what comes back through it has one shape for every unit above."""
    module = nn.Sequential(nn.Conv2d(3, 1, 3), nn.ReLU(), nn.Conv2d(1, 8, 1, bias=False), nn.AdaptiveAvgPool2d(1),
                           nn.Flatten(), nn.Linear(8, 6)).double()  # fmt: skip
    nn.init.uniform_(module[2].weight, 0.1, 1)
    nn.init.constant_(module[0].bias, 1.0)
    found = ph.selectivity(ph.Network(module, ph.Preprocessing.plain(10)), images()[..., :10, :10], "2", units=4)
    for rule in ("gradient", "deconvnet", "guided"):
        assert found.similarity(rule, "random").mean == pytest.approx(1)


def test_units_that_see_different_pixels_are_wholly_selective():
    class Apart(nn.Module):
        """Channel c of the layer is pixel (c, c) of the image."""

        def __init__(self):
            super().__init__()
            self.layer = nn.Identity()

        def forward(self, x):
            grey = x.mean(1)
            return self.layer(torch.stack([grey[:, i : i + 2, i : i + 2] for i in (0, 2, 4)], 1))

    found = ph.selectivity(ph.Network(Apart(), ph.Preprocessing.plain(6)), images()[..., :6, :6], "layer",
                           rules="gradient", units=3)  # fmt: skip
    assert found.groups == ("strongest", "random", "noise")
    assert found.similarity("gradient", "strongest").mean < 0.05


def test_the_finding_on_the_embedded_network():
    """Deconvnet's and guided backprop's projections are alike whatever they start at, gradients are not."""
    network = ph.load()
    photo = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    found = ph.selectivity(network, photo, units=4)
    assert found.layer == "conv_head"
    for group in ("random", "noise", "classes"):
        gradient = found.similarity("gradient", group)
        for rule in ("deconvnet", "guided"):
            assert found.similarity(rule, group).mean > max(0.9, gradient.mean + 0.2)


def test_intervals_grow_with_what_is_drawn_and_hold_the_mean():
    generator = np.random.default_rng(0)
    signals = generator.normal(size=(5, 6, 40)) + 0.5
    matrices = np.array([np.corrcoef(rows) for rows in signals])
    found = of_pairs(matrices)
    assert found.low < found.mean < found.high
    assert of_pairs(matrices) == found
    assert of_pairs(np.ones((3, 4, 4))).low == 1
    assert math.isnan(of_pairs(np.full((2, 3, 3), np.nan)).mean)


def test_the_same_seed_gives_the_same_numbers(network):
    one, same, other = (ph.selectivity(network, images(), "5", rules="gradient", seed=seed) for seed in (0, 0, 1))
    key = ("gradient", "noise", "signal")
    assert np.array_equal(one.matrices[key], same.matrices[key])
    assert not np.array_equal(one.matrices[key], other.matrices[key])


def test_several_images_and_a_picture(network, tmp_path):
    found = ph.selectivity(network, images(3), rules="gradient,deconvnet-centre", units=3)
    assert found.layer == "5"
    assert found.matrices["deconvnet-centre", "classes", "map"].shape == (3, 3, 3)
    assert "3 images" in "".join(getattr(mark, "string", "") for mark in found.picture().drawing.marks)
    assert found.save(tmp_path / "a.png").read_bytes() == found.save(tmp_path / "b.png").read_bytes()
    rows = found.to_dict()["similarities"]
    assert len(rows) == 2 * 4 * 3
    assert all(row["low"] <= row["mean"] <= row["high"] for row in rows)


@pytest.mark.parametrize(
    ("layer", "options", "error", "said"),
    [
        ("5", {"rules": "guidet"}, LookupError, "near it: guided"),
        ("5", {"units": 1}, ValueError, "at least 2 units"),
        ("5", {"rules": ""}, ValueError, "at least 1 rule"),
        ("5", {"units": 40}, ValueError, "at least 40 channels"),
        ("9", {}, LookupError, "'9' is not in Sequential"),
        ("8", {}, ValueError, "no maps"),
    ],
)
def test_what_does_not_fit_gets_a_sentence(network, layer, options, error, said):
    with pytest.raises(error, match=said):
        ph.selectivity(network, images(), layer, **options)


def test_a_network_without_rectifiers_is_refused_by_the_rules_that_need_them():
    smooth = ph.Network(nn.Sequential(nn.Conv2d(3, 6, 3), nn.GELU(), nn.Conv2d(6, 6, 3)), ph.Preprocessing.plain(12))
    with pytest.raises(LookupError, match="found no ReLU"):
        ph.selectivity(smooth, torch.rand(1, 3, 12, 12))
    assert ph.selectivity(smooth, torch.rand(1, 3, 12, 12), rules="gradient").layer == "2"
    assert str(RULES["guided-centre"]) == str(Reversal("both", "centre"))
