import itertools
import time

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from phosphene.atlas.projection import snapping
from phosphene.atlas.projection.snapping import assigned, sides, snap
from phosphene.atlas.projection.spacing import spaced


def total(cells, wanted):
    return ((cells - wanted) ** 2).sum()


@pytest.mark.parametrize(("count", "rows", "columns"), [(6, 2, 3), (5, 2, 3), (7, 7, 1), (4, 3, 2)])
def test_no_assignment_of_small_grids_is_better(count, rows, columns):
    for seed in range(4):
        positions = np.random.default_rng(seed).normal(size=(count, 2))
        cells, wanted = snap(positions, rows, columns)
        assert len({tuple(cell) for cell in cells}) == count
        every = np.array(list(itertools.product(range(rows), range(columns))))
        best = min(total(every[list(some)], wanted) for some in itertools.permutations(range(len(every)), count))
        assert total(cells, wanted) == pytest.approx(best)


@pytest.mark.parametrize("empty", [0, 17])
@pytest.mark.parametrize("kind", ["clusters", "line", "same", "grid"])
def test_coarse_prices_change_the_time_and_not_the_answer(monkeypatch, empty, kind):
    monkeypatch.setattr(snapping, "SMALL", 40)
    rng, rows, columns = np.random.default_rng(3), 15, 20
    count = rows * columns - empty
    wanted = {
        "clusters": rng.normal(size=(4, 2))[rng.integers(0, 4, count)] * 4 + rng.normal(size=(count, 2)) + 8,
        "line": np.stack([np.full(count, 7.0), rng.uniform(0, columns - 1, count)], 1),
        "same": np.full((count, 2), 5.0),
        "grid": np.stack(np.divmod(rng.permutation(rows * columns)[:count], columns), 1).astype(float),
    }[kind]
    cells = np.stack(np.divmod(assigned(wanted, rows, columns)[0], columns), 1)
    assert len({tuple(cell) for cell in cells}) == count
    every = np.array(list(itertools.product(range(rows), range(columns))))
    costs = ((wanted[:, None] - every[None]) ** 2).sum(-1)
    assert total(cells, wanted) == pytest.approx(costs[linear_sum_assignment(costs)].sum(), abs=1e-6)
    if kind == "grid":
        assert (cells == wanted).all()


def test_coarse_prices_save_most_of_the_time():
    rng = np.random.default_rng(0)
    middles = rng.uniform(-1, 1, (10, 2))
    positions = middles[rng.integers(0, 10, 1600)] + 0.2 * rng.uniform(-1, 1, (1600, 2))
    began = time.process_time()
    cells, wanted = snap(positions, 40, 40)
    ours = time.process_time() - began
    costs = snapping._costs(wanted, 40, 40)
    began = time.process_time()
    chosen = linear_sum_assignment(costs)
    plain = time.process_time() - began
    assert total(cells, wanted) == pytest.approx(costs[chosen].sum())
    assert ours < plain


def test_the_map_s_right_is_the_grid_s_right_and_its_top_the_first_row():
    positions = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert snap(positions)[0].tolist() == [[1, 0], [1, 1], [0, 0], [0, 1]]


def test_grids_have_room_for_all_and_the_map_s_shape():
    positions = np.random.default_rng(0).uniform(size=(100, 2)) * [2, 1]
    rows, columns = sides(positions, None, None)
    assert columns > rows
    for count in range(1, 60):
        rows, columns = sides(positions[:count], None, None)
        assert rows * columns >= count
        assert rows * columns - count < columns
    assert sides(positions, 5, None) == (5, 20)
    with pytest.raises(ValueError, match="3 × 3 cells are too few for 100 images"):
        sides(positions, 3, 3)


def test_squares_never_cover_each_other_and_stay_within_bounds():
    wanted = np.random.default_rng(0).normal(size=(300, 2)) * 60 + 150
    found = spaced(wanted.astype(int), 20, 20.0, (300, 280))
    shown = found[found[:, 0] >= 0]
    assert 60 < len(shown) < 300
    assert (shown >= 0).all()
    assert (shown <= [280, 260]).all()
    for a, b in itertools.combinations(shown, 2):
        assert (np.abs(a - b) >= 20).any()


def test_each_square_takes_the_nearest_place_that_is_free():
    rng = np.random.default_rng(1)
    wanted = rng.integers(0, 30, (24, 2))
    side, reach, bounds = 7, 9.0, (36, 36)
    found = spaced(wanted, side, reach, bounds, seed=5)
    taken = []
    every = np.array(list(itertools.product(range(bounds[0] - side + 1), range(bounds[1] - side + 1))))
    for row in np.random.default_rng(5).permutation(24):
        covered = [(np.abs(every - other) < side).all(1) for other in taken]
        free = every[~np.any([*covered, np.zeros(len(every), bool)], axis=0)]
        apart = np.linalg.norm(free - wanted[row], axis=1)
        if not len(free) or apart.min() > reach:
            assert (found[row] == -1).all()
        else:
            assert np.linalg.norm(found[row] - wanted[row]) == pytest.approx(apart.min())
            taken.append(found[row])


def test_without_reach_only_those_that_fit_are_shown_and_none_is_moved():
    wanted = np.array([[0, 0], [5, 5], [10, 0], [10, 0], [30, 3]])
    found = spaced(wanted, 10, 0.0, (50, 50))
    shown = found[:, 0] >= 0
    assert (found[shown] == wanted[shown]).all()
    assert shown.sum() == 3 or shown.sum() == 2
    assert shown[4]
    with pytest.raises(ValueError, match="no room for a tile of 60"):
        spaced(wanted, 60, 0.0, (50, 50))
