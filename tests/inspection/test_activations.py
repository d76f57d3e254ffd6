"""Activation maps and the strongest units."""

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.inspection.activations import activations
from phosphene.inspection.strongest import strongest
from phosphene.network import Box


@pytest.fixture(scope="module")
def network():
    return ph.load()


@pytest.fixture(scope="module")
def cat():
    from importlib.resources import files

    return ph.read(str(files("phosphene") / "photos" / "cat.jpg"))


def test_maps_equal_what_the_network_computes(network, cat):
    values = activations(network, cat, "blocks.1").values
    with torch.no_grad():
        x = network.prepare(cat)
        module = network.module
        expected = module.blocks[1](module.blocks[0](module.bn1(module.conv_stem(x))))
    np.testing.assert_allclose(values, expected.numpy(), rtol=1e-5, atol=1e-5)


def test_one_channel_is_that_channel(network, cat):
    every = activations(network, cat, "blocks.2").values
    one = activations(network, cat, "blocks.2", channel=7).values
    np.testing.assert_array_equal(one[:, 0], every[:, 7])
    with pytest.raises(LookupError, match="channels 0 to 39, no 40"):
        activations(network, cat, "blocks.2", channel=40)


def test_a_tensor_is_taken_as_the_networks_input(network, cat):
    x = network.prepare(cat)
    np.testing.assert_array_equal(
        activations(network, x, "blocks.0").values, activations(network, cat, "blocks.0").values
    )
    assert activations(network, x, "blocks.0").picture().ranges


def test_tokens_are_laid_out_on_their_grid(cat):
    vit = ph.load("timm:vit_tiny_patch16_224@none")
    assert activations(vit, cat, "blocks.3").values.shape == (1, 192, 14, 14)


def test_tiles_can_be_ordered_by_strength_and_say_their_range(network, cat):
    found = activations(network, cat, "blocks.2")
    picture = found.picture(order="strongest", per="picture")
    labels = [mark.string for mark in picture.drawing.marks if getattr(mark, "string", "").isdigit()]
    assert int(labels[0]) == int(found.values[0].max((1, 2)).argmax())
    assert picture.ranges[0].low == pytest.approx(float(found.values.min()))


class Capped(nn.Module):
    """Four channels that reach the same value at 1, 9, 4 and 16 places, the fifth nowhere."""

    def forward(self, x):
        maps = torch.zeros(len(x), 5, 8, 8)
        for channel, size in enumerate((1, 3, 2, 4)):
            maps[:, channel, 2 : 2 + size, 3 : 3 + size] = 6
        return maps + 0 * x[:, :1]


def test_channels_that_reach_the_same_value_are_ordered_by_their_mean_and_shown_at_their_middle(cat):
    found = strongest(ph.Network(Capped(), ph.Preprocessing.plain(8)), cat, "add", k=2)
    assert [unit.channel for unit in found.units] == [3, 1]
    assert found.tied == 4
    middle = found.units[1]
    assert (middle.row, middle.column) == (3, 4)
    assert "4 channels reach 6.00" in found.picture().encode(".svg").decode()


def test_the_strongest_units_are_those_with_the_largest_activation_anywhere(network, cat):
    found = strongest(network, cat, "blocks.2", k=4)
    maps = network.maps(cat, "blocks.2")[0]
    peaks = maps.amax((1, 2))
    assert [unit.channel for unit in found.units] == peaks.topk(4).indices.tolist()
    for unit in found.units:
        assert unit.value == pytest.approx(float(maps[unit.channel, unit.row, unit.column]))


def test_nothing_outside_a_units_box_moves_it(network, cat):
    """The box, widened to whole input pixels, holds everything that the unit's value depends on."""
    found = strongest(network, cat, "blocks.2", k=2)
    for unit in found.units:
        address = f"blocks.2:{unit.channel}@{unit.row},{unit.column}"
        x = network.prepare(cat)
        box = network.receptive_field(address)
        assert isinstance(box, Box)
        outside = torch.ones_like(x, dtype=torch.bool)
        outside[..., int(box.top) : int(box.bottom), int(box.left) : int(box.right)] = False
        noisy = torch.where(outside, torch.randn(x.shape, generator=torch.Generator().manual_seed(0)), x)
        assert float(network.record(noisy, address)[address]) == pytest.approx(unit.value, rel=1e-4)
        assert unit.box == network.frame(cat).source(box) == network.window(address, cat)


def test_units_that_see_everything_are_drawn_without_a_window(cat):
    torch.manual_seed(0)

    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            x = self.conv(x)
            return x * x.mean((2, 3), keepdim=True)

    found = strongest(ph.Network(Gate(), ph.Preprocessing.plain(64)), cat, "mul", k=2)
    assert found.receptive_field == "the whole image"
    assert found.units[0].box is not None
    assert found.picture().caption


