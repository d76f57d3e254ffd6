"""Class images: labels, recipes, probabilities, and a real class of the embedded network."""

from dataclasses import replace

import pytest
import torch

import phosphene as ph
from phosphene.synthesis.engine.objectives import unit
from phosphene.synthesis.engine.recipes import RECIPES, followed, recipe_of


def test_a_class_by_name_and_by_number_is_the_same(network, unchanged):
    with unchanged(network.module):
        named = ph.class_image(network, "goose", steps=5, batch=2)
    numbered = ph.class_image(network, 2, steps=5, batch=2)
    assert torch.equal(named.images, numbered.images)
    assert (named.label, named.index, named.titles) == ("goose", 2, ("goose", "goose"))
    assert named.images.shape == (2, 3, 24, 24)
    assert named.history.shape == (5, 2)
    assert not torch.equal(named.images[0], named.images[1])


@pytest.mark.parametrize("recipe", RECIPES)
def test_scores_and_probabilities_are_the_networks_own_for_the_final_images(network, recipe):
    found = ph.class_image(network, "gull", recipe=recipe, steps=4)
    logits = network.record(network.normalise(found.images), "logits")["logits"]
    torch.testing.assert_close(found.probabilities, logits.softmax(1)[:, 3])
    torch.testing.assert_close(found.scores, logits[:, 3])
    assert found.how == RECIPES[recipe].how


def test_steps_have_probabilities_too_and_the_last_is_the_result(network):
    steps = list(ph.class_image.steps(network, "cat", steps=3))
    assert [step.step for step in steps] == [1, 2, 3]
    assert all(step.probabilities.shape == (1,) and 0 <= float(step.probabilities) <= 1 for step in steps)
    assert torch.equal(steps[-1].images, ph.class_image(network, "cat", steps=3).images)
    assert steps[0].objective == "logits:0 (cat)"


def test_the_probability_that_is_watched_does_not_change_the_ascent(network):
    asked = unit(network, "logits:2", (24, 24))
    *_, moments = followed(network, asked, recipe_of("fourier"), 1, (24, 24), steps=4, seed=0)
    plain = list(moments)
    watched = list(ph.class_image.steps(network, "goose", steps=4))
    torch.testing.assert_close(plain[2].images, watched[2].images)
    torch.testing.assert_close(torch.stack([moment.scores for moment in plain]), watched[-1].history)


def test_the_picture_says_score_and_probability(network):
    found = ph.class_image(network, "goose", steps=2)
    assert found.labels[0].startswith("goose: score ")
    assert ", p " in found.labels[0]
    assert "goose, by recipe fourier" in found.picture().caption
    assert found.to_dict()["probabilities"] == found.probabilities.tolist()


def test_what_is_not_there_is_refused_in_words(network):
    with pytest.raises(LookupError, match="goos"):
        ph.class_image(network, "goos", steps=1)
    with pytest.raises(ValueError, match="no recipe 'maoc'; near it: maco"):
        ph.class_image(network, "goose", recipe="maoc", steps=1)
    with pytest.raises(ValueError, match="steps is at least 1, not 0"):
        ph.class_image(network, "goose", steps=0)


def test_recipes_side_by_side_are_those_of_class_image(network):
    names = ("fourier", "yosinski-3", "l2")
    steps = list(ph.class_recipes.steps(network, "goose", recipes=names, steps=2))
    assert [step.step for step in steps] == [1, 2, 3, 4, 5, 6]
    assert all(step.steps == 6 for step in steps)
    assert torch.isnan(steps[1].scores[1:]).all()
    found = steps[-1]
    for row, name in enumerate(names):
        alone = ph.class_image(network, "goose", recipe=name, steps=2)
        torch.testing.assert_close(found.images[row], alone.images[0], check_dtype=False)
        torch.testing.assert_close(found.scores[row], alone.scores[0], check_dtype=False)
    assert found.picture().caption.startswith("Sequential: goose, by 3 recipes")
    assert found.frame().shape[2] == 3
    with pytest.raises(ValueError, match="no recipe was given"):
        ph.class_recipes(network, "goose", recipes=[])


def test_roughness_of_noise_and_of_a_ramp(network):
    found = ph.class_recipes(network, "goose", recipes="fourier", steps=1)
    noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    both = replace(found, images=torch.cat([noise, ramp]))
    assert abs(float(both.roughness[0]) - 2**0.5) < 0.02
    assert float(both.roughness[1]) == pytest.approx((1 / 63) / float(ramp[0, 0].std(correction=0)), rel=1e-3)


def test_the_embedded_network_takes_its_class_image_for_the_class():
    network = ph.load()
    start = ph.class_image(network, "pineapple", size=96, steps=1)
    found = ph.class_image(network, "pineapple", size=96, steps=40)
    assert float(start.probabilities) < 0.05
    assert float(found.probabilities) > 0.9
    assert network.classify(network.normalise(found.images), k=1)[0].label == "pineapple"


def test_the_plot_is_named_for_what_it_shows(network):
    with_cost = ph.class_image(network, "cat", recipe="l2", steps=2)
    assert with_cost.objective == "logits:0 (cat) − 100 × squared norm"
    assert with_cost.progress.startswith("cat: ")


def test_recipes_that_were_stopped_say_so(network):
    steps = list(ph.class_recipes.steps(network, "cat", recipes=["fourier", "maco"], steps=2))
    assert "stopped after 3 of 4 steps" in steps[2].picture().caption
    assert "stopped" not in steps[3].picture().caption


def test_a_mix_that_is_stopped_gives_the_best_image_so_far(network):
    taken = []
    for found in ph.class_image.steps(network, "goose", recipe="yosinski-2", steps=40):
        taken.append(found)
        if found.step == 30:
            break
    best = found.history[:, 0].argmax()
    assert best < 29  # or nothing would be told apart
    assert found.scores[0] == found.history[best, 0] == found.history.max()
    assert torch.equal(found.images, taken[best].images)
    logits = network.record(network.normalise(found.images), "logits")["logits"]
    torch.testing.assert_close(logits[:, 2], found.scores)
    torch.testing.assert_close(logits.softmax(1)[:, 2], found.probabilities)


def test_mixes_are_drawn_with_more_contrast_and_say_how_much(network):
    found = ph.class_image(network, "goose", recipe="yosinski-2", steps=3)
    faint = replace(found, images=0.5 + 0.01 * torch.linspace(-1, 1, 3 * 24 * 24).view(1, 3, 24, 24))
    assert float(faint.contrasts) == pytest.approx(50 / 0.995, rel=1e-2)
    assert "contrast × 50" in faint.labels[0]
    assert "distances from mid-grey times that" in faint.picture().caption
    assert float(faint.shown.max() - faint.shown.min()) == 1
    assert faint.frame().min() == 0
    torch.testing.assert_close(faint.shown.mean(), torch.tensor(0.5))
    other = replace(faint, recipe="fourier")
    assert torch.equal(other.shown, other.images)
    assert "contrast" not in other.labels[0] + other.caption
    beside = ph.class_recipes(network, "goose", recipes=["l2", "yosinski-2"], steps=1)
    assert beside.contrasts[0] == 1 < beside.contrasts[1]
    assert "contrast stands below" in beside.picture().caption
