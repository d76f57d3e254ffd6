from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits

from phosphene.atlas.projection import tsne
from phosphene.atlas.projection.reduction import Reduced, Reduction
from phosphene.atlas.projection.tsne import BY_PAIRS, Attraction, Phase, Repulsion, laid_out


def affinities(images, seed=0):
    found = np.random.default_rng(seed).random((images, images))
    found[found < 0.8] = 0
    found[:, 0] += 1e-3  # no row is empty
    found += found.T
    np.fill_diagonal(found, 0)
    return csr_matrix(found / found.sum())


@pytest.fixture
def thread_pool():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def points(count, spread, seed=0):
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed)) * spread


@pytest.mark.parametrize("count", [40, 1_200], ids=["by pairs", "on the grid"])
@pytest.mark.parametrize("spread", [0.5, 20.0])
def test_pull_and_push_are_the_gradient_of_the_divergence(count, spread, thread_pool):
    p, y = affinities(count), points(count, spread)
    exact = y.double().requires_grad_()
    near = 1 / (1 + (exact[:, None] - exact).square().sum(2))
    near = near * (1 - torch.eye(count))
    dense = torch.from_numpy(p.toarray())
    some = dense > 0
    divergence = (dense[some] * (dense[some] / (near / near.sum())[some]).log()).sum()
    (wanted,) = torch.autograd.grad(divergence, exact)

    attraction = Attraction.of(p, thread_pool)
    push, total = Repulsion().at(y)
    found = 4 * (attraction.at(y) - push / total)
    assert (found - wanted).norm() < (0.03 if count > BY_PAIRS else 1e-5) * wanted.norm()
    assert total == pytest.approx(near.sum().item(), rel=2e-3)
    assert attraction.divergence(y, total) == pytest.approx(divergence.item(), abs=2e-3)


def test_the_grid_grows_with_the_points_and_is_made_anew_only_then():
    repulsion, sides = Repulsion(), []
    for spread in (0.01, 0.02, 5.0, 5.1, 40.0, 1.0):
        repulsion.at(points(1_500, spread))
        sides.append(repulsion.side)
    assert sides[0] == sides[1] < sides[2] == sides[3] < sides[4] > sides[5]


def test_some_rows_at_a_time_give_what_all_give(monkeypatch, thread_pool):
    p, y = affinities(50), points(50, 3.0)
    whole = Attraction.of(p, thread_pool).at(y)
    monkeypatch.setattr(tsne, "TOGETHER", 30)
    parts = Attraction.of(p, thread_pool)
    assert len(parts.rows) > 20
    torch.testing.assert_close(parts.at(y), whole)


def test_pairs_in_blocks_give_what_all_at_once_give(monkeypatch):
    y = points(90, 3.0)
    push, total = tsne._of_pairs(y)
    monkeypatch.setattr(tsne, "TOGETHER", 7 * 90)
    again, same = tsne._of_pairs(y)
    torch.testing.assert_close(again, push)
    assert same == pytest.approx(total)


def test_maps_are_as_good_as_scikit_learns(monkeypatch):
    from sklearn.manifold import TSNE

    monkeypatch.setattr(tsne, "BY_PAIRS", 500)  # so that these are laid out on the grid
    vectors = load_digits().data[:510].astype(np.float32)
    reduced = Reduced(Reduction(), vectors)
    positions, kl = reduced.positions()
    theirs = TSNE(init="pca", random_state=0, n_jobs=1, max_iter=750).fit(reduced.points)
    assert positions.shape == (510, 2)
    assert kl < theirs.kl_divergence_ * 1.02


def test_a_map_is_the_same_every_time():
    start = np.random.default_rng(0).normal(size=(1_100, 2)) * 1e-4
    found = [laid_out(affinities(1_100), start, [Phase(30, exaggeration=12.0), Phase(30)]) for _ in range(2)]
    assert np.array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


def test_images_that_are_alike_or_far_off_have_finite_places():
    digits = load_digits().data[:60].astype(np.float32)
    for times in (3, 18):  # by pairs, and on the grid
        vectors = np.concatenate([np.repeat(digits, times, axis=0), digits[:2] + 1e4])
        positions, kl = Reduced(Reduction(), vectors).positions()
        assert np.isfinite(positions).all()
        assert np.isfinite(kl)


def test_images_along_one_line_may_leave_it():
    vectors = np.linspace(0, 1, 60)[:, None].astype(np.float32) * np.ones((1, 4), np.float32)
    positions, _ = Reduced(Reduction(), vectors).positions()
    assert np.ptp(positions, axis=0).min() > 0.1


def test_what_does_not_stay_finite_is_told():
    start = np.full((40, 2), np.nan)
    with pytest.raises(ValueError, match="don't stay finite"):
        laid_out(affinities(40), start, [Phase(1)])
    with pytest.raises(ValueError, match="don't stay finite"):
        Repulsion().at(torch.full((1_200, 2), torch.inf))
    with pytest.raises(ValueError, match="too far for t-SNE"):
        Repulsion().at(points(1_200, 1e6))
    with pytest.raises(ValueError, match="too far for distances"):
        Reduced(Reduction(), np.full((9, 3), 1e30, np.float32) * np.arange(9, dtype=np.float32)[:, None]).positions()
    with pytest.raises(ValueError, match="an exaggeration is 1"):
        Reduction(exaggeration=float("inf"))


def test_the_push_on_all_together_is_nothing():
    for spread in (1e-4, 1e-2, 10.0):
        push, _ = Repulsion().at(points(1_200, spread))
        assert push.mean(0).abs().max() < 1e-5 * push.norm(dim=1).mean()


def test_an_exaggerated_phase_draws_groups_together():
    groups = np.kron(np.eye(3), np.full((20, 20), 1.0))
    np.fill_diagonal(groups, 0)
    start = np.random.default_rng(0).normal(size=(60, 2)) * 1e-4
    positions, _ = laid_out(csr_matrix(groups / groups.sum()), start, [Phase(200, exaggeration=12.0)])
    centres = positions.reshape(3, 20, 2).mean(1)
    spread = np.linalg.norm(positions.reshape(3, 20, 2) - centres[:, None], axis=2).max()
    apart = min(np.linalg.norm(centres[a] - centres[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert spread < 0.2 * apart
