"""What is asked of learned systems: closed forms, brute force, and what a folder must hold."""

import json
import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

import phosphene as ph
from phosphene.learning import examples_needed, fit, likelihood_estimates, make, scores
from phosphene.learning.checkpoints.nearest import NEAREST, nearest_bytes, read_nearest
from phosphene.learning.questions.likelihood_estimates import numbers_up_to
from phosphene.learning.sets.examples import TensorExamples
from phosphene.learning.systems.density.latent import given_others

# ---- how many examples


def test_examples_needed_are_those_of_silvermans_table():
    table = [4, 19, 67, 223, 768, 2790, 10_700, 43_700, 187_000, 842_000]  # rounded to three digits there
    counts = examples_needed(10).counts
    assert [float(f"{math.ceil(count):.3g}") if count > 1000 else math.ceil(count) for count in counts] == table


def test_so_many_examples_have_the_error_that_was_asked_for():
    result = examples_needed(4, error=0.2)
    assert len(result.measured) == 4
    for mean, wide in result.measured:
        assert abs(mean - 0.2) < 4 * wide
    assert "from" not in result.sheet().subtitle  # four dimensions take fewer than MNIST has


@pytest.mark.parametrize(("dimensions", "error"), [(0, 0.1), (3, 0.0), (3, 1.0)])
def test_examples_are_needed_for_something(dimensions, error):
    with pytest.raises(ValueError, match=r"dimensions are 1 to 100|between 0 and 1"):
        examples_needed(dimensions, error=error)


