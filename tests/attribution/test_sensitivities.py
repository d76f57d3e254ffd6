"""Sensitivities: units made by hand for one colour and for one form, a plain loop, and the versions of an image."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.attribution.sensitivities.versions import (
    HUES,
    VERSIONS,
    chroma,
    shuffled,
    versions,
)
from phosphene.picture import Text
from phosphene.transformations import grey, hue_turned, luma
from phosphene.transformations.colour import LUMA

SIDE = 24
WHOLE = ph.Box(0, 0, SIDE, SIDE)


def noise(count=1, seed=0):
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def of_one_filter(weights, bias=0.0):
    """A convolution of one filter (3, h, w) with as large a stride, and a rectifier."""
    conv = nn.Conv2d(3, 1, tuple(weights.shape[1:]), stride=tuple(weights.shape[1:]))
    with torch.no_grad():
        conv.weight.copy_(weights[None])
        conv.bias.fill_(bias)
    return ph.Network(nn.Sequential(conv, nn.ReLU()).eval(), ph.Preprocessing.plain(SIDE))


@pytest.fixture
def opponent():
    """A unit for red against green, over 8 x 8 px."""
    return of_one_filter(torch.tensor([1.0, -1.0, 0.0]).view(3, 1, 1).expand(3, 8, 8) / 64)


@pytest.fixture
def stripes():
    """A unit for upright stripes of one pixel, of which it sees 8 x 8 px and only the luma."""
    pattern = torch.tensor([1.0, -1.0]).repeat(4).expand(8, 8) / 32
    return of_one_filter(torch.tensor(LUMA).view(3, 1, 1) * pattern)


def striped(count=6):
    """Coloured upright stripes of one pixel, light ones first, of several contrasts."""
    generator = torch.Generator().manual_seed(1)
    light, dark = (torch.rand(count, 3, 1, 1, generator=generator) * 0.4 + low for low in (0.6, 0.0))
    odd = (torch.arange(SIDE) % 2 == 1).expand(count, 3, SIDE, SIDE)
    return torch.where(odd, dark, light)


def test_a_colour_opponent_unit_loses_all_without_colours_and_nothing_without_form(opponent, unchanged):
    reds = noise(6) * torch.tensor([1.0, 0.3, 0.5]).view(3, 1, 1)
    with unchanged(opponent.module):
        found = ph.sensitivities(opponent, reds, "1:0")
    assert found.kept("grey").high < 1e-6
    assert found.kept("hue 180°").mean == 0  # green against red: the rectifier cuts it
    for name in ("shuffled", "shuffled more", "flat", "half contrast"):  # the window's mean is as it was
        assert found.kept(name).mean == pytest.approx(1, abs=1e-5)
    assert found.words.startswith("answers to colour: grey keeps 0 % (0 to 0), shuffled keeps 100 % (100 to 100)")
    assert "mean colour alone keeps 100 %" in found.words
    assert found.apart("grey", "shuffled").high < -0.99


def test_a_unit_for_stripes_of_luma_loses_nothing_without_colours_and_all_without_form(stripes):
    found = ph.sensitivities(stripes, striped(), "1:0")
    assert found.kept("grey").mean == pytest.approx(1, abs=1e-5)
    for angle in HUES:  # the luma is as it was
        assert found.kept(f"hue {angle}°").mean == pytest.approx(1, abs=1e-5)
    assert found.kept("half contrast").mean == pytest.approx(0.5, abs=1e-5)
    assert found.kept("shuffled").mean == pytest.approx(1, abs=1e-5)  # blocks of two stripes: any order is as good
    assert found.kept("shuffled more").high < 0.5
    assert found.kept("blurred more").high < 0.1
    assert found.kept("flat").high < 1e-5
    assert found.words.startswith("answers to form: grey keeps 100 % (100 to 100), shuffled keeps ")
    assert found.how["shuffled"] == "blocks of 2 px"
    assert found.how["shuffled more"] == "blocks of 1 px"


def test_responses_are_those_of_a_plain_loop():
    torch.manual_seed(3)
    module = nn.Sequential(nn.Conv2d(3, 4, 5, 2, 2), nn.ReLU(), nn.Conv2d(4, 3, 3, 2, 1), nn.ReLU()).double().eval()
    network = ph.Network(module, ph.Preprocessing((SIDE, SIDE), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25)))
    images = network.normalise(noise(7).double())
    found = ph.sensitivities(network, images, "3:1", k=4, seed=5)
    answers = module(images)[:, 1].detach()
    best = answers.amax((1, 2)).argsort(descending=True)[:4].tolist()
    assert found.images == tuple(f"image {at + 1}" for at in best)
    mean, std = (
        torch.tensor(values, dtype=torch.float64).view(3, 1, 1) for values in ((0.4, 0.5, 0.6), (0.2, 0.3, 0.25))
    )
    for rank, index in enumerate(best):
        row, column = divmod(int(answers[index].argmax()), 6)
        assert found.places[rank] == f"3:1@{row},{column}"
        assert found.original[rank] == pytest.approx(float(answers[index, row, column]), rel=1e-9)
        box = network.receptive_field("3:1", (row, column))
        for version in versions(noise(7)[index : index + 1].double(), box, 9.0, 5 + rank):
            with torch.no_grad():
                each = [module(((one - mean) / std)[None])[0, 1, row, column] for one in version.images]
            assert found.responses[version.name][rank] == pytest.approx(
                float(sum(each) / len(each)), rel=1e-9, abs=1e-12
            )
    ratios = found.responses["grey"] / found.original
    assert found.kept("grey").mean == pytest.approx(ratios.mean())
    assert found.change("grey").mean == pytest.approx((found.responses["grey"] - found.original).mean())


def test_within_the_window_the_largest_place_counts():
    torch.manual_seed(4)
    module = nn.Sequential(nn.Conv2d(3, 2, 7, 1, 3), nn.ReLU()).double().eval()
    network = ph.Network(module, ph.Preprocessing.plain(SIDE))
    image = noise(1, 2).double()
    place = ph.sensitivities(network, image, "1:0")
    window = ph.sensitivities(network, image, "1:0", where="window")
    assert window.original == pytest.approx(place.original)
    row, column = map(int, place.places[0].partition("@")[2].split(","))
    about = slice(max(row - 3, 0), row + 4), slice(max(column - 3, 0), column + 4)
    expected = float(module(grey(image)).detach()[0, 0][about].max())
    assert window.responses["grey"][0] == pytest.approx(expected)
    assert all(window.responses[name][0] >= place.responses[name][0] - 1e-9 for name in VERSIONS)
    assert any(window.responses[name][0] > place.responses[name][0] for name in VERSIONS)


def test_hues_turn_at_equal_luma_by_a_slow_rewrite_for_one_pixel_at_a_time():
    image = noise().double()
    for angle in (*HUES, 33):
        result = hue_turned(image, angle)
        assert torch.allclose(luma(result), luma(image), atol=1e-12)
        assert result.min() >= 0
        assert result.max() <= 1
        for row, column in ((0, 0), (5, 17), (20, 3)):
            red, green, blue = image[0, :, row, column].tolist()
            y = 0.299 * red + 0.587 * green + 0.114 * blue
            turn = complex(0.492111 * (blue - y), 0.877283 * (red - y)) * np.exp(1j * np.radians(angle))
            red, blue = turn.imag / 0.877283, turn.real / 0.492111
            away = [red, -(0.299 * red + 0.114 * blue) / 0.587, blue]
            share = min(1, *(((1 - y) if each > 0 else y) / abs(each) for each in away))
            assert result[0, :, row, column].tolist() == pytest.approx([y + share * each for each in away], abs=1e-9)
    pale = 0.4 + 0.1 * image  # nothing leaves [0, 1]
    assert torch.allclose(hue_turned(hue_turned(pale, 90), 270), pale, atol=1e-12)
    assert chroma(hue_turned(pale, 180), WHOLE) == pytest.approx(chroma(pale, WHOLE))
    assert chroma(grey(image), WHOLE) == pytest.approx(0, abs=1e-12)


def test_shuffling_moves_every_block_and_keeps_the_pixels_and_the_surround():
    image = torch.arange(3 * SIDE * SIDE, dtype=torch.float64).view(1, 3, SIDE, SIDE)
    box = ph.Box(3, 2, 16, 15)  # 13 x 13 px: three blocks of 4 px each way, a pixel left over
    result = shuffled(image, box, 4, torch.Generator().manual_seed(0))
    changed = (result != image)[0]
    assert changed[:, 2:14, 3:15].all()
    changed[:, 2:14, 3:15] = False
    assert not changed.any()
    assert sorted(result.flatten().tolist()) == image.flatten().tolist()
    blocks = {tuple(part.flatten().tolist()) for part in _blocks(image)}
    assert {tuple(part.flatten().tolist()) for part in _blocks(result)} == blocks
    assert shuffled(image, ph.Box(0, 0, 5, 5), 4, torch.Generator()) is None


def _blocks(image):
    return [image[0, :, 2 + 4 * row : 6 + 4 * row, 3 + 4 * col : 7 + 4 * col] for row in range(3) for col in range(3)]


def test_what_answers_too_little_is_left_out_and_said(opponent):
    reds = noise(4) * torch.tensor([1.0, 0.3, 0.5]).view(3, 1, 1)
    greys = noise(3)[:, :1].expand(-1, 3, -1, -1)
    found = ph.sensitivities(opponent, torch.cat([greys, reds]), "1:0")
    assert found.looked_at == 7
    assert found.weak == 3
    assert set(found.images) == {f"image {at}" for at in (4, 5, 6, 7)}
    assert any("left out: 3 images to which the unit's response is 0" in note for note in found.notes)
    with pytest.raises(ValueError, match=r"answers to none of the 3 images with more than 0 .*largest value is"):
        ph.sensitivities(opponent, greys, "1:0")
    with pytest.raises(ValueError, match=r"largest value is −"):
        ph.sensitivities(of_one_filter(-torch.ones(3, 4, 4), bias=-1.0), noise(2), "0:0")


def test_one_image_has_no_interval_and_a_network_without_colours_no_grey(opponent, stripes):
    found = ph.sensitivities(opponent, noise() * torch.tensor([1.0, 0.3, 0.5]).view(3, 1, 1), "1:0")
    assert np.isnan(found.kept("grey").low)
    assert "whether it needs colour is open; whether it needs form is open: grey keeps 0 %, sh" in found.words
    conv = nn.Conv2d(1, 1, 8, 8, bias=False)
    with torch.no_grad():
        conv.weight.copy_(stripes.module[0].weight.sum(1, keepdim=True))
    blind = ph.Network(nn.Sequential(conv, nn.ReLU()).eval(), ph.Preprocessing.plain(SIDE, 1))
    found = ph.sensitivities(blind, luma(striped()), "1:0")
    assert found.kept("grey").count == 0
    assert found.words.startswith("needs form (the network sees no colour): shuffled keeps ")
    assert found.to_dict()["grey_less_shuffled"] is None


def test_images_without_colours_are_counted_and_said(stripes):
    images = torch.cat([striped(3), grey(striped(3))])
    found = ph.sensitivities(stripes, images, "1:0")
    assert found.pale == 3
    assert "its images hold hardly any colour, so that grey says little" in found.words
    assert any(note.startswith("3 of 6 images hold hardly any colour") for note in found.notes)
    assert 0 < found.paled < 1
    coloured = ph.sensitivities(stripes, striped(3), "1:0")
    assert coloured.pale == 0
    assert coloured.paled == pytest.approx(found.paled, rel=1e-4)  # which colourless images don't change
    assert coloured.chroma == pytest.approx(2 * found.chroma, rel=1e-4)


def test_values_that_no_image_has_are_cut_and_said(opponent):
    reds = 1.5 * noise(2) * torch.tensor([1.0, 0.3, 0.5]).view(3, 1, 1)
    found = ph.sensitivities(opponent, reds, "1:0")
    assert found.cut == 2
    assert "2 images had values beyond [0, 1], which were cut" in found.notes


def test_what_can_not_be_asked_is_refused(opponent, tmp_path):
    with pytest.raises(ValueError, match="k is a whole number, at least 1"):
        ph.sensitivities(opponent, noise(), "1:0", k=0)
    with pytest.raises(ValueError, match="asked at its place or in its window, not 'there'"):
        ph.sensitivities(opponent, noise(), "1:0", where="there")
    with pytest.raises(ValueError, match="say which unit of 1"):
        ph.sensitivities(opponent, noise(), "1")
    with pytest.raises(LookupError, match="no 9"):
        ph.sensitivities(opponent, noise(), "1:9")
    (tmp_path / "broken.png").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="none of the 1 files can be read"):
        ph.sensitivities(opponent, tmp_path, "1:0")


def test_the_sheet_has_a_tile_a_version_and_the_same_seed_gives_the_same_bytes(tmp_path):
    photos = [ph.read((noise(1, seed)[0].permute(1, 2, 0) * 255).byte().numpy()) for seed in range(3)]
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 9, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    network = ph.Network(module.eval(), ph.Preprocessing.plain(SIDE))
    units = [f"1:{int(network.maps(photos[0], '1').amax((0, 2, 3)).argmax())}"]
    units.append(f"logits:{int(network.scores(photos).mean(0).argmax())}")
    for unit in units:
        found = ph.sensitivities(network, photos, unit, seed=1)
        again = ph.sensitivities(network, photos, unit, seed=1)
        assert found.picture().encode(".png") == again.picture().encode(".png")
        other = ph.sensitivities(network, photos, unit, seed=2)
        assert (found.responses["shuffled"] != other.responses["shuffled"]).any()
        texts = [mark.string for mark in found.picture().drawing.marks if isinstance(mark, Text)]
        assert all(name in texts for name in ("original", *VERSIONS))
        assert len(found.table().rows) == len(VERSIONS)
        assert json.loads(json.dumps(found.to_dict()))["verdict"] == found.words
    assert "sees the whole image" in found.sees
