"""Similarities: laws, formulas in plain loops, and peers on the same values."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.comparison.similarity.grams import gram_of
from phosphene.comparison.similarity.hsic import alignment, hsic, own, rbf
from phosphene.comparison.similarity.measures import (
    cca,
    centred,
    components,
    correlation_distances,
    procrustes,
    rank_correlations,
)

SIDE = 12


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def gram(x: np.ndarray) -> np.ndarray:
    return (x @ x.T)[None]


def images(count: int = 24, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def network_of(seed: int, channels: int = 6) -> ph.Network:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(
            nn.Conv2d(3, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True),
            nn.Conv2d(channels, 5, 3, stride=2), nn.Flatten(), nn.LazyLinear(4),
        )  # fmt: skip
        module(torch.zeros(2, 3, SIDE, SIDE))
    return ph.Network(module.eval(), ph.Preprocessing.plain(size=SIDE))


def test_the_unbiased_criterion_is_its_formula_in_plain_loops():
    x, y = normal(9, 4), normal(9, 3, seed=1)
    k, l = x @ x.T, y @ y.T  # noqa: E741
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    m = 9
    # over all quadruples of different images (Song and others 2012, eq. 4): the expectation that HSIC1 estimates
    one, two, three = 0.0, 0.0, 0.0
    for i in range(m):
        for j in range(m):
            if i == j:
                continue
            one += k[i, j] * l[i, j]
            for q in range(m):
                if q in (i, j):
                    continue
                two += k[i, j] * l[i, q]
                for r in range(m):
                    if r not in (i, j, q):
                        three += k[i, j] * l[q, r]
    pairs, triples, quads = m * (m - 1), m * (m - 1) * (m - 2), m * (m - 1) * (m - 2) * (m - 3)
    expected = one / pairs + three / quads - 2 * two / triples
    assert hsic(gram(x), gram(y))[0, 0] == pytest.approx(expected)
    assert own(gram(x))[0] == pytest.approx(hsic(gram(x), gram(x))[0, 0])


def test_alignment_is_one_after_a_rotation_a_scale_and_a_shift():
    x = normal(20, 7)
    rotation = np.linalg.qr(normal(7, 7, seed=3))[0]
    y = 3 * x @ rotation + 5
    value = alignment(hsic(gram(x), gram(y)), own(gram(x)), own(gram(y)))
    assert value[0, 0] == pytest.approx(1)
    assert procrustes(centred(x @ x.T), centred(y @ y.T)) == pytest.approx(1)
    assert cca(components(centred(x @ x.T)), components(centred(y @ y.T))) == pytest.approx(1, abs=1e-6)


def test_independent_values_have_none_in_expectation():
    values = []
    for seed in range(400):
        x, y = normal(16, 40, seed=2 * seed), normal(16, 40, seed=2 * seed + 1)
        values.append(hsic(gram(x), gram(y))[0, 0] / math.sqrt(own(gram(x))[0] * own(gram(y))[0]))
    assert abs(np.mean(values)) < 3 * np.std(values) / 20


def test_the_gaussian_kernel_is_one_of_distances():
    x = normal(8, 5)
    distances = np.linalg.norm(x[:, None] - x[None], axis=2)
    median = np.median(np.square(distances)[np.triu_indices(8, 1)])
    np.testing.assert_allclose(rbf(gram(x), 0.5)[0], np.exp(-np.square(distances) / (2 * 0.25 * median)))


def test_distances_from_a_gram_matrix_are_those_of_the_values():
    x = normal(7, 30) + 4
    expected = 1 - np.corrcoef(x)[np.triu_indices(7, 1)]
    np.testing.assert_allclose(correlation_distances((y := x - x.mean(1, keepdims=True)) @ y.T), expected, atol=1e-12)


def test_rank_correlations_are_scipys():
    from scipy.stats import spearmanr

    x, y = normal(40), np.round(normal(40, seed=2), 1)  # with ties
    assert rank_correlations([x], [y])[0, 0] == pytest.approx(spearmanr(x, y).statistic)
    assert np.isnan(rank_correlations([x], [np.ones(40)])[0, 0])


def test_procrustes_and_cca_are_those_of_the_values():
    from scipy.linalg import orthogonal_procrustes

    x, y = normal(30, 4), normal(30, 5, seed=1)
    x, y = x - x.mean(0), y - y.mean(0)
    x, y = x / np.linalg.norm(x), np.pad(y, ((0, 0), (0, 0))) / np.linalg.norm(y)
    _, scale = orthogonal_procrustes(np.pad(x, ((0, 0), (0, 1))), y)
    assert procrustes(x @ x.T, y @ y.T) == pytest.approx(scale)
    q, r = np.linalg.qr(x)[0], np.linalg.qr(y)[0]
    expected = np.linalg.svd(q.T @ r, compute_uv=False).mean()
    assert cca(components(x @ x.T), components(y @ y.T)) == pytest.approx(expected)


def test_a_stream_of_batches_is_a_plain_loop_over_all_pairs_of_layers(unchanged):
    a, b, x = network_of(0), network_of(1, channels=8), images(24)
    with unchanged(a.module, b.module):
        result = ph.similarity(a, b, x, layers=["0", "2", "3", "logits"], batch=8)

    def values(network, name, some):
        return network.record(some, name)[name].flatten(1).double().numpy()

    names = result.layers[0]
    for i, first in enumerate(names):
        for j, second in enumerate(names):
            across = one = other = 0.0
            for start in range(0, 24, 8):
                k, l = (gram(values(n, name, x[start : start + 8])) for n, name in ((a, first), (b, second)))  # noqa: E741
                across += hsic(k, l)[0, 0]
                one, other = one + own(k)[0], other + own(l)[0]
            assert result.values[i, j] == pytest.approx(across / math.sqrt(one * other), abs=1e-5)
    assert result.images == 24
    assert (result.low <= result.values + 1e-9).all()
    assert (result.values <= result.high + 1e-9).all()


@pytest.mark.parametrize("kind", ["rsa", "procrustes", "cca"])
def test_kinds_over_all_images_are_those_of_the_values(kind):
    a, b, x = network_of(0), network_of(1), images(20)
    result = ph.similarity(a, b, x, layers=["2", "3"], kind=kind, batch=7)
    rows = [[n.record(x, name)[name].flatten(1).double().numpy() for name in ("2", "3")] for n in (a, b)]
    for i, first in enumerate(rows[0]):
        for j, second in enumerate(rows[1]):
            if kind == "rsa":
                distances = [1 - np.corrcoef(each)[np.triu_indices(20, 1)] for each in (first, second)]
                expected = rank_correlations([distances[0]], [distances[1]])[0, 0]
            else:
                grams = [centred(each @ each.T) for each in (first, second)]
                expected = procrustes(*grams) if kind == "procrustes" else cca(*map(components, grams))
            assert result.values[i, j] == pytest.approx(expected, abs=1e-4)


def test_a_network_beside_itself_finds_each_layer():
    a, x = network_of(0), images(24)
    for kind in ("cka", "rsa", "procrustes"):
        result = ph.similarity(a, a, x, layers=["0", "3", "logits"], kind=kind, batch=8)
        assert [row["most_alike"] for row in result.rows] == ["0", "3", "logits"]
        np.testing.assert_allclose(result.values.diagonal(), 1, atol=1e-6)
        assert result.order == pytest.approx(1)
        assert result.same


def test_the_hash_tells_images_and_their_order_apart():
    a, x = network_of(0), images(12)
    hashes = [ph.similarity(a, a, some, layers="3", batch=4).hash for some in (x, x.flip(0), x.clone())]
    assert hashes[0] == hashes[2] != hashes[1]


def test_the_picture_and_the_json(tmp_path):
    a, b, x = network_of(0), network_of(1), images(12)
    for kernel in ("linear", "rbf"):
        result = ph.similarity(a, b, x, layers=["0", "3"], layers_b=["3", "logits"], kernel=kernel, batch=4)
        json.dumps(result.to_dict(), allow_nan=False)
        assert result.layers == (("0", "3"), ("3", "logits"))
        assert result.save(tmp_path / f"{kernel}.svg").stat().st_size > 3000
    single = ph.similarity(a, b, x, layers="0", batch=64)
    assert np.isnan(single.low).all()
    json.dumps(single.to_dict(), allow_nan=False)
    words = [step.progress for step in ph.similarity.steps(a, b, x, layers="0", batch=4)]
    assert words == ["comparing: image 4 of 12", "comparing: image 8 of 12", "comparing: image 12 of 12", "done"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": images(3)}, "CKA needs 4 images at least, and there are 3"),
        ({"images": images(3), "kind": "rsa"}, "rsa needs 4 images at least"),
        ({"batch": 3}, "a batch has 4 images at least"),
        ({"kind": "cosine"}, "a similarity is cka, rsa, procrustes, cca"),
        ({"layers": "9"}, "layer '9' is not in"),
        ({"width": 0.0, "kernel": "rbf"}, "above 0"),
        ({"images": images(8) * float("inf")}, "NaN or infinite"),
    ],
)
def test_what_can_not_be_compared_is_refused_in_one_sentence(change, words):
    a = network_of(0)
    options = {"images": images(8), "layers": "0"} | change
    with pytest.raises((ValueError, LookupError), match=words):
        ph.similarity(a, a, options.pop("images"), **options)


def test_a_layer_that_does_not_vary_has_no_number():
    a = network_of(0)
    with torch.no_grad():
        a.module[0].weight.zero_()
    result = ph.similarity(a, network_of(1), images(8), layers=["0", "3"], batch=4)
    assert np.isnan(result.values[0]).all()
    assert result.rows[0]["most_alike"] is None


class Coupled(nn.Module):
    """What it computes for an image hangs on the others of its batch."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        x = self.first(x)
        return x - x.mean(0, keepdim=True)