def test_asking_for_no_unit_or_for_vectors_of_a_strange_shape_is_refused(network, cat):
    with pytest.raises(ValueError, match="at least one unit"):
        strongest(network, cat, "blocks.2", k=0)
    with pytest.raises(LookupError, match="is not in efficientnet_lite0"):
        strongest(network, cat, "nowhere")


def texts(picture) -> str:
    return " ".join(mark.string for mark in picture.drawing.marks if hasattr(mark, "string"))


def test_an_unknown_order_and_a_grid_without_columns_are_refused(network, cat):
    found = activations(network, cat, "blocks.0")
    with pytest.raises(ValueError, match="order is index or strongest, not 'foo'"):
        found.picture(order="foo")
    with pytest.raises(ValueError, match="at least one column, not 0"):
        found.picture(columns=0)


def test_a_channel_is_any_whole_number_and_nothing_else(network, cat, tmp_path):
    one = activations(network, cat, "blocks.0", channel=np.int64(3))
    assert one.made["options"]["channel"] == 3
    one.save(tmp_path / "one.png")
    with pytest.raises(TypeError, match=r"a channel is a whole number, not 3\.0"):
        activations(network, cat, "blocks.0", channel=3.0)


def test_an_address_names_a_channel(network, cat):
    named = activations(network, cat, "blocks.0:3")
    assert (named.layer, named.channel) == ("blocks.0", 3)
    np.testing.assert_array_equal(named.values, activations(network, cat, "blocks.0", channel=3).values)
    assert [unit.channel for unit in strongest(network, cat, "blocks.0:3").units] == [3]
    assert activations(network, cat, "logits:Egyptian cat").channel == 285
    with pytest.raises(ValueError, match="name two channels"):
        activations(network, cat, "blocks.0:3", channel=4)
    with pytest.raises(
        ValueError, match=r"'blocks.0:3@1,2' is one unit, .* one number; strongest shows it on the photo"
    ):
        activations(network, cat, "blocks.0:3@1,2")
    with pytest.raises(LookupError, match="no 99"):
        activations(network, cat, "blocks.0:99")


@pytest.mark.parametrize("order", ["index", "strongest"])
def test_activations_at_a_place_are_those_of_all_channels_there(network, cat, order):
    maps = network.maps(cat, "blocks.3")[0]
    found = activations(network, cat, "blocks.3@5,6")
    assert (found.layer, found.channel, found.place) == ("blocks.3", None, (5, 6))
    np.testing.assert_array_equal(found.values[0, :, 0, 0], maps[:, 5, 6].numpy())
    assert found.box == network.window("blocks.3", cat, (5, 6))
    text = [mark.string for mark in found.picture(order=order).drawing.marks if hasattr(mark, "string")]
    assert "blocks.3 at row 5, column 6" in text
    best = maps[:, 5, 6].topk(3)
    for value, channel in zip(best.values.tolist(), best.indices.tolist(), strict=True):
        assert str(channel) in text
        assert ph.picture.compact(value) in text
    assert any(f"sees, {int(found.box.width)} × {int(found.box.height)} px" in line for line in text)
    whole = activations(network, cat, "bn2@3,3").picture().caption
    assert "this place sees all that the network sees of the photo" in whole
    assert found.to_dict()["place"] == [5, 6]
    assert activations(network, cat, "blocks.3").to_dict()["place"] is None
    with pytest.raises(LookupError, match=r"blocks\.3 has 14 rows and 14 columns of units, no place 14,0"):
        activations(network, cat, "blocks.3@14,0")


def test_bars_of_a_place_stand_in_the_order_asked_for(network, cat):
    from phosphene.picture import Rect

    def heights(order):
        marks = found.sheet(order=order).blocks[0].blocks[1].drawing.marks
        bars = [mark for mark in marks if isinstance(mark, Rect) and mark.fill != "panel"]
        return [bar.height for bar in sorted(bars, key=lambda bar: bar.left)]

    found = activations(network, cat, "blocks.3@5,6")
    values = np.abs(found.values[0, :, 0, 0])
    drawn = np.array(heights("index"))
    np.testing.assert_allclose(drawn / drawn.max(), values / values.max(), atol=1e-3)
    ranked = found.values[0, :, 0, 0][np.argsort(-found.values[0, :, 0, 0])]
    drawn = np.array(heights("strongest"))
    np.testing.assert_allclose(drawn / drawn.max(), np.abs(ranked) / values.max(), atol=1e-3)


