"""Distributions: equal to other implementations, bounds in their order, closed forms reached."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from linear_vae import LinearVAE
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.neighbors import KernelDensity

from phosphene.learning import make
from phosphene.learning.sets.classics import classic
from phosphene.learning.sets.examples import TensorExamples
from phosphene.learning.systems.density.kde import best_bandwidth, log_density
from phosphene.learning.systems.density.latent import Likeliness, importance_estimate, prior_estimate, quadrature
from phosphene.learning.systems.density.ppca import closed_form, em, likelihood, moments


@pytest.fixture(scope="module")
def digits():
    held = classic("digits")
    return tuple(part.batch(torch.arange(len(part))).x for part in (held.train, held.test))


# ---- kernel density estimate


def test_kde_is_the_formula(digits):
    x, y = digits
    kde = make("kde", bandwidth=0.3).fit(x)
    a, b = y[:20].flatten(1).double().numpy(), x.flatten(1).double().numpy()
    exponents = -0.5 * ((a[:, None] - b[None]) ** 2).sum(-1) / 0.3**2
    expected = logsumexp(exponents, axis=1) - math.log(len(b)) - 64 * math.log(0.3 * math.sqrt(2 * math.pi))
    assert np.abs(kde.log_prob(y[:20]).numpy() - expected).max() < 1e-10


def test_kde_equals_scikit_learns():
    """In few dimensions: in 64, scikit-learn's trees lose tens of nats against the formula."""
    x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    kde = make("kde", bandwidth=0.4).fit(x)
    other = KernelDensity(bandwidth=0.4).fit(x.numpy()).score_samples(x[:100].numpy())
    assert np.abs(kde.log_prob(x[:100]).numpy() - other).max() < 1e-8


def test_the_density_of_a_kde_integrates_to_one():
    x = torch.randn(40, 1, generator=torch.Generator().manual_seed(1))
    grid = torch.linspace(-8, 8, 4001, dtype=torch.float64)[:, None]
    assert float(make("kde").fit(x).log_prob(grid).exp().sum() * (16 / 4000)) == pytest.approx(1, abs=1e-3)


def test_the_bandwidth_is_the_best_of_leaving_out(digits):
    x = digits[0].flatten(1).double()[:400]
    best = best_bandwidth(x)

    def left_out(h):
        return float(log_density(x, x, h, without_own=True).mean())

    assert left_out(best) > left_out(0.93 * best)
    assert left_out(best) > left_out(1.07 * best)


def test_equal_examples_have_no_bandwidth():
    with pytest.raises(ValueError, match="all examples are equal"):
        make("kde").fit(torch.zeros(5, 2))


# ---- probabilistic principal components


def test_ppca_equals_scikit_learns_where_it_divides_as_that_does(digits):
    x, y = digits
    other = PCA(10).fit(x.flatten(1).double().numpy())
    mine = make("ppca", components=10, unbiased=True).fit(x)
    assert mine.log_prob(y).numpy() == pytest.approx(other.score_samples(y.flatten(1).double().numpy()), abs=1e-9)


def test_the_closed_form_has_the_highest_likelihood(digits):
    x, _ = digits
    best = make("ppca", components=10).fit(x)
    other = make("ppca", components=10, unbiased=True).fit(x)
    assert float(best.log_prob(x).mean()) > float(other.log_prob(x).mean())


def test_expectation_maximisation_rises_to_the_closed_form(digits):
    _, covariance = moments(TensorExamples(digits[0]), unbiased=False)
    weights, variance = closed_form(covariance, 3)
    steps = list(em(covariance, 3, 400))
    likelihoods = [value for *_, value in steps]
    assert all(after >= before - 1e-10 for before, after in pairwise(likelihoods))
    assert likelihoods[-1] == pytest.approx(likelihood(covariance, weights, variance), abs=1e-6)
    reached, noise, _ = steps[-1]
    assert torch.allclose(reached @ reached.T, weights @ weights.T, atol=1e-3)  # W itself only up to a rotation
    assert float(noise) == pytest.approx(float(variance), rel=1e-4)


