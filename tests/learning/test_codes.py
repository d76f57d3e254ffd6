"""Clusters of codes, and classes learned from few labels."""

import numpy as np
import pytest
import torch
from scipy.stats import t
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from phosphene.learning import clusters, few_labels, make
from phosphene.learning.codes.few_labels import FewLabels, balanced_places
from phosphene.learning.sets.classics import classic


@pytest.fixture(scope="module")
def digits():
    held = classic("digits")
    return tuple(part.batch(torch.arange(len(part))).x for part in (held.train, held.test))


# ---- clusters and few labels


@pytest.fixture(scope="module")
def denoising(digits):
    return make("denoising-autoencoder", codes=32, hidden=64).fit(digits[0], steps=250, rate=3e-3)


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
    assert len(groups.sheet().blocks) == 2


def test_one_cluster_is_refused(denoising):
    with pytest.raises(ValueError, match="not 1"):
        clusters(denoising, "digits", count=1)
