"""Autoencoders: the linear one finds the principal components, noise comes from the seed, codes serve."""

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from scipy.stats import t
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from phosphene.learning import clusters, few_labels, make
from phosphene.learning.abilities import abilities
from phosphene.learning.codes.few_labels import FewLabels, balanced_places
from phosphene.learning.sets.classics import classic
from phosphene.learning.sets.examples import Batch, TensorExamples
from phosphene.learning.systems.codes.autoencoder import ERROR, LINEAR, least_linear_error


@pytest.fixture(scope="module")
def digits():
    held = classic("digits")
    return tuple(part.batch(torch.arange(len(part))).x for part in (held.train, held.test))


@pytest.fixture(scope="module")
def linear(digits):
    return make("autoencoder", codes=5, net="linear").fit(digits[0][:400], steps=1000, batch=400, rate=0.03)


def test_a_linear_autoencoder_spans_the_principal_components(digits, linear):
    pca = PCA(5).fit(digits[0][:400].flatten(1).double().numpy())
    columns = linear.decoder[0].weight.detach().double().numpy()
    assert subspace_angles(columns, pca.components_.T).max() < 1e-2


def test_its_error_is_that_of_the_principal_components(digits, linear):
    x = digits[0][:400]
    error = float((linear.decode(linear.encode(x)) - x).double().square().mean())
    assert error == pytest.approx(least_linear_error(x, 5), rel=1e-3)
    assert error >= least_linear_error(x, 5)


def test_the_best_linear_code_is_scikit_learns(digits):
    flat = digits[1].flatten(1).double().numpy()
    pca = PCA(7).fit(flat)
    expected = np.square(pca.inverse_transform(pca.transform(flat)) - flat).mean()
    assert least_linear_error(digits[1], 7) == pytest.approx(expected, rel=1e-9)


def test_an_autoencoder_of_layers_reconstructs_better_than_any_linear_code(digits):
    learned = make("autoencoder", codes=2, hidden=128).fit(digits[0], steps=400, rate=3e-3)
    numbers = learned.evaluate(TensorExamples(digits[1]))
    assert numbers[ERROR] < numbers[LINEAR]
    assert abilities(learned) == ("encode", "decode")
    codes = learned.encode(digits[0])
    assert codes.mean(0).abs().max() < 0.3
    assert (codes.std(0) - 1).abs().max() < 0.3


@pytest.mark.parametrize(("error", "net"), [("squared", "mlp"), ("bernoulli", "mlp"), ("bernoulli", "conv")])
def test_the_loss_is_the_formula(error, net):
    x = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    system = make("autoencoder", codes=3, hidden=16, error=error, net=net).shaped((1, 28, 28))
    loss = next(system.steps(Batch(x)))[1].detach()
    made = system.decoder(system.encoder(x)).detach().double()
    if error == "squared":
        expected = (made - x).square().sum() / 6
    else:
        p = made.sigmoid()
        expected = -(x * p.log() + (1 - x) * (1 - p).log()).sum() / 6
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_noise_comes_from_the_seed_and_the_step(digits):
    def weights(seed):
        settings = {"codes": 8, "hidden": 16, "layers": 1}
        system = make("denoising-autoencoder", **settings).fit(digits[0], steps=5, seed=seed)
        return torch.cat([weight.detach().flatten() for weight in system.parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_noise_has_the_amount_that_is_asked_for():
    x = torch.ones(200, 1, 10, 10)
    masked = make("denoising-autoencoder", amount=0.3).altered(x)
    assert set(masked.unique().tolist()) == {0.0, 1.0}
    assert float(masked.mean()) == pytest.approx(0.7, abs=0.01)
    noisy = make("denoising-autoencoder", noise="gaussian", amount=0.2).altered(x)
    assert float(noisy.std()) == pytest.approx(0.2, abs=0.005)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"amount": 1.0}, "below 1 for masking"), ({"noise": "salt"}, "'masking' or 'gaussian'"), ({"codes": 0}, "one")],
)
def test_settings_that_mean_nothing_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        make("denoising-autoencoder", **settings).shaped((1, 8, 8))


def test_bernoulli_refuses_values_beyond_0_and_1():
    with pytest.raises(ValueError, match="scale them"):
        make("autoencoder", error="bernoulli").fit(torch.randn(8, 1, 8, 8), steps=1)


# ---- clusters and few labels


@pytest.fixture(scope="module")
def denoising(digits):
    return make("denoising-autoencoder", codes=32, hidden=64, layers=1).fit(digits[0], steps=250, rate=3e-3)


def test_few_labels_are_as_many_of_each_class_and_come_from_the_seed():
    labels = classic("digits").train.labels
    places = balanced_places(labels, 33, 4)
    assert labels[places].bincount().tolist() == [4, 4, 4, 3, 3, 3, 3, 3, 3, 3]
    assert len(places.unique()) == 33
    assert torch.equal(places, balanced_places(labels, 33, 4))
    assert not torch.equal(places, balanced_places(labels, 33, 5))


def test_more_labels_give_more_right_answers_and_the_system_stays_as_it_is(denoising):
    before = {name: value.clone() for name, value in denoising.state_dict().items()}
    once = few_labels(denoising, "digits", counts=(10, 200), draws=2, steps=30)
    again = few_labels(denoising, "digits", counts=(10, 200), draws=2, steps=30)
    assert all(torch.equal(value, before[name]) for name, value in denoising.state_dict().items())
    for way, values in once.accuracy.items():
        assert values[1].mean() > values[0].mean(), way
        assert np.array_equal(values, again.accuracy[way])
    assert once.sheet().blocks
    assert len(once.table().rows) == 2


def test_the_gain_is_students_interval_of_the_pairs():
    whole, scratch = np.array([[0.8, 0.7, 0.9]]), np.array([[0.7, 0.7, 0.7]])
    gain, reach = FewLabels("a", "b", (10,), {"whole": whole, "scratch": scratch}).gain()
    interval = t.interval(0.95, 2, *(lambda d: (d.mean(), d.std(ddof=1) / 3**0.5))((whole - scratch)[0]))
    assert (gain[0] - reach[0], gain[0] + reach[0]) == pytest.approx(interval)


@pytest.mark.parametrize(("counts", "draws", "words"), [((5,), 2, "5 labels"), ((10,), 1, "two draws")])
def test_counts_that_cannot_be_are_refused(denoising, counts, draws, words):
    with pytest.raises(ValueError, match=words):
        few_labels(denoising, "digits", counts=counts, draws=draws)


def test_clusters_agree_with_classes_as_scikit_learn_says(denoising):
    groups = clusters(denoising, "digits")
    held = classic("digits").test
    value, low, high = groups.agreement["codes"]["ARI"]
    assert value == pytest.approx(adjusted_rand_score(held.labels.numpy(), groups.members))
    assert low < value < high
    assert value > 0.2
    expected = KMeans(10, n_init=4, random_state=0).fit_predict(
        held.batch(torch.arange(len(held))).x.flatten(1).double()
    )
    assert groups.agreement["pixels"]["ARI"][0] == pytest.approx(adjusted_rand_score(held.labels.numpy(), expected))
    assert len(groups.sheet().blocks) == 3


def test_one_cluster_is_refused(denoising):
    with pytest.raises(ValueError, match="not 1"):
        clusters(denoising, "digits", count=1)