def test_ppca_is_one_gaussian_and_fills_in_its_conditional_mean():
    x = torch.randn(300, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    x = x @ torch.randn(5, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    ppca = make("ppca", components=2).fit(x)
    covariance = (ppca.weights @ ppca.weights.T + ppca.variance * torch.eye(5, dtype=torch.float64)).numpy()
    expected = multivariate_normal(ppca.mean.numpy(), covariance).logpdf(x[:9].numpy())
    assert ppca.log_prob(x[:9]).numpy() == pytest.approx(expected, abs=1e-9)
    known = torch.tensor([True, True, False, True, False])
    a, b = np.flatnonzero(known), np.flatnonzero(~known)
    mean = ppca.mean.numpy()
    given = mean[b] + covariance[np.ix_(b, a)] @ np.linalg.solve(covariance[np.ix_(a, a)], x[0].numpy()[a] - mean[a])
    filled = ppca.complete(x[:1], known.expand(1, 5))
    assert filled[0, b].numpy() == pytest.approx(given, abs=1e-9)
    assert torch.equal(filled[0, a], x[0, a])


def test_samples_of_ppca_have_its_covariance():
    x = torch.randn(500, 4, generator=torch.Generator().manual_seed(4)) * torch.tensor([3.0, 2.0, 1.0, 1.0])
    ppca = make("ppca", components=2).fit(x)
    drawn = ppca.sample(200_000, seed=1).double()
    assert torch.allclose(
        drawn.T.cov(), ppca.weights @ ppca.weights.T + ppca.variance * torch.eye(4).double(), atol=0.06
    )
    assert torch.equal(ppca.sample(5, seed=1), ppca.sample(5, seed=1))


@pytest.mark.parametrize("components", [0, 4, 9])
def test_components_that_make_no_sense_are_refused(components):
    with pytest.raises(ValueError, match=f"examples of 4 values have 1 to 3 components, not {components}"):
        make("ppca", components=components).fit(torch.randn(9, 4))


# ---- models with a code, where p(x) is known: a linear decoder with Gaussian noise is a Gaussian


@pytest.fixture(scope="module")
def linear():
    """A linear decoder of two codes with noise, as a Likeliness sees it, and the exact log p of some examples."""
    torch.manual_seed(0)
    weights, likeliness = torch.randn(6, 2), Likeliness("gaussian")
    x = torch.randn(30, 2) @ weights.T + likeliness.log_sigma.exp().detach() * torch.randn(30, 6)
    covariance = weights @ weights.T + (2 * likeliness.log_sigma).exp().detach() * torch.eye(6)
    exact = torch.distributions.MultivariateNormal(torch.zeros(6), covariance).log_prob(x)
    return weights, likeliness.requires_grad_(False), x, exact


def test_quadrature_is_exact(linear):
    weights, likeliness, x, exact = linear
    assert torch.allclose(
        quadrature(lambda x, z: likeliness(x[:, None], (z @ weights.T)[None]), x, 2), exact, atol=1e-3
    )


def test_the_priors_estimate_rises_with_its_samples_to_the_exact_value(linear):
    weights, likeliness, x, exact = linear
    torch.manual_seed(1)
    means = [
        prior_estimate(lambda x, z: likeliness(x[:, None], (z @ weights.T)[None]), x, 2, samples).mean()
        for samples in (10, 300, 40_000)
    ]
    assert means[0] < means[1] < means[2] + 0.02
    assert float(means[2]) == pytest.approx(float(exact.mean()), abs=0.1)


def test_importance_sampling_by_the_posterior_is_exact_with_one_code(linear):
    """Where q is the posterior, p(x, z) / q(z | x) is p(x) for every z. The posterior here has a full covariance, so a
    decoder of orthogonal columns is taken, whose posterior is diagonal."""
    torch.manual_seed(2)
    likeliness = Likeliness("gaussian").requires_grad_(False)
    weights = torch.linalg.qr(torch.randn(6, 2)).Q * torch.tensor([2.0, 0.7])
    noise = (2 * likeliness.log_sigma).exp()
    precision = 1 + weights.square().sum(0) / noise
    x = torch.randn(30, 6)
    mean = x @ weights / noise / precision
    exact = torch.distributions.MultivariateNormal(torch.zeros(6), weights @ weights.T + noise * torch.eye(6)).log_prob(
        x
    )
    log_sigma = (-0.5 * precision.log()).expand_as(mean)
    estimate = importance_estimate(lambda x, z: likeliness(x, z @ weights.T), x, mean, log_sigma, 1)
    assert torch.allclose(estimate, exact, atol=1e-3)


def test_a_bernoullis_likelihood_is_its_formula():
    x, logits = torch.tensor([[1.0, 0.0, 1.0]]), torch.tensor([[0.3, -2.0, 1.0]])
    p = torch.sigmoid(logits)
    assert torch.allclose(Likeliness("bernoulli")(x, logits), (x * p.log() + (1 - x) * (1 - p).log()).sum(1))


# ---- the systems themselves


@pytest.fixture(scope="module")
def vae(digits):
    pytest.importorskip("lightning_fabric", reason="the extra 'learning' is not installed")
    return make("vae", codes=2, hidden=64).fit(digits[0], steps=400, rate=3e-3)


@pytest.fixture(scope="module")
def black_and_white(vae):
    held = vae.learns_from(classic("digits").test)
    return held.batch(torch.arange(len(held))).x


def test_bounds_stand_in_their_order(vae, black_and_white):
    """ELBO <= importance-weighted <= exact, in the mean."""
    torch.manual_seed(0)
    bound = vae.bound(black_and_white).mean()
    few, many = (vae.log_prob(black_and_white, samples).mean() for samples in (5, 1000))
    exact = vae.exact_log_prob(black_and_white).mean()
    assert bound < few < many < exact + 0.01
    assert float(many) == pytest.approx(float(exact), abs=0.05)


def test_the_vae_has_learned_something(vae, black_and_white):
    frequencies = black_and_white.mean(0)
    alone = torch.distributions.Bernoulli(frequencies.clamp(1e-3, 1 - 1e-3)).log_prob(black_and_white).flatten(1).sum(1)
    assert vae.log_prob(black_and_white).mean() > alone.mean() + 1


def test_the_elbo_is_the_one_of_its_formula(vae, black_and_white):
    x = black_and_white[:3]
    torch.manual_seed(5)
    bound = vae.bound(x)
    torch.manual_seed(5)
    mean, log_sigma = vae._posterior(x)
    z = mean + log_sigma.exp() * torch.randn_like(mean)
    p = torch.sigmoid(vae.decoder(z)).double()
    q, prior = torch.distributions.Normal(mean, log_sigma.exp()), torch.distributions.Normal(0.0, 1.0)
    divergence = torch.distributions.kl_divergence(q, prior).sum(1)
    expected = (x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1) - divergence
    assert torch.allclose(bound.double(), expected, atol=1e-3)


def test_a_decoder_that_ignores_its_codes_is_said_to_have_collapsed(digits):
    pytest.importorskip("lightning_fabric", reason="the extra 'learning' is not installed")
    vae = make("vae", codes=3, hidden=16, beta=200.0).fit(digits[0], steps=150, rate=3e-3)
    numbers = vae.evaluate(classic("digits").test)
    assert numbers["codes in use"] == 0
    remarks = vae.remarks(numbers)
    assert any("the codes have collapsed" in remark for remark in remarks)
    assert any("beta = 200; the bound that is reported has beta = 1" in remark for remark in remarks)


def test_a_density_networks_grid_and_samples_agree(digits):
    pytest.importorskip("lightning_fabric", reason="the extra 'learning' is not installed")
    network = make("density-network", hidden=32, samples=100).fit(digits[0], steps=200, rate=3e-3)
    x = network.learns_from(classic("digits").test).batch(torch.arange(40)).x
    assert float(network.log_prob(x, 40_000).mean()) == pytest.approx(float(network.log_prob(x).mean()), abs=0.1)
    assert network.log_prob(x, 10).mean() < network.log_prob(x, 1000).mean() < network.log_prob(x).mean() + 0.05


def test_a_linear_vae_finds_the_subspace_of_ppca():
    """Tipping & Bishop's closed form is the optimum of a VAE whose decoder is linear (Lucas et al. 2019)."""
    pytest.importorskip("lightning_fabric", reason="the extra 'learning' is not installed")
    torch.manual_seed(0)
    x = torch.randn(2000, 2) @ torch.tensor([[2.0, 1, 0, 0, 1], [0, 1, -1, 2, 0]]) + 0.3 * torch.randn(2000, 5)
    ppca = make("ppca", components=2).fit(x)
    vae = LinearVAE(LinearVAE.settings()).fit(x - x.mean(0), steps=1500, rate=1e-2, batch=200)
    angles = torch.linalg.svdvals(
        torch.linalg.qr(vae.decoder.weight.detach().double()).Q.T @ torch.linalg.qr(ppca.weights).Q
    )
    assert float(angles.min()) > 0.995
    assert float((2 * vae.likeliness.log_sigma.detach()).exp()) == pytest.approx(float(ppca.variance), rel=0.15)


def test_what_a_system_is_given_must_fit_it(vae):
    with pytest.raises(ValueError, match=r"takes examples \(N, 1, 8, 8\), not \(2, 64\)"):
        vae.encode(torch.zeros(2, 64))
    with pytest.raises(ValueError, match="no finite numbers"):
        vae.encode(torch.full((1, 1, 8, 8), float("nan")))
    with pytest.raises(ValueError, match="black and white are drawn from values in"):
        make("vae", hidden=8).fit(torch.randn(10, 1, 8, 8), steps=1)
    with pytest.raises(TypeError, match="has no setting 'code'; near it: codes"):
        make("vae", code=3)
    with pytest.raises(LookupError, match="there is no system 'vea'; near it: vae"):
        make("vea")
    with pytest.raises(ValueError, match="has learned nothing yet"):
        _ = make("ppca").shape
