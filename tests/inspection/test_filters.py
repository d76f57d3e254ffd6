"""Filters as tiles: the pixels are the weights."""

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.inspection.filters import filters


def small(channels: int = 3, kernel: int = 5) -> ph.Network:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(channels, 6, kernel), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.Conv2d(4, 8, 1))
    return ph.Network(module)


def test_colour_tiles_equal_the_weights_after_the_stated_range_mapping_pixel_for_pixel():
    network = small()
    picture = filters(network).picture(range="symmetric", per="picture", columns=6)
    weights = network.module[0].weight.detach().numpy().astype(np.float64)
    top = np.abs(weights).max()
    expected = np.floor((weights / top + 1) / 2 * 255 + 0.5).transpose(0, 2, 3, 1)
    assert picture.ranges[0].low == pytest.approx(-top)
    tiles = [mark for mark in picture.drawing.marks if hasattr(mark, "pixels")]
    assert len(tiles) == 6
    for mark, tile in zip(tiles, expected, strict=True):
        drawn = mark.pixels.reshape(5, 9, 5, 9, 3)  # 5 × 5 kernels, each number a square of 9
        np.testing.assert_allclose(drawn[:, 0, :, 0].astype(float), tile, atol=1)
        assert (drawn == drawn[:, :1, :, :1]).all()


def test_a_network_that_takes_bgr_shows_its_filters_in_true_colours():
    rgb = small()
    bgr = ph.Network(rgb.module, ph.Preprocessing(size=(32, 32), colour="BGR"))
    a, b = filters(rgb)._colour_tiles(), filters(bgr)._colour_tiles()
    np.testing.assert_array_equal(a, b[..., ::-1])


def test_grey_tiles_show_every_plane_with_zero_at_mid_grey_and_are_paged():
    found = filters(small(), "2")
    assert not found.in_colour
    assert found.weights.shape == (4, 6, 3, 3)
    assert "3 × 3" in found.note
    zero = filters(ph.Network(nn.Sequential(nn.Conv2d(3, 1, 3)))).weights * 0
    assert zero.shape == (1, 3, 3, 3)
    many = ph.Network(nn.Sequential(nn.Conv2d(3, 70, 3), nn.Conv2d(70, 40, 3)))
    assert "page 1 of" in _texts(filters(many, "1").picture())
    with pytest.raises(ValueError, match="no page 99"):
        filters(many, "1").picture(page=99)


def test_kernels_of_one_number_share_one_range_and_say_that_no_pattern_can_be_seen():
    found = filters(small(), "3")
    assert "no pattern in space" in found.note
    assert len(found.picture().ranges) == 1


def test_a_layer_without_kernels_is_refused_with_a_sentence():
    with pytest.raises(ValueError, match="is a ReLU and has no kernels in space"):
        filters(small(), "1")
    with pytest.raises(LookupError, match="near it: conv_stem"):
        filters(ph.load(), "conv_sten")
    with pytest.raises(ValueError, match="has no convolution"):
        filters(ph.Network(nn.Sequential(nn.Flatten(), nn.Linear(12, 2))))


def test_the_range_is_in_the_caption_and_in_the_file(tmp_path):
    picture = filters(small()).picture(range="-0.5:0.5", per="picture")
    assert "range ±0.5" in picture.caption
    record = ph.read_made(picture.save(tmp_path / "filters.png"))
    assert record["ranges"][0]["low"] == -0.5
    assert record["made"]["picture"]["range"] == "-0.5:0.5"


def _texts(picture) -> str:
    return " ".join(mark.string for mark in picture.drawing.marks if hasattr(mark, "string"))


def test_kernels_that_are_zero_but_for_rounding_are_said_to_be():
    module = nn.Sequential(nn.Conv2d(3, 5, 7))
    with torch.no_grad():
        module[0].weight[1:3] *= 1e-9
    found = filters(ph.Network(module))
    assert len(found.faint) == 2
    assert found.note == "2 of them (1, 2) are zero but for rounding: what their own range brings out is no pattern."


@pytest.mark.parametrize("groups", [1, 2])
def test_a_transposed_convolutions_filters_are_those_of_its_outputs(groups):
    torch.manual_seed(0)
    module = nn.ConvTranspose2d(6, 4, 3, groups=groups)
    network = ph.Network(nn.Sequential(nn.Conv2d(3, 6, 3), module))
    found = filters(network, "1").weights
    assert found.shape == (4, 6 // groups, 3, 3)
    for output in range(4):
        for offset in range(6 // groups):
            x = torch.zeros(1, 6, 1, 1)
            x[0, output // (4 // groups) * (6 // groups) + offset] = 1
            answer = module(x)[0, output] - module.bias[output]
            np.testing.assert_allclose(found[output, offset], answer.detach(), atol=1e-6)


def test_tiles_of_filters_carry_their_channels_numbers():
    words = _texts(filters(small()).picture()).split()
    assert [word for word in words if word.isdigit()][-6:] == ["0", "1", "2", "3", "4", "5"]
