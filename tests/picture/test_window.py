import numpy as np
import pytest
from PIL import Image

from phosphene.picture import windowed


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def test_a_window_inside_is_the_pixels_themselves(pixels):
    tile = windowed(pixels, (4, 3, 14, 9), (6, 10))
    assert (tile[..., :3] == pixels[3:9, 4:14]).all()
    assert (tile[..., 3] == 255).all()


def test_what_lies_beyond_the_pixels_is_left_clear_on_its_own_side(pixels):
    tile = windowed(pixels, (-5, 14, 10, 24), (10, 15))
    assert (tile[:6, 5:, :3] == pixels[14:20, :10]).all()
    assert (tile[:6, 5:, 3] == 255).all()
    assert (tile[6:, :, 3] == 0).all()
    assert (tile[:, :5, 3] == 0).all()


def test_what_is_not_to_be_seen_is_left_clear_where_there_are_pixels(pixels):
    tile = windowed(pixels, (0, 0, 10, 10), (10, 10), inside=(2, 0, 7, 10))
    assert (tile[:, 2:7, :3] == pixels[:10, 2:7]).all()
    assert (tile[..., 3] == 255).sum() == 50


def test_much_enlarged_pixels_are_squares_and_others_are_smoothed(pixels):
    large = windowed(pixels, (5, 5, 8, 7), (16, 24))
    assert (large[..., :3] == pixels[5:7, 5:8].repeat(8, 0).repeat(8, 1)).all()
    small = windowed(pixels, (0, 0, 30, 20), (5, 8))
    wanted = Image.fromarray(pixels).resize((8, 5), Image.Resampling.LANCZOS)
    assert (small[..., :3] == np.asarray(wanted)).all()


def test_edges_between_pixels_take_their_share(pixels):
    tile = windowed(pixels, (0.5, 0, 10.5, 5), (5, 10))
    wanted = Image.fromarray(pixels).resize((10, 5), Image.Resampling.LANCZOS, box=(0.5, 0, 10.5, 5))
    assert (tile[..., :3] == np.asarray(wanted)).all()


def test_a_window_outside_is_clear_and_an_empty_one_is_refused(pixels):
    assert not windowed(pixels, (40, 0, 50, 10), (5, 5)).any()
    with pytest.raises(ValueError, match="from left to right"):
        windowed(pixels, (4, 3, 4, 9), (6, 10))


def test_enlarged_pixels_are_smoothed_where_asked(pixels):
    tile = windowed(pixels, (5, 5, 8, 7), (16, 24), crisp=False)
    wanted = Image.fromarray(pixels).resize((24, 16), Image.Resampling.LANCZOS, box=(5, 5, 8, 7))
    assert (tile[..., :3] == np.asarray(wanted)).all()
