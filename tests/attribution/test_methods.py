"""Methods are named by a text, with their options."""

import pytest
import torch

import phosphene as ph
from phosphene.attribution.maps.methods import METHODS, method


def test_a_method_computes_what_its_instrument_does(tiny):
    x = torch.rand(1, 3, 32, 32)
    found = method("occlusion:window=16,stride=8,fill=zero")(tiny, x, "logits:2")
    expected = ph.occlusion(tiny, x, "logits:2", window=16, stride=8, fill="zero")
    torch.testing.assert_close(found.drops, expected.drops)
    assert str(method("occlusion:window=16x12")) == "occlusion (window (16, 12))"


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    return ph.Network(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1),
                                          torch.nn.Flatten(), torch.nn.Linear(4, 3)))  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_every_method_gives_a_map_as_large_as_the_input(tiny, name, unchanged):
    options = {"occlusion": ":window=8,stride=8", "rise": ":masks=40,cells=4"}.get(name, "")
    with unchanged(tiny.module):
        found = method(name + options)(tiny, torch.rand(2, 3, 32, 32), "logits:1")
    assert found.maps.shape == (2, 32, 32)
    assert found.scores.shape == (2,)
    assert found.signed or float(found.maps.min()) >= 0
    assert found.picture().caption


@pytest.mark.parametrize(
    ("spec", "error", "said"),
    [
        ("gradint", LookupError, "near it: gradient"),
        ("occlusion:windw=3", LookupError, "near it: window"),
        ("gradient:window=3", LookupError, "it takes none"),
        ("occlusion:window=", ValueError, "occlusion:window=VALUE"),
    ],
)
def test_a_wrong_method_gets_a_sentence(spec, error, said):
    with pytest.raises(error, match=said):
        method(spec)
