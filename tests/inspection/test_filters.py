"""Filters as tiles: the pixels are the weights."""

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.inspection.filters import filters
from phosphene.inspection.filters_picture import gutter, laid


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
    assert "outputs 0 to 31 of 40, page 1 of 2" in _texts(filters(many, "1").picture())
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


def _blocks(picture):
    """Each output's number and the grey pixels of its block, and the numbers of its rows' first inputs."""
    images = [mark for mark in picture.drawing.marks if hasattr(mark, "pixels")]
    words = [mark for mark in picture.drawing.marks if hasattr(mark, "string")]
    found = {}
    for image in images:
        beside = [
            w for w in words if w.x < image.left and image.top <= w.y <= image.top + image.height and w.string.isdigit()
        ]
        output = max((w for w in beside if w.weight == "bold"), key=lambda w: w.x)
        rows = [int(w.string) for w in beside if w.weight != "bold"]
        found[int(output.string)] = (image.pixels, rows)
    return found


@pytest.mark.parametrize(
    ("inputs", "outputs", "groups", "columns", "page"),
    [
        (130, 40, 1, None, 2),  # three rows an output
        (40, 12, 1, None, 1),  # one row
        (40, 12, 4, None, 1),  # of the inputs of a group
        (36, 12, 2, 8, 1),  # three rows of a group's inputs
        (4, 30, 1, 12, 1),  # three outputs beside each other
        (4, 30, 2, 6, 1),
    ],
)
def test_each_number_stands_beside_the_weights_of_its_output(inputs, outputs, groups, columns, page):
    torch.manual_seed(1)
    module = nn.Conv2d(inputs, outputs, 3, groups=groups)
    picture = filters(ph.Network(nn.Sequential(nn.Conv2d(3, inputs, 3), module)), "1").picture(
        range="symmetric", per="picture", columns=columns, page=page
    )
    weights = module.weight.detach().numpy().astype(np.float64)
    depth = inputs // groups
    found = _blocks(picture)
    top = picture.ranges[0].high
    across = min(columns or depth, depth, 64)
    for output, (pixels, rows) in found.items():
        step = (pixels.shape[1] + 4) // across  # with a gutter of at most four pixels
        scale = next(scale for scale in range(1, 17) if 3 * scale + gutter(scale, 3) == step)
        for offset in range(depth):
            row, column = divmod(offset, across)
            tile = pixels[row * step : row * step + 3 * scale, column * step : column * step + 3 * scale, 0]
            expected = np.floor((weights[output, offset] / top + 1) / 2 * 255 + 0.5)
            np.testing.assert_allclose(tile[scale // 2 :: scale, scale // 2 :: scale].astype(float), expected, atol=1)
        first = output // (outputs // groups) * depth
        if depth > across or (groups > 1 and (columns or 0) <= depth):
            assert rows == [first + row * across for row in range(-(-depth // across))]
    words = _texts(picture)
    assert f"outputs {min(found)} to {max(found)} of {outputs}" in words
    assert sorted(found) == list(range(min(found), max(found) + 1))


def test_a_page_says_what_its_rows_and_columns_are():
    def says(inputs, outputs, columns=None, **options):
        network = ph.Network(nn.Sequential(nn.Conv2d(3, inputs, 3), nn.Conv2d(inputs, outputs, 3, **options)))
        return _texts(filters(network, "1").picture(columns=columns))

    assert "the 512 inputs of each output in 8 rows of 64 · outputs 0 to 7 of 16, page 1 of 2" in says(512, 16)
    assert "outputs in rows and inputs in columns · outputs 0 to 7 of 8" in says(16, 8)
    assert "outputs in rows and inputs of its group in columns" in says(16, 8, groups=2)
    assert "the 4 inputs of each output in a row, 3 outputs beside each other" in says(4, 9, 12)
    assert "kernels of one input each, 8 in a row · outputs 0 to 11 of 12" in says(12, 12, groups=12)
    assert "the 512 inputs of each output in 8 rows of 64 · output 0 of 1" in says(512, 1)


def test_every_output_is_on_one_page():
    for shape in (
        (512, 512, 3, 3),
        (2048, 1, 3, 3),
        (70, 24, 5, 5),
        (3, 5000, 1, 1),
        (7, 3, 31, 31),
        (2, 9000, 11, 11),
    ):
        for columns in (None, 1, 5, 100):
            pages = laid(shape, 1, columns).pages
            held = [
                number for page in range(1, pages + 1) for number in range(shape[0])[laid(shape, page, columns).outputs]
            ]
            assert held == list(range(shape[0]))
            with pytest.raises(ValueError, match=f"no page {pages + 1}"):
                laid(shape, pages + 1, columns)


@pytest.mark.parametrize(("kind", "name"), [(nn.Conv1d, "Conv1d"), (nn.Conv3d, "Conv3d")])
def test_convolutions_of_other_dimensions_are_named(kind, name):
    network = ph.Network(nn.Sequential(kind(1, 4, 3), nn.ReLU()))
    for layer in (None, "1"):
        with pytest.raises(ValueError, match=f"the convolutions of Sequential are {name}, and filters are drawn of"):
            filters(network, layer)


def test_a_transposed_convolution_alone_is_drawn():
    assert filters(ph.Network(nn.Sequential(nn.ConvTranspose2d(3, 4, 3)))).layer == "0"