# ---- what an encoder is for


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A system of each kind on the digits, small enough for a second."""
    home = tmp_path_factory.mktemp("systems")
    fit("kde", "digits", home / "kde")
    fit("ppca", "digits", home / "ppca", settings={"components": 10})
    fit("vae", "digits", home / "vae", settings={"codes": 2, "hidden": 40}, steps=300, rate=4e-3)
    fit("density-network", "digits", home / "density", settings={"samples": 50, "hidden": 20}, steps=40)
    return home


def test_estimates_fall_to_the_exact_value_and_below_the_bound(folders):
    result = likelihood_estimates(folders / "vae", samples=3000)
    assert result.samples == (10, 30, 100, 300, 1000, 3000)
    assert result.by_prior[-1] == pytest.approx(result.exact, abs=0.1)
    assert result.by_encoder[-1] == pytest.approx(result.exact, abs=0.1)
    assert result.by_prior[0] > result.by_prior[-1]
    assert result.bound > result.exact
    assert [row[0] for row in result.table().rows] == ["10", "30", "100", "300", "1,000", "3,000"]
    json.dumps(result.to_dict())


def test_a_density_network_has_no_encoder_to_estimate_with(folders):
    result = likelihood_estimates(folders / "density", samples=100)
    assert result.by_encoder is None
    assert result.bound is None
    assert "integral" in result.sheet().caption


def test_systems_without_a_prior_are_refused(folders):
    with pytest.raises(ValueError, match="a ppca has no codes with a prior"):
        likelihood_estimates(folders / "ppca")
    assert numbers_up_to(40) == (10, 30, 40)


# ---- scores of pixels


def test_ppca_scores_a_pixel_by_the_gaussian_given_the_others():
    x = torch.randn(200, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) @ torch.randn(
        5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    system = make("ppca", components=2).fit(x)
    covariance = (system.weights @ system.weights.T + system.variance * torch.eye(5, dtype=torch.float64)).numpy()
    mean = system.mean.numpy()
    for row, nats in zip(x[:3].numpy(), system.pixel_log_prob(x[:3]), strict=True):
        for index in range(5):
            rest = np.delete(np.arange(5), index)
            whole = multivariate_normal(mean, covariance).logpdf(row)
            without = multivariate_normal(mean[rest], covariance[np.ix_(rest, rest)]).logpdf(row[rest])
            assert float(nats[index]) == pytest.approx(whole - without, abs=1e-9)


def test_a_kde_scores_a_pixel_by_the_ratio_of_two_densities():
    x = torch.randn(30, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    system = make("kde", bandwidth=0.5).fit(x)
    rest = make("kde", bandwidth=0.5).fit(x[:, 1:])
    expected = system.log_prob(x[:4]) - rest.log_prob(x[:4, 1:])
    assert torch.allclose(system.pixel_log_prob(x[:4])[:, 0], expected, atol=1e-12)


def test_a_density_network_scores_a_pixel_by_both_values_that_it_may_have():
    torch.manual_seed(0)
    system = make("density-network", codes=2, hidden=8, shape=(4,)).eval()
    torch.nn.init.normal_(system.decoder[-1].weight, std=3.0)
    x = torch.tensor([[1.0, 0.0, 1.0, 1.0]])
    other = x.clone()
    other[0, 0] = 0.0
    # p(x_0 | rest) = p(x) / (p(x) + p(x with x_0 the other way)), the latter two by the integral over codes
    both = system.exact_log_prob(torch.cat([x, other])).double()
    assert float(system.pixel_log_prob(x)[0, 0]) == pytest.approx(float(both[0] - both.logsumexp(0)), abs=0.05)


def test_a_vae_scores_a_pixel_by_both_values_that_it_may_have(folders):
    system = ph.learning.open(folders / "vae")
    x = torch.zeros(1, *system.shape)
    x[0, 0, 2:6, 2:6] = 1.0
    other = x.clone()
    other[0, 0, 3, 3] = 0.0
    both = system.exact_log_prob(torch.cat([x, other])).double()
    expected = float(both[0] - both.logsumexp(0))
    assert float(system.pixel_log_prob(x)[0, 0, 3, 3]) == pytest.approx(expected, abs=0.05)


def test_a_pixel_that_hangs_on_no_code_keeps_its_own_probability():
    nats = torch.tensor([[-1.0, -0.2], [-1.0, -3.0]])
    assert given_others(nats.sum(1), nats)[0] == pytest.approx(-1.0)


# ---- side by side


def test_images_are_placed_among_those_held_out(folders, tmp_path):
    paths = [str(folders / name) for name in ("kde", "ppca", "density", "vae")]
    result = scores(systems=paths)
    assert [each.name for each in result.systems] == [
        "Kernel density estimate", "Probabilistic PCA", "Density network", "Variational autoencoder"
    ]  # fmt: skip
    for path, each in zip(paths, result.systems, strict=True):
        system = ph.learning.open(path)
        if each.name in ("Kernel density estimate", "Probabilistic PCA"):  # of grey values as they are
            assert torch.allclose(system.log_prob(result.images).double(), torch.from_numpy(each.nats))
        assert ((each.place >= 0) & (each.place < 1)).all()
        assert each.pixels.shape == (8, 8, 8)
    noise = scores(torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)), systems=paths)
    for each in noise.systems:
        assert (each.place < 0.5).all()  # the two of images in black and white have hardly learned
    first = result.save(tmp_path / "first.png")
    again = ph.again(first).save(tmp_path / "again.png")
    assert first.read_bytes() == again.read_bytes()


def test_what_can_not_be_scored_is_one_sentence(folders, tmp_path):
    with pytest.raises(ValueError, match="no system is named"):
        scores()
    with pytest.raises(FileNotFoundError, match=r"holds no card\.json"):
        scores(systems=str(tmp_path))
    with pytest.raises(ValueError, match=r"images are \(N, 1, 8, 8\), not \(1, 3, 8, 8\)"):
        scores(torch.rand(1, 3, 8, 8), systems=str(folders / "kde"))
    fit("ppca", torch_set(), tmp_path / "plane", settings={"components": 1})
    with pytest.raises(ValueError, match="which are no images"):
        scores(systems=str(tmp_path / "plane"))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(ValueError, match="none of the images can be read"):
        scores([str(broken)], systems=str(folders / "kde"))


def torch_set():
    from phosphene.learning.sets.dataset import DataSet

    x = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    return DataSet("plane", TensorExamples(x[:30]), TensorExamples(x[30:]))


def test_the_nearest_training_images_are_the_nearest(tmp_path):
    x = torch.rand(3000, 1, 4, 4, generator=torch.Generator().manual_seed(0)).mul(255).to(torch.uint8)
    samples = x[[7, 2900]].float() / 255 + 0.01
    (tmp_path / NEAREST).write_bytes(nearest_bytes(samples, TensorExamples(x)))
    _, nearest = read_nearest(tmp_path)
    assert torch.equal(nearest.mul(255).round().to(torch.uint8), x[[7, 2900]])
    (tmp_path / NEAREST).write_bytes(b"broken")
    with pytest.raises(ValueError, match="is damaged"):
        read_nearest(tmp_path)
    assert read_nearest(tmp_path / "nothing") is None
