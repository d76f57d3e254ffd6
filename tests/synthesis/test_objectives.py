"""What objectives measure, against indexing by hand, and their arithmetic."""

import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.synthesis.engine.objectives import IMAGES, objective, unit

SIZE = (24, 24)


def measured(network, asked, x):
    return asked.score(network.record(x, *asked.reads))


@pytest.fixture
def x():
    return torch.randn(3, 3, *SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_a_neuron_a_channel_a_layer_a_score_and_a_probability(network, x):
    maps = network.module[:4](x)
    logits = network.module(x)
    expected = {
        "3:5@2,6": maps[:, 5, 2, 6],
        "3:5": maps[:, 5].mean((1, 2)),
        "3": maps.square().mean((1, 2, 3)),
        "logits:goose": logits[:, 2],
        "probabilities:goose": logits.softmax(1)[:, 2],
    }
    for address, values in expected.items():
        torch.testing.assert_close(measured(network, unit(network, address, SIZE), x), values, msg=address)


def test_every_image_of_a_batch_may_ask_for_another_unit(network, x):
    maps, logits = network.module[:4](x), network.module(x)
    found = measured(network, unit(network, ["3:1", "3:4@0,2", "3:1"], SIZE), x)
    torch.testing.assert_close(found, torch.stack([maps[0, 1].mean(), maps[1, 4, 0, 2], maps[2, 1].mean()]))
    found = measured(network, unit(network, ["logits:gull", "logits:cat", "logits:0"], SIZE), x)
    torch.testing.assert_close(found, logits[torch.arange(3), [3, 0, 0]])


def test_units_of_a_transformers_tokens_are_those_of_their_grid():
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    network = ph.Network(timm.create_model("vit_tiny_patch16_224", img_size=32, depth=1).eval())
    x = torch.randn(2, 3, 32, 32)
    tokens = network.record(x, "blocks.0")["blocks.0"]
    found = measured(network, unit(network, ["blocks.0:3", "blocks.0:7@1,0"], (32, 32)), x)
    torch.testing.assert_close(found, torch.stack([tokens[0, 1:, 3].mean(), tokens[1, 3, 7]]))


def test_objectives_add_and_scale_and_name_themselves(network, x):
    bright = objective("brightness", IMAGES, lambda images: images.mean((1, 2, 3)))
    both = 2 * unit(network, "logits:cat", SIZE) - 0.5 * bright
    assert both.reads == {"logits:0", IMAGES}
    assert both.name == "2 × logits:0 (cat) − 0.5 × brightness"
    values = network.record(x, "logits:0") | {IMAGES: x}
    torch.testing.assert_close(both.score(values), 2 * values["logits:0"] - 0.5 * x.mean((1, 2, 3)))
    assert list(both.parts(values)) == ["logits:0 (cat)", "brightness"]
    torch.testing.assert_close((-both).score(values), -both.score(values))


def test_what_can_not_be_asked_is_refused_in_a_sentence(network):
    with pytest.raises(LookupError, match="did you mean 'goose'"):
        unit(network, "logits:gose", SIZE)
    with pytest.raises(ValueError, match="channels or classes of one layer"):
        unit(network, ["3:1", "0:1"], SIZE)
    with pytest.raises(ValueError, match="channels or classes of one layer"):
        unit(network, ["3:1", "3"], SIZE)
    with pytest.raises(ValueError, match="no target"):
        unit(network, [], SIZE)
    asked = unit(network, ["3:1", "3:2"], SIZE)
    with pytest.raises(ValueError, match="2 targets don't fit 3 images"):
        measured(network, asked, torch.rand(3, 3, *SIZE, dtype=torch.float64))


def test_a_layer_whose_batch_is_not_first_is_measured_image_by_image():
    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Linear(8, 6)
            self.two = nn.Linear(6, 4)

        def forward(self, x):
            tokens = x.mean(1).movedim(0, 1)  # (rows, N, columns)
            return self.two(self.one(tokens)).mean(0)

    network = ph.Network(Turned().eval(), ph.Preprocessing.plain(8))
    assert network.layer("one", (8, 8)).batch == 1
    x = torch.rand(3, 3, 8, 8)
    value = network.record(x, "one")["one"]
    found = measured(network, unit(network, "one", (8, 8)), x)
    torch.testing.assert_close(found, value.square().mean((0, 2)))


def test_a_term_of_weight_0_is_told_and_not_raised():
    x = torch.rand(2, 3, 4, 4, requires_grad=True)
    first = objective("brightness", IMAGES, lambda images: images.mean((1, 2, 3)))
    steep = objective("steep", IMAGES, lambda images: (images - images).abs().sum((1, 2, 3)).sqrt())
    endless = objective("endless", IMAGES, lambda images: images.sum((1, 2, 3)) * torch.inf)
    both = 0.0 * endless + first + 0.0 * steep
    assert both.name == "brightness"
    assert set(both.parts({IMAGES: x})) == {"brightness", "steep", "endless"}
    score = both.score({IMAGES: x})
    assert torch.equal(score, first.score({IMAGES: x}))
    assert torch.isfinite(torch.autograd.grad(score.sum(), x)[0]).all()
