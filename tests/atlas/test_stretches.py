import numpy as np

from phosphene.atlas.projection.stretches import WIDEST, shortened


def test_far_off_groups_come_nearer_and_keep_their_order():
    rng = np.random.default_rng(0)
    positions = np.concatenate([rng.normal(size=(200, 2)), np.array([60, -40]) + rng.normal(size=(10, 2))])
    found, changed = shortened(positions)
    assert changed
    for axis in (0, 1):
        assert (found[:, axis].argsort() == positions[:, axis].argsort()).all()
        gaps = np.diff(np.sort(found[:, axis]))
        assert gaps.max() <= 1.05 * WIDEST * gaps.sum()
    assert np.ptp(found[:200], axis=0).min() > 0.4 * np.ptp(found, axis=0).max()
    inside = np.diff(np.sort(positions[:200, 0]))
    assert np.allclose(
        np.sort(np.diff(np.sort(found[:, 0])))[:-1], np.sort(np.r_[inside, np.diff(np.sort(positions[200:, 0]))])
    )


def test_a_map_without_wide_gaps_and_one_of_few_points_stay_as_they_are():
    cloud = np.random.default_rng(0).normal(size=(500, 2))
    assert shortened(cloud) == (cloud, False)
    few = np.array([[0.0, 0], [1, 0], [100, 0]])
    assert shortened(few)[0] is few
    same = np.zeros((40, 2))
    assert np.isfinite(shortened(same)[0]).all()
