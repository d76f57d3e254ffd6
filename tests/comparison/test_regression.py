"""Regressions from sums agree with scikit-learn's on the samples themselves."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge, orthogonal_mp_gram

from phosphene.comparison.regression.moments import Moments, bytes_of
from phosphene.comparison.regression.ridge import ridge
from phosphene.comparison.regression.sparse import pursuit


@pytest.fixture(scope="module")
def samples() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(400, 12, generator=generator, dtype=torch.float64)
    z = z @ torch.randn(12, 12, generator=generator, dtype=torch.float64) + 50
    y = z @ torch.randn(12, 5, generator=generator, dtype=torch.float64) + 3
    return z, y + torch.randn(400, 5, generator=generator, dtype=torch.float64)


def sums(z: torch.Tensor, y: torch.Tensor, cut: int = 50) -> Moments:
    moments = Moments(z.shape[1], y.shape[1])
    for start in range(0, len(z), cut):
        moments.add(z[start : start + cut], y[start : start + cut])
    return moments


def test_sums_give_the_covariances_and_add_up(samples):
    z, y = samples
    zz, zy, yy = sums(z, y).centred()
    whole = torch.cov(torch.cat([z, y], 1).T, correction=0)
    torch.testing.assert_close(zz, whole[:12, :12])
    torch.testing.assert_close(zy, whole[:12, 12:])
    torch.testing.assert_close(yy, whole[12:, 12:].diagonal())
    joined = sums(z[:130], y[:130])
    joined.merge(sums(z[130:], y[130:]))
    empty = Moments(12, 5)
    empty.merge(joined)
    empty.merge(Moments(12, 5))
    for one, other in zip(empty.centred(), (zz, zy, yy), strict=True):
        torch.testing.assert_close(one, other)
    assert bytes_of(12, 5) == 8 * (144 + 60 + 24 + 15)


def test_large_means_cost_no_digits():
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(1000, 3, generator=generator) * 1e-2 + 1000
    variance = sums(z, z).centred()[2]
    torch.testing.assert_close(variance, z.double().var(0, correction=0), rtol=1e-3, atol=0)


@pytest.mark.parametrize("strength", [1e-4, 1e-1])
def test_ridge_is_scikit_learns(samples, strength):
    z, y = samples
    fit, held_out = sums(z[:300], y[:300]), sums(z[300:], y[300:])
    ours = ridge(fit, held_out, strengths=[strength])
    alpha = strength * float(fit.centred()[0].diagonal().mean()) * 300
    theirs = Ridge(alpha=alpha).fit(z[:300], y[:300])
    np.testing.assert_allclose(ours.weight.T, theirs.coef_, atol=1e-9)
    np.testing.assert_allclose(ours.bias, theirs.intercept_, atol=1e-7)
    error = np.square(theirs.predict(z[300:]) - y[300:].numpy()).mean(0).sum() / y[300:].var(0, correction=0).sum()
    assert ours.held_out == pytest.approx(float(error))


def test_the_strength_of_the_smallest_error_on_held_out_samples_is_chosen(samples):
    z, y = samples
    noisy = y + 30 * torch.randn(y.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    fit, held_out = sums(z[:20], noisy[:20]), sums(z[300:], y[300:])
    each = [ridge(fit, held_out, strengths=[strength]).held_out for strength in (1e-8, 1e-2, 1.0)]
    best = ridge(fit, held_out, strengths=[1e-8, 1e-2, 1.0])
    assert best.held_out == min(each)


def test_the_prior_that_nothing_changes_is_kept_where_samples_say_little():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(40, 30, generator=generator, dtype=torch.float64)
    fit, held_out = sums(z[:8], z[:8]), sums(z[8:], z[8:])
    best = ridge(fit, held_out, torch.eye(30, dtype=torch.float64))
    assert best.centre == "unchanged"
    torch.testing.assert_close(best.weight, torch.eye(30, dtype=torch.float64))
    assert best.held_out < 1e-12


def test_values_that_do_not_vary_are_refused():
    flat = sums(torch.ones(10, 3), torch.ones(10, 2))
    with pytest.raises(ValueError, match="don't vary"):
        ridge(flat, flat)
    with pytest.raises(ValueError, match="give more images"):
        ridge(Moments(3, 2), flat)


@pytest.mark.parametrize("k", [1, 3])
def test_sparse_maps_are_scikit_learns_matching_pursuit(samples, k):
    fit = sums(*samples)
    weight, bias = pursuit(fit, k)
    zz, zy, _ = (part.numpy() for part in fit.centred())
    spread = np.sqrt(np.diag(zz))
    for column in range(5):
        theirs = orthogonal_mp_gram(zz / np.outer(spread, spread), zy[:, column] / spread, n_nonzero_coefs=k) / spread
        np.testing.assert_allclose(weight[:, column], theirs, atol=1e-9)
    z, y = samples
    torch.testing.assert_close((z @ weight + bias).mean(0), y.mean(0))
    with pytest.raises(ValueError, match="at least 1 input"):
        pursuit(fit, 0)


def test_a_sparse_map_finds_a_permutation_and_leaves_dead_inputs_out():
    generator = torch.Generator().manual_seed(3)
    z = torch.randn(200, 6, generator=generator, dtype=torch.float64)
    z[:, 2] = 7.0  # dead
    order = torch.tensor([3, 0, 5, 1, 4])
    weight, _ = pursuit(sums(z, z[:, order]), 1)
    assert weight.abs().argmax(0).tolist() == order.tolist()
    assert int((weight != 0).sum()) == 5
