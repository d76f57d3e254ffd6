import numpy as np
import pytest

from phosphene.picture import MAPS, MISSING, as_rgb, colour, swatch


def oklab(rgb):
    """OKLab from uint8 sRGB, by Ottosson's forward matrices: another way than the code's, which goes backward."""
    c = rgb / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    lms = linear @ np.array(
        [
            [0.4122214708, 0.2119034982, 0.0883024619],
            [0.5363325363, 0.6806995451, 0.2817188376],
            [0.0514459929, 0.1073969566, 0.6299787005],
        ]
    )
    return np.cbrt(lms) @ np.array(
        [
            [0.2104542553, 1.9779984951, 0.0259040371],
            [0.7936177850, -2.4285922050, 0.7827717662],
            [-0.0040720468, 0.4505937099, -0.8086757660],
        ]
    )


def test_the_sequential_map_is_linear_in_lightness():
    lightness = oklab(swatch("sequential", 257)[0])[:, 0]
    assert (np.diff(lightness) > 0).all()
    assert np.abs(lightness - np.linspace(0.12, 0.97, 257)).max() < 0.006


@pytest.mark.parametrize("map", ["diverging", "diverging-dark"])
def test_diverging_maps_are_neutral_in_the_middle_and_alike_on_both_sides(map):
    table = swatch(map, 257)[0]
    assert len(set(table[128].tolist())) == 1
    assert np.array_equal(colour(np.array(0.5), map), table[128])
    lab = oklab(table)
    assert np.abs(lab[:, 0] - lab[::-1, 0]).max() < 0.006
    arm = np.diff(lab[128:, 0])
    assert (arm < 0).all() if map == "diverging" else (arm > 0).all()
    assert table[0][2] > table[0][0]
    assert table[256][0] > table[256][2]


def test_grey_maps_half_to_128_and_keeps_every_byte():
    assert colour(np.array([0, 0.5, 1])).tolist() == [[0] * 3, [128] * 3, [255] * 3]
    levels = np.arange(256) / 255
    assert np.array_equal(colour(levels)[:, 0], np.arange(256))


@pytest.mark.parametrize("map", MAPS)
def test_missing_values_have_a_colour_that_the_map_has_not(map):
    assert tuple(colour(np.array([np.nan]), map)[0]) == MISSING
    assert tuple(colour(np.array([np.inf]), map)[0]) == MISSING
    distances = np.linalg.norm(oklab(swatch(map, 257)[0]) - oklab(np.array(MISSING)), axis=1)
    assert distances.min() > 0.1


def test_shapes_stay_and_values_outside_are_clipped():
    assert colour(np.zeros((2, 3, 4)), "diverging").shape == (2, 3, 4, 3)
    assert colour(np.zeros((0, 3))).shape == (0, 3, 3)
    assert np.array_equal(colour(np.array([-1.0, 2.0]), "sequential"), colour(np.array([0.0, 1.0]), "sequential"))


def test_colours_of_weights_are_their_bytes():
    values = np.array([[[0, 0.5, 1], [np.nan, 0, 0]]])
    assert as_rgb(values).tolist() == [[[0, 128, 255], list(MISSING)]]
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 3\)"):
        as_rgb(np.zeros((2, 2)))


def test_a_wrong_map_gets_the_near_one():
    with pytest.raises(LookupError, match="'divergin' is no colour map; near it: diverging"):
        colour(np.zeros(1), "divergin")
