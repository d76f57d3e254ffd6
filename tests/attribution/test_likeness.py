"""Likeness of maps against scipy and scikit-image, and by hand."""

import numpy as np
import pytest
import torch

from phosphene.attribution.trials.likeness import pearson, ranks, spearman, ssim


@pytest.fixture
def pairs():
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randn(2, 4, 15, 12, generator=generator, dtype=torch.float64)
    return one, 0.5 * one + other


def test_correlations_are_scipys(pairs):
    scipy = pytest.importorskip("scipy.stats")
    tied = tuple((values * 2).round() for values in pairs)
    for one, other in (pairs, tied):
        for index in range(len(one)):
            a, b = one[index].flatten().numpy(), other[index].flatten().numpy()
            assert float(pearson(one, other)[index]) == pytest.approx(scipy.pearsonr(a, b).statistic, abs=1e-12)
            assert float(spearman(one, other)[index]) == pytest.approx(scipy.spearmanr(a, b).statistic, abs=1e-12)


def test_structural_similarity_is_scikit_images(pairs):
    metrics = pytest.importorskip("skimage.metrics")
    for signed, maps in ((True, pairs), (False, [values.abs() for values in pairs])):
        a, b = (values / values.abs().amax((1, 2), keepdim=True) for values in maps)
        for index in range(len(a)):
            _, places = metrics.structural_similarity(
                a[index].numpy(), b[index].numpy(), data_range=2.0 if signed else 1.0, gaussian_weights=True,
                sigma=1.5, use_sample_covariance=False, full=True,
            )  # fmt: skip
            window, ours = 5, ssim_places(a[index], b[index], signed)
            np.testing.assert_allclose(ours[window:-window, window:-window],
                                       places[window:-window, window:-window], atol=1e-12)  # fmt: skip
            assert float(ssim(*maps, signed)[index]) == pytest.approx(ours.mean(), abs=1e-12)


def ssim_places(a, b, signed):
    """A slow rewrite, pixel by pixel, beyond the border by the nearest pixel."""
    weights = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    weights = np.outer(weights, weights) / weights.sum() ** 2
    a, b = (np.pad(each.numpy(), 5, mode="edge") for each in (a, b))
    span = 2.0 if signed else 1.0
    found = np.empty((a.shape[0] - 10, a.shape[1] - 10))
    for y, x in np.ndindex(*found.shape):
        u, v = a[y : y + 11, x : x + 11], b[y : y + 11, x : x + 11]
        mu, mv = (weights * u).sum(), (weights * v).sum()
        vu, vv = (weights * (u - mu) ** 2).sum(), (weights * (v - mv) ** 2).sum()
        both = (weights * (u - mu) * (v - mv)).sum()
        c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
        found[y, x] = (2 * mu * mv + c1) * (2 * both + c2) / ((mu**2 + mv**2 + c1) * (vu + vv + c2))
    return found


@pytest.mark.parametrize("measure", [pearson, spearman, ssim])
def test_a_map_is_wholly_like_itself_at_any_scale(pairs, measure):
    torch.testing.assert_close(measure(pairs[0], 1e-7 * pairs[0]), torch.ones(4, dtype=torch.float64))


def test_opposite_maps_and_monotonous_ones(pairs):
    one, _ = pairs
    torch.testing.assert_close(pearson(one, -one), -torch.ones(4, dtype=torch.float64))
    torch.testing.assert_close(spearman(one, one.exp()), torch.ones(4, dtype=torch.float64))


def test_ties_share_their_mean_rank_and_unknown_values_have_none():
    found = ranks(torch.tensor([[5.0, 2.0, 2.0, float("nan"), 9.0]]))
    np.testing.assert_array_equal(found.numpy(), [[2.0, 0.5, 0.5, np.nan, 3.0]])


def test_a_constant_map_is_like_nothing_and_unknown_pixels_are_left_out(pairs):
    one, other = pairs
    assert pearson(one, torch.ones_like(one)).isnan().all()
    holed = one.clone()
    holed[:, 3] = float("nan")
    kept = [row for row in range(15) if row != 3]
    torch.testing.assert_close(pearson(holed, other), pearson(one[:, kept], other[:, kept]))
    torch.testing.assert_close(spearman(holed, other), spearman(one[:, kept], other[:, kept]))
