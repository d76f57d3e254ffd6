import numpy as np
import pytest
import torch

from phosphene.picture import MISSING, colour, draw_boxes, overlay, resample


@pytest.mark.parametrize(("shape", "size"), [((7, 7), (50, 61)), ((3, 5), (9, 20)), ((1, 1), (4, 4)), ((9, 9), (3, 4))])
def test_bilinear_agrees_with_torch(shape, size):
    values = np.random.default_rng(0).random(shape)
    expected = torch.nn.functional.interpolate(torch.from_numpy(values)[None, None], size, mode="bilinear")
    got, inside = resample(values, *size)
    assert np.allclose(got, expected[0, 0].numpy())
    assert inside.all()


def test_nearest_keeps_the_cells():
    values = np.arange(4.0).reshape(2, 2)
    got, _ = resample(values, 4, 6, how="nearest")
    assert np.array_equal(got, values.repeat(2, 0).repeat(3, 1))


def test_a_map_covers_its_box_also_where_that_leaves_the_photo():
    photo = np.full((10, 10, 3), 100, np.uint8)
    over = overlay(photo, np.ones((2, 2)), "grey", 1.0, box=(-5, 4, 5, 20), how="nearest")
    assert (over[4:, :5] == 255).all()
    assert (over[:4] == 100).all()
    assert (over[:, 5:] == 100).all()


def test_opacity_runs_from_the_photo_to_the_map():
    photo = np.random.default_rng(1).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    values = np.linspace(0, 1, 64).reshape(8, 8)
    assert np.array_equal(overlay(photo, values, opacity=0, fade=0), photo)
    assert np.array_equal(overlay(photo, values, opacity=1), colour(values, "sequential"))
    by_value = overlay(photo, values, opacity=(values > 0.5).astype(float), fade=0, how="nearest")
    assert np.array_equal(by_value[values <= 0.5], photo[values <= 0.5])


def test_missing_values_stay_in_their_own_cell():
    values = np.ones((3, 3))
    values[1, 1] = np.nan
    got, _ = resample(values, 30, 30)
    assert np.isnan(got[10:20, 10:20]).all()
    assert np.isfinite(got).sum() == 800
    assert np.allclose(got[np.isfinite(got)], 1)
    over = overlay(np.zeros((30, 30, 3), np.uint8), values, opacity=1.0)
    assert tuple(over[15, 15]) == MISSING


def test_boxes_are_framed_outside_and_cut_at_the_edge():
    photo = np.full((20, 20, 3), 50, np.uint8)
    drawn = draw_boxes(photo, [(5, 5, 10, 12)], (255, 0, 0), line_px=2)
    assert (drawn[5:12, 5:10] == 50).all()
    assert (drawn[3:5, 3:12] == (255, 0, 0)).all()
    assert (drawn[2, 2:13] == 0).all()
    assert (photo == 50).all()
    assert draw_boxes(photo, [(-9, -9, 40, 40), (30, 30, 50, 50), (0, 0, 20, 20)]).shape == photo.shape


def test_wrong_maps_and_opacities_are_refused_in_words():
    photo = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match=r"opacity lies in \[0, 1\]"):
        overlay(photo, np.ones((2, 2)), opacity=2)
    with pytest.raises(ValueError, match="give one for each"):
        overlay(photo, np.ones((2, 2)), opacity=np.ones((3, 3)))
    with pytest.raises(ValueError, match=r"not \(2, 2, 3\)"):
        overlay(photo, np.ones((2, 2, 3)))
    with pytest.raises(ValueError, match="is empty"):
        overlay(photo, np.ones((2, 2)), box=(3, 0, 3, 4))
    with pytest.raises(ValueError, match="'nearest' or 'bilinear'"):
        resample(np.ones((2, 2)), 4, 4, how="cubic")