@pytest.mark.parametrize("kind", ["cka", "rsa"])
def test_images_of_a_batch_do_not_change_each_other(kind):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ph.Network(Coupled().eval(), ph.Preprocessing.plain(size=SIDE))
    x = images(12)
    alone = ph.similarity(network, network, x, layers=["first"], kind=kind, batch=12).values
    half = ph.similarity(network, network, x, layers=["first"], kind=kind, batch=6).values
    np.testing.assert_allclose(alone, half, atol=1e-6)
    result = ph.similarity(network, network, x, layers=["sub"], kind=kind, batch=12)
    assert np.isnan(result.values).all()  # an image alone less its own mean is 0 everywhere


@pytest.mark.parametrize("kind", ["cka", "rsa", "procrustes", "cca"])
def test_what_all_images_share_costs_no_digits(kind):
    class Raised(nn.Module):
        def forward(self, x):
            return x.flatten(1) * 1.0 + 1000

    network = ph.Network(nn.Sequential(Raised()).eval(), ph.Preprocessing.plain(size=4))
    x = torch.rand(60, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert ph.similarity(network, network, x, layers=["0"], kind=kind).values[0, 0] == pytest.approx(1, abs=1e-3)


def test_chance_is_the_value_of_images_in_another_order():
    a, b = network_of(0), network_of(1)
    result = ph.similarity(a, b, images(40), layers=["3"], kind="cca")
    assert 0.2 < result.chance < result.values[0, 0] + 0.3
    assert "in another order" in result.words


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_the_biased_estimate_is_its_formula_over_all_images(kernel):
    a, b, x = network_of(0), network_of(1), images(20)
    result = ph.similarity(a, b, x, layers=["3"], kernel=kernel, estimate="biased", batch=7)
    grams = [gram(network.record(x, "3")["3"].flatten(1).double().numpy()) for network in (a, b)]
    h = np.eye(20) - 1 / 20
    k, l = (h @ (rbf(each, 0.5) if kernel == "rbf" else each)[0] @ h for each in grams)  # noqa: E741
    expected = np.trace(k @ l) / np.sqrt(np.trace(k @ k) * np.trace(l @ l))
    assert result.values[0, 0] == pytest.approx(expected, abs=1e-5)
    assert result.chance > 0.02  # images in another order: this estimate is never 0
    assert "biased CKA" in result.words
    with pytest.raises(ValueError, match="an estimate is unbiased or biased, not 'some'"):
        ph.similarity(a, b, x, layers=["3"], estimate="some")


def test_products_of_many_values_keep_their_digits():
    rows = torch.rand(8, 30_000, generator=torch.Generator().manual_seed(0)) + 3
    exact = rows.double() - rows.double().mean(0)
    exact = exact @ exact.T
    assert float((torch.from_numpy(gram_of(rows)) - exact).abs().max() / exact.abs().max()) < 3e-7