def test_a_token_without_a_place_is_refused_in_a_sentence(cat):
    vit = ph.load("timm:vit_tiny_patch16_224@none")
    with pytest.raises(ValueError, match=r"'blocks\.1@cls' is a token, which has no place in the photo"):
        activations(vit, cat, "blocks.1@cls")
    at = activations(vit, cat, "blocks.1@3,4")
    np.testing.assert_array_equal(at.values[0, :, 0, 0], vit.maps(cat, "blocks.1")[0][:, 3, 4].numpy())
    assert at.picture()


def test_the_strongest_units_at_a_place_are_those_with_the_largest_activation_there(network, cat, unchanged):
    maps = network.maps(cat, "blocks.3")[0]
    for row, column in ((5, 6), (0, 13)):
        with unchanged(network.module):
            found = strongest(network, cat, f"blocks.3@{row},{column}", k=5)
        values, channels = maps[:, row, column].topk(5)
        assert [unit.channel for unit in found.units] == channels.tolist()
        np.testing.assert_allclose([unit.value for unit in found.units], values.numpy(), rtol=1e-6)
        assert {(unit.row, unit.column) for unit in found.units} == {(row, column)} == {found.place}
        np.testing.assert_allclose(found.maps, maps[channels].numpy(), rtol=1e-6)
        window = network.window("blocks.3", cat, (row, column))
        assert all(unit.box == window for unit in found.units)
        assert found.to_dict()["place"] == [row, column]
        said = texts(found.picture())
        assert f"The strongest units of blocks.3 at row {row}, column {column}" in said
        assert "in the order of their activation at this place" in said
    anywhere = strongest(network, cat, "blocks.3", k=5)
    assert anywhere.to_dict()["place"] is None
    assert [unit.channel for unit in anywhere.units] != channels.tolist()


def test_one_channel_at_a_place_is_that_unit_and_ties_there_are_counted(network, cat):
    (unit,) = strongest(network, cat, "blocks.0:3@1,2").units
    assert (unit.channel, unit.row, unit.column) == (3, 1, 2)
    assert unit.value == pytest.approx(float(network.record(cat, "blocks.0:3@1,2")["blocks.0:3@1,2"]), rel=1e-6)
    found = strongest(ph.Network(Capped(), ph.Preprocessing.plain(8)), cat, "add@4,5", k=1)
    assert (found.units[0].channel, found.tied) == (3, 2)  # the maps of 3 × 3 and 4 × 4 places
    assert "2 channels have 6.00 there" in texts(found.picture())


def test_places_and_tokens_that_are_not_there_are_refused(network, cat):
    with pytest.raises(LookupError, match="14 rows and 14 columns of units, no place 14,0"):
        strongest(network, cat, "blocks.3@14,0")
    vit = ph.load("timm:vit_tiny_patch16_224@none")
    assert strongest(vit, cat, "blocks.3@13,0", k=1).units[0].column == 0
    with pytest.raises(ValueError, match="is a token, which has no place in the photo"):
        strongest(vit, cat, "blocks.3@cls")


def test_the_subtitle_says_that_the_first_of_several_images_is_drawn(network, cat):
    assert "cat.jpg (image 1 of 3)" in texts(activations(network, [cat] * 3, "blocks.0").picture())
    assert "cat.jpg (image 1 of 2)" in texts(strongest(network, [cat] * 2, "blocks.0", k=1).picture())
    assert "image 1" not in texts(activations(network, cat, "blocks.0").picture())


def test_the_strongest_units_stand_in_columns(network, cat):
    found = strongest(network, cat, "blocks.0")
    patches = [
        unit.box.round().clip(cat.height, cat.width).width / unit.box.round().clip(cat.height, cat.width).height
        for unit in found.units
    ]
    assert len(set(patches)) > 1  # one is cut by the border
    lefts = {round(mark.x, 3) for mark in found.picture().drawing.marks if getattr(mark, "string", "") == "its patch"}
    assert len(lefts) == 2


def test_a_layer_of_irregular_windows_says_that_each_unit_has_its_own():
    class Irregular(nn.Module):
        def forward(self, x):
            return nn.functional.adaptive_avg_pool2d(x, 5)

    network = ph.Network(Irregular(), ph.Preprocessing.plain(32))
    photo = ph.read(np.random.default_rng(0).random((32, 32, 3)))
    layer = network.layers()[0].name
    found = strongest(network, photo, layer, k=1)
    assert found.units[0].box is not None
    if str(network.layer(layer).field) == "not known":
        assert "each unit's own window" in texts(found.picture())
    assert "receptive field not known" not in texts(found.picture())
