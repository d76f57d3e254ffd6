"""Recipes: the published values, steps of a length that is stated, and ascents that follow them."""

import math
from dataclasses import replace

import pytest
import torch

from phosphene.synthesis.engine.objectives import unit
from phosphene.synthesis.engine.priors import Blur, ClipContribution, ClipNorm, Decay
from phosphene.synthesis.engine.recipes import RECIPES, fading, followed, progressing, recipe_of, steepest

# J. Yosinski et al. 2015, table 1: decay, blur's sigma, every, percentile of norms, of contributions
PUBLISHED = {
    "yosinski-1": (0, 0.5, 4, 50, 0),
    "yosinski-2": (0.3, 0, 0, 20, 0),
    "yosinski-3": (0.0001, 1.0, 4, 0, 0),
    "yosinski-4": (0, 0.5, 4, 0, 90),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_four_mixes_are_the_published_ones(name):
    found = {type(prior): prior for prior in RECIPES[name].priors}
    told = (
        found[Decay].rate if Decay in found else 0,
        found[Blur].sigma_px if Blur in found else 0,
        found[Blur].every if Blur in found else 0,
        found[ClipNorm].percentile if ClipNorm in found else 0,
        found[ClipContribution].percentile if ClipContribution in found else 0,
    )
    assert told == PUBLISHED[name]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_raises_a_score_and_leaves_the_network_alone(network, unchanged, name):
    asked = unit(network, "logits:goose", (24, 24))
    with unchanged(network.module):
        objective, image, moments = followed(network, asked, RECIPES[name], 2, (24, 24), steps=12, seed=0)
        taken = list(moments)
    assert objective.reads >= asked.reads
    assert len(taken) == 12
    reached = torch.stack([moment.parts[asked.name] for moment in taken])
    assert (reached.amax(0) > reached[0]).all()
    assert ((taken[-1].images >= 0) & (taken[-1].images <= 1)).all()
    assert image().shape == (2, 3, 24, 24)


def test_a_step_along_the_gradient_has_the_stated_length():
    pixels = torch.full((2, 3, 8, 10), 0.5, dtype=torch.float64, requires_grad=True)
    optimiser = steepest(0.02)([pixels])
    weights = torch.randn(2, 3, 8, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights[1] *= 1000  # images don't share one length
    (pixels * weights).sum().backward()
    optimiser.step()
    change = pixels.detach() - 0.5
    torch.testing.assert_close(change.flatten(1).square().mean(1).sqrt(), torch.full((2,), 0.02).double())
    cosine = torch.nn.functional.cosine_similarity(change.flatten(1), -weights.flatten(1))
    torch.testing.assert_close(cosine, torch.ones(2).double())


def test_what_no_gradient_renews_fades_by_the_rate_times_the_decay():
    values = torch.tensor([1.0, -3.0], dtype=torch.float64, requires_grad=True)
    optimiser = fading(0.02)([values])
    for _ in range(50):
        values.grad = torch.zeros(2, dtype=torch.float64)
        optimiser.step()
    expected = (1 - 0.02 * 2.0) ** 50
    torch.testing.assert_close(values.detach(), torch.tensor([1.0, -3.0]).double() * expected)
    assert math.isclose(expected, math.exp(-2), rel_tol=0.05)


def test_simonyans_cost_is_the_squared_norm_and_is_subtracted(network):
    asked = unit(network, "logits:goose", (24, 24))
    objective, *_ = followed(network, asked, RECIPES["l2"], 1, (24, 24), steps=1, seed=0)
    images = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0)).double()
    values = {**network.record(network.normalise(images), *asked.reads), "<images>": images}
    expected = values["logits:2"] - 100 * ((images - 0.5) ** 2).mean()
    torch.testing.assert_close(objective.score(values), expected)


def test_a_wrong_name_is_answered_with_a_near_one():
    with pytest.raises(ValueError, match="no recipe 'foruier'; near it: fourier"):
        recipe_of("foruier")


def test_shrinking_steps_are_each_a_share_of_the_one_before():
    pixels = torch.full((1, 3, 4, 4), 0.5, dtype=torch.float64, requires_grad=True)
    optimiser = steepest(0.02, 0.5)([pixels])
    lengths = []
    for _ in range(3):
        before = pixels.detach().clone()
        pixels.grad = torch.ones_like(pixels)
        optimiser.step()
        lengths.append(float((pixels.detach() - before).square().mean().sqrt()))
    assert lengths == pytest.approx([0.02, 0.01, 0.005])


def test_steps_of_a_wanted_progress_bring_it_where_the_score_is_linear():
    pixels = torch.full((2, 3, 4, 5), 0.5, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights[1] *= 100
    optimiser = progressing(0.3)([pixels])

    def scores():
        return (pixels * weights).flatten(1).sum(1)

    before = scores().detach()
    (-scores().sum()).backward()
    optimiser.step()
    torch.testing.assert_close(scores().detach() - before, torch.tensor([0.3, 0.3]).double())


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_four_mixes_keep_each_image_where_it_scored_highest(network, name):
    asked = unit(network, "logits:goose", (24, 24))
    _, image, moments = followed(network, asked, RECIPES[name], 3, (24, 24), steps=30, seed=0)
    kept = list(moments)
    *_, plain = followed(network, asked, replace(RECIPES[name], best=False), 3, (24, 24), steps=30, seed=0)
    taken = list(plain)
    scores = torch.stack([moment.scores for moment in taken])
    best = scores.argmax(0)
    wanted = torch.stack([taken[int(step)].images[index] for index, step in enumerate(best)])
    torch.testing.assert_close(image(), wanted)
    logits = network.record(network.normalise(wanted), "logits")["logits"][:, 2]
    torch.testing.assert_close(logits, scores.amax(0))
    for step in (0, 7, 19, 29):  # also where it is stopped
        assert torch.equal(kept[step].scores, scores[step])  # those of the step itself
        assert torch.equal(kept[step].parts[asked.name], scores[: step + 1].amax(0))
        so_far = scores[: step + 1].argmax(0)
        wanted = torch.stack([taken[int(at)].images[index] for index, at in enumerate(so_far)])
        assert torch.equal(kept[step].images, wanted)
    assert (scores.argmax(0) < 29).any() or name == "yosinski-3"


def test_the_others_keep_the_last_image():
    assert [name for name, recipe in RECIPES.items() if not recipe.best] == ["fourier", "maco", "l2"]
