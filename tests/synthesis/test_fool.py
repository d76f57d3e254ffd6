"""Fooling images: how sure the network is of them is what the result says, and they are stopped where asked."""

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph

SIZE = (16, 16)


@pytest.fixture(scope="module")
def network() -> ph.Network:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
                           nn.Linear(32, 4)).eval()  # fmt: skip
    with torch.no_grad():
        module[-1].weight.mul_(20)
    how = ph.Preprocessing(size=SIZE, mean=(0.5,) * 3, std=(0.25,) * 3)
    return ph.Network(module, how, ["ant", "bee", "cat", "dog"])


def sure(network: ph.Network, images: torch.Tensor) -> torch.Tensor:
    """As a file of 8 bits would be answered."""
    return network.module(network.normalise((images * 255).round().to(torch.uint8).float() / 255)).softmax(1)


def test_the_gradient_makes_the_network_sure_of_every_class(network, unchanged):
    with unchanged(network.module):
        found = ph.fool(network, ["ant", "bee", "cat", "dog"], confidence=0.99)
    assert (found.scores > 0.99).all()
    torch.testing.assert_close(found.scores, sure(network, found.images).diagonal(), atol=1e-5, rtol=1e-5)
    assert torch.equal(found.confidences, found.scores)
    assert found.step == found.steps < 200
    assert (found.history[-2] <= 0.99).any()
    assert found.images.min() >= 0
    assert found.images.max() <= 1


@pytest.mark.parametrize("method", ["evolve", "cppn"])
def test_evolution_keeps_the_confidences_of_all_classes(network, method, unchanged):
    with unchanged(network.module):
        found = ph.fool(network, ["bee", "dog"], method=method, steps=25, children=16, confidence=1)
    assert found.confidences.shape == (4,)
    torch.testing.assert_close(found.confidences[[1, 3]], found.scores)
    answers = sure(network, torch.cat([found.images, found.others]))
    order = [1, 3, *found.other_classes]
    torch.testing.assert_close(answers[range(4), order], found.confidences[order], atol=1e-5, rtol=1e-5)
    assert found.history.shape == (25, 2)
    assert (found.history.diff(dim=0) >= 0).all()
    assert found.share(0).mean == 1
    expected = float((found.confidences > 0.9).float().mean())
    assert found.share().mean == pytest.approx(expected)
    assert found.median == pytest.approx(float(np.median(found.confidences)))


def test_it_ends_when_the_network_is_sure_enough(network):
    found = ph.fool(network, "cat", method="cppn", steps=200, children=16, confidence=0.6)
    assert found.step == found.steps < 200
    assert float(found.scores) > 0.6
    assert "stopped" not in found.caption


def test_the_same_seed_gives_the_same_image(network):
    one, same, other = (ph.fool(network, 0, steps=3, confidence=1, seed=s).images for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_pictures_and_numbers_say_how_sure_it_is(network, tmp_path):
    steps = list(ph.fool.steps(network, "ant", method="cppn", steps=4, children=8, confidence=1, size=(12, 20)))
    assert [each.step for each in steps] == [1, 2, 3, 4]
    assert steps[-1].images.shape == (1, 3, 12, 20)
    assert steps[-1].frame().ndim == 3
    assert "of 4 classes above 0.9" in steps[-1].progress
    assert "stopped after 2 of 4 steps" in steps[1].caption
    steps[-1].save(tmp_path / "f.png", theme="dark")
    told = steps[-1].to_dict()
    assert told["share_above_0.9"]["count"] == 4
    tried = ph.fool(network, "bee", steps=2).to_dict()["confidences"]
    assert [value is None for value in tried] == [True, False, True, True]


def test_what_makes_no_sense_is_refused_in_a_sentence(network):
    with pytest.raises(ValueError, match="a method is gradient, evolve, cppn"):
        ph.fool(network, "ant", method="chance")
    with pytest.raises(ValueError, match="steps is at least 1"):
        ph.fool(network, "ant", steps=0)
    with pytest.raises(LookupError, match="did you mean 'ant'"):
        ph.fool(network, "ants")
    for method in ("gradient", "evolve", "cppn"):
        for seed in (999999999999999999999, 1.5):
            with pytest.raises((ValueError, TypeError), match=f"seed is a whole number.*, not {seed}"):
                ph.fool(network, "ant", method=method, seed=seed)
    for confidence in ("x", float("nan"), -0.1):
        with pytest.raises(ValueError, match="confidence is a number of at least 0"):
            ph.fool(network, "ant", confidence=confidence)
    with pytest.raises(ValueError, match=r"at most 1, not 1\.5"):
        ph.fool(network, "ant", confidence=1.5)


def test_the_embedded_network_is_sure_of_noise():
    found = ph.fool(ph.load(), "goose", size=96)
    assert float(found.scores) > 0.99
    assert found.step < 100


def test_no_label_is_told(network):
    with pytest.raises(ValueError, match="no label was given"):
        ph.fool(network, [])


def test_only_what_is_taken_for_a_class_is_said_to_be(network):
    steps = list(ph.fool.steps(network, "cat", confidence=0.9))
    unsure = [each for each in steps if float(each.scores) <= 0.5]
    assert unsure
    assert all(each.heading == "Images that are nothing, raised for cat" for each in unsure)
    assert steps[-1].heading == "Images that are nothing, taken for cat"
