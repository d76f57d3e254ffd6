"""Five quantities: each is measured as its address says, and asking for probability drives the class less."""

import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.synthesis.quantities import ASKED, five


def test_the_values_are_the_networks_own(network, unchanged):
    with unchanged(network.module):
        found = ph.quantities(network, "3:1", "goose", steps=3)
    assert found.images.shape == (5, 3, 24, 24)
    assert found.addresses == ("3:1@4,4", "3:1", "3", "logits:2", "probabilities:2")
    images = found.images.double()
    maps = network.maps(network.normalise(images), "3")
    logits = network.record(network.normalise(images), "logits")["logits"]
    expected = torch.stack([maps[:, 1, 4, 4], maps[:, 1].mean((1, 2)), maps.square().mean((1, 2, 3)), logits[:, 2],
                            logits.softmax(1)[:, 2]], 1)  # fmt: skip
    torch.testing.assert_close(found.values.double(), expected, atol=1e-5, rtol=1e-5)


def test_each_image_rises_from_the_start_in_what_it_was_made_for(network):
    found = ph.quantities(network, "3:1", "goose", steps=30)
    assert (found.values.diagonal() > found.start).all(), (found.values.diagonal(), found.start)


def test_results_come_step_by_step_and_the_ways_fill_up(network):
    steps = list(ph.quantities.steps(network, "3:1", "goose", steps=2))
    assert [step.step for step in steps] == list(range(1, 11))
    assert all(step.steps == 10 for step in steps)
    assert torch.isnan(steps[0].values[1:]).all()
    assert torch.isnan(steps[5].ways["score"]).all()
    assert torch.isfinite(steps[-1].ways["score"]).all()
    assert torch.isfinite(steps[-1].ways["probability"]).all()
    assert steps[0].progress == "neuron, 1 of 5"
    assert steps[-1].progress == f"{ASKED[4]}, 5 of 5"


def test_the_gradients_lengths_obey_the_softmax(network):
    found = ph.quantities(network, "3:1", "goose", steps=2, recipe="l2")
    x = torch.full((1, 3, 24, 24), 0.5, dtype=torch.float64, requires_grad=True)  # where the recipe starts
    logits = network.record(network.normalise(x), "logits")["logits"][0]
    slopes = torch.stack([torch.autograd.grad(score, x, retain_graph=True)[0] for score in logits])
    p = logits.softmax(0).detach()
    expected = p[2] * (slopes[2] - torch.einsum("k,k...->...", p, slopes))
    torch.testing.assert_close(found.gradients[0, 0].double(), slopes[2].norm(), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(found.gradients[1, 0].double(), expected.norm(), rtol=1e-5, atol=1e-7)


def test_a_photo_is_measured_beside_them_and_the_picture_draws(network):
    photo = ph.read("src/phosphene/photos/cat.jpg")
    found = ph.quantities(network, "3:1@2,3", "goose", steps=1, natural=photo)
    assert found.addresses[0] == "3:1@2,3"
    logits = network.record(photo, "logits")["logits"][0]
    torch.testing.assert_close(found.natural[3].double(), logits[2], atol=1e-4, rtol=1e-4)
    assert "five things" in found.picture().caption
    assert found.to_dict()["asked"]["score"] == "logits:2"
    assert found.frame().ndim == 3


def test_an_address_without_a_channel_is_refused(network):
    with pytest.raises(ValueError, match="'3' names no channel of a layer"):
        five(network, "3", "goose", (24, 24))
    with pytest.raises(ValueError, match="names no channel of a layer"):
        five(network, "logits:2", "goose", (24, 24))


def test_the_embedded_network_answers_more_to_a_score_than_to_a_probability():
    network = ph.load()
    found = ph.quantities(network, "blocks.1:3", "pineapple", size=80, steps=40)
    score, probability = found.values[3], found.values[4]
    assert float(score[3]) > float(probability[3]) + 5
    assert float(found.gradients[0, 0]) > 100 * float(found.gradients[1, 0])
    assert float(found.values[1, 1]) > float(found.values[3, 1])


def test_what_was_stopped_says_so(network):
    steps = list(ph.quantities.steps(network, "3:1", "goose", steps=1))
    assert "stopped after 2 of 5" in steps[1].picture().caption
    assert "stopped" not in steps[-1].picture().caption


def test_scores_that_keep_no_gradient_are_told_before_anything_is_made():
    class Cut(nn.Module):
        def __init__(self):
            super().__init__()
            self.maps, self.head = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.maps(x).mean((2, 3)).detach())

    torch.manual_seed(0)
    network = ph.Network(Cut().eval(), ph.Preprocessing((16, 16)))
    with pytest.raises(ValueError, match="no gradient comes back from logits:1"):
        next(iter(ph.quantities.steps(network, "maps:1", 1, steps=2)))
