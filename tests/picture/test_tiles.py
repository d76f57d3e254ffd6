import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.picture import enlarge, grid, pages
from phosphene.picture.tiles import default_columns


@settings(max_examples=80, deadline=None)
@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 5), st.integers(1, 5), st.just(3))),
    st.none() | st.integers(1, 25),
    st.none() | st.integers(0, 3),
    st.none() | st.integers(1, 4),
)
def test_every_cell_of_a_grid_holds_its_tile_pixel_for_pixel(tiles, columns, gutter, scale):
    made = grid(tiles, columns=columns, gutter=gutter, scale=scale, background=(1, 2, 3))
    covered = np.zeros(made.pixels.shape[:2], int)
    for tile, (left, top, right, bottom) in zip(tiles, made.cells, strict=True):
        cell = made.pixels[top:bottom, left:right]
        assert np.array_equal(cell[:: made.scale, :: made.scale], tile)
        assert np.array_equal(cell, enlarge(tile, made.scale))
        covered[top:bottom, left:right] += 1
    assert covered.max() == 1
    assert (made.pixels[covered == 0] == (1, 2, 3)).all()
    assert made.rows * made.columns >= len(tiles) > (made.rows - 1) * made.columns


def test_tiny_tiles_are_enlarged_and_large_ones_are_not():
    assert grid(np.zeros((10, 3, 3, 3), np.uint8)).scale == 14
    assert grid(np.zeros((4, 224, 224, 3), np.uint8)).scale == 1
    many = grid(np.zeros((4096, 3, 3), np.uint8))
    assert many.pixels.shape[1] <= 1700


def test_default_grids_are_square_or_somewhat_wider():
    assert [default_columns(count) for count in (1, 5, 16, 64, 96, 256)] == [1, 5, 4, 8, 12, 16]
    for count in range(7, 600):
        columns = default_columns(count)
        rows = -(-count // columns)
        assert rows <= columns <= 2.2 * rows + 1


def test_enlarging_repeats_pixels_of_one_or_many():
    assert enlarge(np.array([[1, 2]]), 2).tolist() == [[1, 1, 2, 2]] * 2
    assert enlarge(np.zeros((2, 3, 4, 3)), 3).shape == (2, 9, 12, 3)
    with pytest.raises(ValueError, match="whole number of times"):
        enlarge(np.zeros((2, 2)), 0)


@given(st.integers(0, 5000), st.integers(1, 700))
def test_pages_cover_everything_once(count, per_page):
    parts = pages(count, per_page)
    assert [index for part in parts for index in part] == list(range(count))
    assert all(0 < len(part) <= per_page for part in parts)


def test_grids_of_nothing_are_refused_in_words():
    with pytest.raises(ValueError, match="hold nothing to draw"):
        grid(np.zeros((0, 3, 3, 3), np.uint8))
    with pytest.raises(ValueError, match="tiles are uint8 of shape"):
        grid(np.zeros((2, 3, 3, 3)))
    with pytest.raises(ValueError, match="at least one column"):
        grid(np.zeros((2, 3, 3, 3), np.uint8), columns=0)
    with pytest.raises(ValueError, match="at least one tile"):
        pages(3, 0)
