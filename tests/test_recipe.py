"""The Python and the command that a result's account is written as."""

import shlex

import pytest
import torch

import phosphene as ph
from phosphene.instrument.recipe import command_for, python_for

CAT = "src/phosphene/photos/cat.jpg"


@pytest.fixture(scope="module")
def network():
    return ph.load("torchvision:squeezenet1_1@none", seed=3)


def test_the_python_makes_the_same_numbers(network):
    result = ph.occlusion(network, ph.read(CAT), "logits:3", window=112, stride=112)
    text = python_for(result.made)
    names: dict = {}
    exec(text.replace('.save("occlusion.png")', "").replace("\nph.occlusion(", "\nagain = ph.occlusion("), names)
    assert torch.equal(names["again"].drops, result.drops)


def test_the_command_names_what_was_given_and_nothing_else(network):
    result = ph.occlusion(network, ph.read(CAT), "logits:3", window=112, stride=112)
    words = shlex.split(command_for(result.made, {"range": "minmax"}))
    assert words[:3] == ["phosphene", "occlusion", CAT]
    asked = dict(zip(words[3::2], words[4::2], strict=True))
    assert asked == {
        "--network": "torchvision:squeezenet1_1@none", "--seed": "3", "--target": "logits:3", "--window": "112",
        "--stride": "112", "--range": "minmax",
    }  # fmt: skip


def test_a_class_is_asked_by_the_commands_own_word(network):
    result = ph.adversarial(network, ph.read(CAT), label=5, method="fgsm")
    words = shlex.split(command_for(result.made))
    assert words[words.index("--class") + 1] == "5"
    assert "--label" not in words


def test_what_only_python_holds_has_no_command():
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    result = ph.activations(ph.Network(module), torch.rand(1, 3, 16, 16), "0")
    assert command_for(result.made) == ""
    assert "ph.Network(...)" in python_for(result.made)
