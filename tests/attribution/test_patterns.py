"""Patterns: what runs back from one place stays inside what the unit there sees, and equals `reverse`."""

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision.models as tv
from torch import nn
from torchvision.models.resnet import BasicBlock
from typer.testing import CliRunner

import phosphene as ph
import phosphene.cli
from phosphene.attribution.reversed.patterns_picture import coloured, patch
from phosphene.attribution.reversed.projecting import Pattern, _runs, projected
from phosphene.attribution.reversed.reversing import Reversal
from phosphene.commands import options
from phosphene.input_photo import peaks
from phosphene.network import Address
from phosphene.picture import Range


class Branches(nn.Module):
    """Concatenates a narrow and a wide branch, after an overlapping pool; all functional."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.narrow, self.wide = nn.Conv2d(6, 4, 1), nn.Conv2d(6, 4, 5, padding=4, dilation=2)
        self.join = nn.Conv2d(8, 5, 3, stride=2, padding=1)
        self.head = nn.Linear(5, 7)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.stem(x)), 3, 2, 1)
        x = torch.cat([self.narrow(x).relu_(), self.wide(x).relu_()], 1)
        return self.head(torch.relu(self.join(x)).mean((2, 3)))


NETWORKS = {
    "branches": (Branches, "relu_1", "join"),
    "resnet18": (lambda: tv.ResNet(BasicBlock, [1, 1, 1, 1]), "layer1", "layer2"),
    "squeezenet1_1": (lambda: tv.squeezenet1_1(), "features.4", "features.7"),
    "mobilenet_v2": (lambda: tv.mobilenet_v2(), "features.3", "features.5"),
    "densenet": (
        lambda: timm.create_model("densenet121", growth_rate=8, block_config=(3, 2, 2, 2), num_classes=7),
        "features.denseblock1",
        "features.pool0",
    ),
}
RULES = [Reversal(relu, "places", "sum") for relu in ("forward", "backward", "both", "none")]
RULES += [Reversal("both", "centre", "sum"), Reversal("backward", "places", "overwrite")]


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_comes_back_from_outside_what_a_unit_sees(name, unchanged):
    torch.manual_seed(0)
    build, *layers = NETWORKS[name]
    module = build().double()
    network = ph.Network(module)
    x = torch.randn(1, 3, 72, 64, dtype=torch.float64)
    pools = name in ("branches", "resnet18", "squeezenet1_1", "densenet")
    cut = 0
    for layer in layers:
        found = network.layer(layer, (72, 64))
        channels, rows, columns = found.maps_shape
        places = [(0, 0), (rows - 1, columns - 1), (rows // 2, columns // 2), (rows // 2, columns - 1)]
        addresses = [f"{layer}:{c}@{row},{column}" for c in (0, channels - 1) for row, column in places]
        for rule in RULES if pools else RULES[:4]:
            with unchanged(module):
                patterns = projected(network, [(x, address) for address in addresses], rule)
            expected = ph.reverse(network, x, addresses, relu=rule.relu, pooling=rule.pooling, reading=rule.reading) \
                if rule != Reversal() else ph.gradient(network, x, addresses)  # fmt: skip
            for index, pattern in enumerate(patterns):
                assert pattern.outside == 0
                assert pattern.address == Address.parse(addresses[index])
                left, top, right, bottom = (int(edge) for edge in pattern.box.as_tuple())
                whole = expected.values[index]
                assert torch.equal(pattern.signal, whole[:, top:bottom, left:right])
                assert int((whole != 0).sum()) == int((pattern.signal != 0).sum())
                assert pattern.value == expected.scores[index].item()
                box = network.receptive_field(f"{layer}:{pattern.address.channel}", pattern.address.place, (72, 64))
                assert box == pattern.box
                cut += bool(left > 0 or top > 0)
    assert cut > 0  # some windows are smaller than the image


def test_a_signal_outside_is_told(monkeypatch):
    """Were a receptive field too small, the pattern would say by how much."""
    torch.manual_seed(0)
    network = ph.Network(Branches().double())
    x = torch.randn(1, 3, 40, 40, dtype=torch.float64)
    honest = projected(network, [(x, "join:2@5,5")])[0]
    left, top, right, bottom = honest.box.as_tuple()
    small = ph.Box(left + 8, top + 8, right - 8, bottom - 8)
    monkeypatch.setattr(ph.Network, "receptive_field", lambda *args, **kwargs: small)
    cut = projected(network, [(x, "join:2@5,5")])[0]
    rest = honest.signal.abs()
    rest[:, 8:-8, 8:-8] = 0
    assert honest.outside == 0 < cut.outside == rest.max().item()


def test_the_one_strongest_place_of_each_unit_is_the_one_found_by_hand():
    torch.manual_seed(1)
    network = ph.Network(Branches())
    x = torch.randn(3, 3, 40, 40)
    maps = network.record(x, "join")["join"].detach()
    found = ph.patterns(network, x, "join", units=3, patches=2)
    assert found.looked_at == ("array",) * 3
    order = maps.amax((0, 2, 3)).argsort(descending=True)[:3].tolist()
    assert [unit[0].address.channel for unit in found.units] == order
    for unit, channel in zip(found.units, order, strict=True):
        best = maps[:, channel].amax((1, 2)).sort(descending=True)
        assert [pattern.value for pattern in unit] == pytest.approx(best.values[:2].tolist(), rel=1e-5)
        for pattern, image in zip(unit, best.indices[:2].tolist(), strict=True):
            flat = int(maps[image, channel].argmax())
            assert pattern.address.place == divmod(flat, maps.shape[-1])
            alone = ph.guided(network, x[image : image + 1], str(pattern.address)).values[0]
            left, top, right, bottom = (int(edge) for edge in pattern.box.as_tuple())
            torch.testing.assert_close(pattern.signal, alone[:, top:bottom, left:right], rtol=1e-4, atol=1e-7)


def test_one_channel_over_photos_shows_each_photo_once():
    torch.manual_seed(1)
    network = ph.Network(Branches(), ph.Preprocessing.plain(40))
    generator = np.random.default_rng(0)
    photos = [ph.read(generator.integers(0, 256, (44, 60, 3), dtype=np.uint8)) for _ in range(5)]
    found = ph.patterns(network, photos, "join:3", patches=4)
    assert len(found.units) == 1
    (unit,) = found.units
    assert len({id(pattern.photo) for pattern in unit}) == len(unit) == 4
    assert [pattern.value for pattern in unit] == sorted((pattern.value for pattern in unit), reverse=True)
    assert {pattern.address.channel for pattern in unit} == {3}
    assert "unit join:3" in _texts(found)
    assert found.to_dict()["units"][0]["patterns"][0]["outside"] == 0


def test_files_and_folders_are_read_one_at_a_time_and_broken_ones_named(tmp_path):
    torch.manual_seed(1)
    network = ph.Network(Branches(), ph.Preprocessing.plain(40))
    generator = np.random.default_rng(0)
    photos = [ph.read(generator.integers(0, 256, (44, 60, 3), dtype=np.uint8)) for _ in range(4)]
    (tmp_path / "deeper").mkdir()
    for number, photo in enumerate(photos):
        photo.pil().save(tmp_path / ("deeper" if number % 2 else "") / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"no photo")
    expected = ph.patterns(network, photos, "join", units=3, patches=2)
    for given in (tmp_path, [str(tmp_path / "broken.png"), tmp_path / "deeper", tmp_path / "0.png", photos[2]]):
        found = ph.patterns(network, given, "join", units=3, patches=2)
        assert sorted(found.looked_at) == sorted(
            ["0.png", "1.png", photos[2].name if given != tmp_path else "2.png", "3.png"]
        )
        assert len(found.unreadable) == 1
        assert "broken.png" in found.unreadable[0]
        for unit, other in zip(found.units, expected.units, strict=True):
            assert [pattern.address for pattern in unit] == [pattern.address for pattern in other]
            assert all(torch.equal(one.signal, two.signal) for one, two in zip(unit, other, strict=True))
    with pytest.raises(ValueError, match="none of the 1 files can be read as a photo; the first: "):
        ph.patterns(network, tmp_path / "broken.png", "join")


def test_the_command_takes_photos_and_folders_in_any_order(tmp_path):
    shipped = Path(options.shipped_photo())
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(shipped.read_bytes())
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no photo")
    coffee = str(shipped.parent / "coffee.jpg")
    given = [coffee, "conv_stem:3", str(tmp_path / "photos"), "--json"]
    result = CliRunner().invoke(phosphene.cli.app, ["patterns", *given])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["photos"] == ["coffee.jpg", "cat.jpg"]
    assert {found["photo"] for found in told["units"][0]["patterns"]} == {"cat.jpg", "coffee.jpg"}
    assert "left out" in result.stderr
    assert "broken.jpg" in result.stderr


def test_words_of_the_command_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "features").mkdir()
    assert options.layer_and_photos(("layer1", "a.jpg", None, "b.png")) == ("layer1", ["a.jpg", "b.png"])
    assert options.layer_and_photos(("features", "layer1")) == ("layer1", ["features"])
    assert options.layer_and_photos(("features",)) == ("features", [])
    with pytest.raises(ValueError, match="which layer"):
        options.layer_and_photos(("a.jpg",))
    with pytest.raises(FileNotFoundError, match="neither 'x' nor 'y' is a photo's file"):
        options.layer_and_photos(("x", "y"))


def test_places_that_run_together_and_alone():
    addresses = [Address("a", 0), Address("a", 1), Address("a", 0), Address("b", 0), Address("a", 5)]
    images = [(1, "s"), (1, "s"), (2, "s"), (3, "s"), (4, "s")]
    assert _runs(images, addresses) == [[0, 1], [2, 4], [3]]


def test_an_address_without_a_place_stands_for_the_strongest_one():
    torch.manual_seed(0)
    network = ph.Network(Branches())
    x = torch.randn(1, 3, 40, 40)
    chosen = projected(network, [(x, "join:2")])[0]
    assert chosen.address.place is not None
    assert torch.equal(chosen.signal, projected(network, [(x, str(chosen.address))])[0].signal)
    with pytest.raises(ValueError, match="say which unit of join"):
        projected(network, [(x, "join")])


def test_guided_backprop_where_there_are_rectifiers_and_the_gradient_where_there_are_none():
    torch.manual_seed(0)
    network = ph.Network(Branches())
    x = torch.randn(1, 3, 40, 40)
    assert ph.patterns(network, x, "join").method == "guided backprop"
    stem = ph.patterns(network, x, "stem", units=1)
    assert stem.method == "gradient"
    pattern = stem.units[0][0]
    weight = network.module.stem.weight[pattern.address.channel].detach()
    if pattern.signal.shape == weight.shape:
        torch.testing.assert_close(pattern.signal, weight)
    with pytest.raises(LookupError, match="guided backprop found no ReLU"):
        ph.patterns(network, x, "stem", relu="both")
    assert ph.patterns(network, x, "join", relu="backward").method == "deconvnet"


def test_units_that_see_everything_are_shown_whole():
    vit = ph.Network(timm.create_model("vit_tiny_patch16_224", img_size=32, depth=2, num_classes=5))
    x = torch.rand(1, 3, 32, 32)
    found = ph.patterns(vit, x, "blocks.1", units=2)
    assert found.units[0][0].box.as_tuple() == (0, 0, 32, 32)
    assert "each unit sees the whole image" in _texts(found)
    classes = ph.patterns(vit, x, "logits", units=2)
    assert classes.units[0][0].address.place is None
    best = vit.record(x, "logits")["logits"].argmax().item()
    assert classes.units[0][0].address.channel == best
    assert torch.allclose(classes.units[0][0].signal, ph.gradient(vit, x).values[0])


def _texts(found) -> str:
    return "\n".join(mark.string for mark in found.picture().drawing.marks if hasattr(mark, "string"))


@pytest.mark.parametrize(("options", "error", "sentence"), [
    ({"layer": "nowhere"}, LookupError, "layer 'nowhere' is not in"),
    ({"layer": "join", "units": 0}, ValueError, "units is a whole number, at least 1, not 0"),
    ({"layer": "join", "units": 1.5}, ValueError, "units is a whole number, at least 1, not 1.5"),
    ({"layer": "join", "patches": True}, ValueError, "patches is a whole number, at least 1, not True"),
    ({"layer": "join@99,1"}, LookupError, "no place 99,1"),
    ({"layer": "join:99@1,1"}, LookupError, "no 99"),
    ({"layer": "join", "relu": "up"}, ValueError, "relu is one of"),
])  # fmt: skip
def test_a_wrong_question_is_one_sentence(options, error, sentence):
    network = ph.Network(Branches())
    with pytest.raises(error, match=sentence):
        ph.patterns(network, torch.rand(1, 3, 40, 40), **options)


def test_at_a_place_units_are_those_that_answer_most_there():
    torch.manual_seed(0)
    network = ph.Network(Branches())
    x = torch.rand(3, 3, 40, 40)
    maps = network.record(x, "join")["join"]
    found = ph.patterns(network, x, "join@4,5", units=3, patches=2)
    there = maps[:, :, 4, 5]
    best = there.amax(0).topk(3).indices.tolist()
    assert [unit[0].address.channel for unit in found.units] == best
    assert (found.layer, found.place) == ("join@4,5", (4, 5))
    for unit, channel in zip(found.units, best, strict=True):
        values, photos = there[:, channel].topk(2)
        assert [pattern.address.place for pattern in unit] == [(4, 5)] * 2
        assert torch.allclose(torch.tensor([pattern.value for pattern in unit]), values.float())
        assert [float(maps[photo, channel, 4, 5]) for photo in photos] == pytest.approx(values.tolist())
    text = _texts(found)
    assert "Patterns that the units of join answer to at row 4, column 5" in text
    assert f"{ph.picture.compact(found.units[0][0].value)} @4,5" in text
    (one,) = ph.patterns(network, x[:1], "join:2@4,5").units
    assert str(one[0].address) == "join:2@4,5"


def test_each_tile_of_several_photos_says_its_value_and_photo(tmp_path):
    from PIL import Image as Pillow

    network = ph.Network(Branches(), ph.Preprocessing.plain(40))
    names = ["one.png", "a name that is far too long for one line.png", "three.png"]
    for index, name in enumerate(names):
        pixels = np.random.default_rng(index).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Pillow.fromarray(pixels).save(tmp_path / name)
    found = ph.patterns(network, [str(tmp_path / name) for name in names], "join", units=2, patches=3)
    lines = _texts(found).replace("\n", " ")
    for unit in found.units:
        for pattern in unit:
            row, column = pattern.address.place
            assert f"{ph.picture.compact(pattern.value)} @{row},{column}" in lines
    assert lines.count("three.png") >= 2
    assert "".join(lines.split()).count("anamethatisfartoolongforoneline.png") >= 2


# ---- drawing


def test_zero_is_mid_grey_and_ranges_are_shared_as_asked():
    assert coloured(np.zeros((3, 2, 2)), Range(-1, 1)).tolist() == [[[128] * 3] * 2] * 2
    torch.manual_seed(0)
    network = ph.Network(Branches())
    found = ph.patterns(network, torch.rand(3, 3, 40, 40), "join", units=2, patches=3)
    counts = {per: len({(r.low, r.high) for r in found.picture(per=per).ranges}) for per in ("tile", "unit", "picture")}
    assert counts == {"tile": 6, "unit": 2, "picture": 1}
    assert "Grey is zero" in _texts(found)
    with pytest.raises(ValueError, match="a range is per tile, unit or picture, not 'row'"):
        found.picture(per="row")
    with pytest.raises(ValueError, match="there is 1 page of units, no 2"):
        found.picture(page=2)


def test_a_patch_is_the_same_box_of_the_photo():
    """Every pixel of the photo holds its own place, so the patch's corners tell which box was cut."""
    rows, columns = np.mgrid[0:80, 0:120].astype(np.uint8)
    photo = ph.read(np.stack([rows, columns, rows], -1))
    network = ph.Network(Branches(), ph.Preprocessing.plain(40))
    x = network.prepare(photo)
    (made,) = projected(network, [(photo, "join:0@4,4")])
    assert isinstance(made, Pattern)
    window = made.window
    cut = patch(made, 8).astype(float)
    assert cut.shape[:2] == (8 * made.box.height, 8 * made.box.width)
    assert cut[..., 0].mean() == pytest.approx((window.top + window.bottom) / 2 - 0.5, abs=1)
    assert cut[..., 1].mean() == pytest.approx((window.left + window.right) / 2 - 0.5, abs=1)
    assert x.shape[-2:] == (40, 40)


def test_peaks_are_where_a_map_is_largest_and_the_middle_of_those_that_share_it():
    maps = np.zeros((2, 5, 5))
    maps[0, 1, 3] = 2
    maps[1, 1:4, 1:4] = 6
    assert peaks(maps).tolist() == [[1, 3], [2, 2]]
    assert peaks(maps[0]).tolist() == [1, 3]
