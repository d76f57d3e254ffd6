"""Adversarial pairs: the ring is covered, the class is obeyed, and the distances are their formulas."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from phosphene.learning import data_set, make
from phosphene.learning.evaluation.frechet import frechet_distance
from phosphene.learning.evaluation.generated import remarks, scores_of
from phosphene.learning.evaluation.judge import FEWEST, judge_of, trained
from phosphene.learning.pictures.views import interpolated
from phosphene.learning.sets.examples import Batch, TensorExamples


def test_the_game_covers_the_ring_of_eight_gaussians():
    data = data_set("ring")
    system = make("gan", codes=2, hidden=96).fit(data.train, steps=1000, batch=256, rate=1e-3)
    numbers = system.evaluate(data.test)
    assert numbers["classes hit"] == 8
    assert numbers["samples near a class (%)"] > 60
    radii = system.sample(1000).norm(dim=1)
    assert float(radii.mean()) == pytest.approx(2.0, abs=0.1)


def test_points_at_one_place_are_said_to_have_collapsed():
    test = data_set("ring").test
    one = test.x[test.labels == 0]
    numbers = scores_of(lambda count: one[torch.arange(count) % len(one)], test)
    assert numbers["classes hit"] == 1
    assert "7 of 8 classes are hardly ever generated" in remarks(numbers)[0]
    assert scores_of(lambda count: test.x[:count], test)["classes hit"] == 8


@pytest.mark.parametrize("name", ["gan", "dcgan"])
def test_the_losses_are_the_papers_with_probabilities(name):
    torch.manual_seed(0)
    system = make(name, shape=(1, 16, 16), codes=4, hidden=8).double()
    x = torch.rand(12, 1, 16, 16, dtype=torch.float64)
    torch.manual_seed(1)
    noise = torch.randn(12, 4)
    torch.manual_seed(1)
    losses = {}
    system.generator.double()
    system._noise = lambda count: noise.double()
    for player, loss in system.steps(Batch(x)):
        losses[player] = float(loss.detach())
    with torch.no_grad():
        real, fake = (system.critic(each).sigmoid() for each in (x, system.generator(noise.double())))
    expected = -(real.log().mean() + (1 - fake).log().mean()), -fake.log().mean()
    assert losses["critic"] == pytest.approx(expected[0].item(), rel=1e-9)
    assert losses["generator"] == pytest.approx(expected[1].item(), rel=1e-9)


def test_each_player_moves_its_own_weights_only():
    system = make("dcgan", shape=(1, 16, 16), codes=4, hidden=8)
    owned = {name: {id(weight) for weight in weights} for name, weights in system.players().items()}
    assert owned["critic"].isdisjoint(owned["generator"])
    assert owned["critic"] | owned["generator"] == {id(weight) for weight in system.parameters()}


@pytest.mark.parametrize("shape", [(1, 16, 16), (1, 28, 28), (3, 32, 32), (3, 64, 64), (1, 48, 40)])
def test_images_of_many_sizes_come_out_as_they_went_in(shape):
    system = make("dcgan", shape=shape, hidden=4).eval()
    images = system.sample(3)
    assert images.shape == (3, *shape)
    assert ((images >= 0) & (images <= 1)).all()
    assert system(images).shape == (3, 1)
    assert torch.equal(images, system.sample(3))
    assert not any(isinstance(module, torch.nn.Linear) for module in system.modules())


def test_sizes_that_do_not_halve_are_refused():
    with pytest.raises(ValueError, match="halve down to 4 to 8 pixels"):
        make("dcgan", shape=(1, 30, 31))


def two_classes(count=400):
    """Bright and dark images."""
    labels = torch.arange(count) % 2
    chance = torch.Generator().manual_seed(0)
    x = 0.2 + 0.6 * labels[:, None, None, None] + 0.1 * torch.rand(count, 1, 16, 16, generator=chance)
    return TensorExamples(x, labels, ("dark", "bright"))


def test_a_conditional_pair_makes_the_class_that_is_asked_for():
    system = make("cgan", codes=4, hidden=8).fit(two_classes(), steps=120, batch=64, rate=2e-3)
    assert system.classes == 2
    labels = torch.tensor([0, 1] * 10)
    bright = system.sample(20, labels=labels).mean((1, 2, 3)) > 0.5
    assert torch.equal(bright, labels.bool())
    assert system(torch.rand(3, 1, 16, 16)).shape == (3, 2)
    with pytest.raises(ValueError, match="classes are 0 to 1"):
        system.sample(2, labels=torch.tensor([0, 2]))


def test_a_conditional_pair_needs_classes():
    with pytest.raises(ValueError, match="give a sub-folder for each class"):
        make("cgan").fit(torch.rand(20, 1, 16, 16), steps=1)


# ---- numbers


def test_the_frechet_distance_is_its_formula():
    chance = np.random.default_rng(0)
    a, b = chance.normal(size=(300, 5)) @ chance.normal(size=(5, 5)), chance.normal(size=(200, 5)) + 0.5
    root = np.real(sqrtm(np.cov(a.T) @ np.cov(b.T)))
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root)
    first, second = torch.from_numpy(a), torch.from_numpy(b)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="two or more of each"):
        frechet_distance(first[:1], second)


@pytest.fixture
def digits(monkeypatch):
    """A thousand digits, and judges that learn for a short time."""
    monkeypatch.setattr("phosphene.learning.evaluation.judge.STEPS", 300)
    held = data_set("digits")
    return TensorExamples(held.train.x[:1000], held.train.labels[:1000], held.classes)


def test_the_judge_knows_real_images_and_is_the_same_each_time(digits):
    judge = judge_of(digits)
    assert judge.accuracy > 0.85
    assert len(judge.others) == 500
    with torch.no_grad():
        again = trained(digits)
    x = judge.others.batch(torch.arange(5)).x
    assert torch.equal(judge.logits(x), again.logits(x))
    assert judge_of(digits.some(slice(0, FEWEST - 1))) is None
    assert judge_of(TensorExamples(digits.x)) is None


def test_real_images_have_the_best_numbers_and_noise_has_bad_ones(digits):
    others = judge_of(digits).others
    real = others.batch(torch.arange(len(others))).x
    best = scores_of(lambda count: real[:count], digits)
    assert best["Fréchet distance / its floor"] == pytest.approx(1.0)
    assert best["class entropy (nats)"] > 2.2
    assert best["the same of real images (%)"] == pytest.approx(best["confident samples (%)"], abs=5)
    assert best["confident samples (%)"] > 40
    noise = scores_of(lambda count: torch.rand(count, 1, 8, 8), digits)
    assert noise["Fréchet distance / its floor"] > 8
    assert noise["class entropy (nats)"] < math.log(10)


def test_ways_between_codes_keep_their_length_and_end_where_they_should():
    a, b = torch.randn(2, 4, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ways = interpolated(a, b, 5)
    assert torch.allclose(ways[:, 0], a)
    assert torch.allclose(ways[:, -1], b)
    unit = [torch.nn.functional.normalize(each, dim=1) for each in (a, b)]
    lengths = interpolated(*unit, 5).norm(dim=2)
    assert torch.allclose(lengths, torch.ones_like(lengths))
    assert torch.allclose(interpolated(a, a, 3)[:, 1], a)  # no angle between them
