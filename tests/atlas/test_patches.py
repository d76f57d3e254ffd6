"""A unit's sheet and a layer's: what they hold, how tiles are cut, and photos that are not there any more."""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import phosphene as ph
from phosphene.atlas.units.histogram import histogram
from phosphene.atlas.units.tiles import Scale, cuts
from phosphene.picture import Image as Pixels
from phosphene.picture import Rect, Text

PHOTOS = Path(ph.__file__).parent / "photos"


@pytest.fixture
def atlas(network, folder, tmp_path):
    return ph.Atlas.build(network, folder, tmp_path / "atlas", layers=["0", "3", "6"], k=5)


def words(picture):
    return " ".join(mark.string for mark in picture.drawing.marks if isinstance(mark, Text))


def tiles(picture):
    return [mark for mark in picture.drawing.marks if isinstance(mark, Pixels)]


def test_patches_are_a_result_and_a_sequence(atlas):
    found = atlas.patches("3:2", k=3)
    assert isinstance(found, Sequence)
    assert len(found) == 3
    assert list(found) == [found[0], found[1], found[2]]
    assert found[1:] == (found[1], found[2])
    assert [patch.value for patch in found] == sorted((patch.value for patch in found), reverse=True)
    told = json.loads(json.dumps(found.to_dict()))
    assert told["unit"] == "3:2"
    assert [each["image"] for each in told["patches"]] == [patch.image for patch in found]
    assert found.made["options"]["atlas"] == atlas.path


def test_all_patches_of_a_unit_are_drawn_at_one_scale(network, tmp_path):
    """Each pixel of the photo takes as many of every tile, and stands as far from the unit's place in it."""
    root = tmp_path / "flat"
    root.mkdir()
    rows, columns = np.indices((32, 32))
    pixels = np.stack([rows * 8, columns * 8, np.zeros_like(rows)], 2).astype(np.uint8)  # each pixel says where it is
    for index in range(6):
        Image.fromarray(np.roll(pixels, index, 1)).save(root / f"{index}.png")
    plain = ph.Network(network.module, ph.Preprocessing.plain(32))
    found = ph.Atlas.build(plain, root, tmp_path / "atlas", layers="2", k=6, each=3).patches("2:1")
    window = plain.receptive_field("2")
    size = window.height.size
    scale = Scale.of(found, 12.0 * size)
    made = cuts(found, scale)
    padded = 0
    for patch, cut in zip(found, made, strict=True):
        photo = patch.photo().pixels
        top = window.height.start + patch.row * window.height.stride
        left = window.width.start + patch.column * window.width.stride
        squares = cut.tile[12::24, 12::24]
        assert squares.shape[:2] == (size, size)
        for down, across in np.ndindex(size, size):
            inside = 0 <= top + down < 32 and 0 <= left + across < 32
            assert (squares[down, across, 3] == 255) == inside
            padded += not inside
            if inside:
                assert (squares[down, across, :3] == photo[top + down, left + across]).all()
    assert padded, "no patch reaches over the border"


def test_a_window_larger_than_the_image_is_the_image(tmp_path, folder):
    torch.manual_seed(1)
    wide = nn.Sequential(nn.Conv2d(3, 4, 25, 1, 12), nn.Conv2d(4, 4, 25, 1, 12)).eval()
    network = ph.Network(wide, ph.Preprocessing((32, 32), resize=(36, 36)))
    found = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="1", k=4).patches("1:0")
    assert network.receptive_field("1").height.size == 49
    for patch in found:
        assert patch.window.as_tuple() == (0, 0, 32, 32)
        assert patch.sees == network.receptive_field("1:0", (patch.row, patch.column))
    assert words(found.picture())


def test_a_unit_that_sees_the_whole_image_shows_all_that_the_network_sees(atlas, network):
    found = atlas.patches("6:1")
    for patch in found:
        frame = network.frame(patch.photo())
        assert patch.box == frame.source(frame.whole_input)
        assert patch.box.within(frame.seen) == frame.seen
        assert (patch.row, patch.column) == (0, 0)
    assert "it sees the whole image" in words(found.picture())
    assert "of images" in words(found.picture())


def test_a_patch_is_a_picture_of_itself(atlas, tmp_path):
    patch = atlas.patches("3:2")[0]
    picture = patch.picture()
    picture.save(tmp_path / "patch.png")
    with Image.open(tmp_path / "patch.png") as saved:
        assert (np.array(saved) == patch.pixels().pixels).all()
    assert patch.image in picture.caption
    assert f"row {patch.row}, column {patch.column}" in picture.caption


def test_the_sheet_shows_values_labels_statistics_and_the_photos(atlas):
    found = atlas.patches("3:2", k=4)
    sheet = found.picture()
    text = words(sheet)
    assert len(tiles(sheet)) == 8
    for patch in found:
        assert ph.picture.compact(patch.value) in text
        assert patch.image in text
        assert f"· {patch.label}" in text
    assert ph.picture.compact(found.mean) in text
    assert "its 4 strongest patches among 37 images" in text
    alone = found.picture(context=False)
    assert len(tiles(alone)) == 4
    assert alone.drawing.height < sheet.drawing.height or alone.drawing.width <= sheet.drawing.width


def test_a_photo_that_moved_or_changed_leaves_a_tile_that_says_so(atlas, folder):
    found = atlas.patches("3:2", k=4)
    (folder / found[0].image).unlink()
    changed = folder / found[1].image
    Image.fromarray(np.zeros((33, 52, 3), np.uint8)).save(changed)
    with pytest.raises(FileNotFoundError):
        found[0].photo()
    with pytest.raises(ValueError, match=r"is 52 × 33 px now, not 52 × 40 .* another picture"):
        found[1].photo()
    sheet = found.picture()
    assert len(tiles(sheet)) == 4  # two patches and their photos
    text = words(sheet)
    assert "52 × 33 px" in text
    assert found[0].image in text
    layer = atlas.layer("3", units=6, k=2).picture()
    assert 0 < len(tiles(layer)) <= 12


def test_a_tile_for_words_holds_no_more_of_them_than_fit():
    from phosphene.atlas.units.tiles import _words

    marks = _words("a sentence that goes on and on " * 20, 90, 60)
    assert all(0 < mark.y <= 60 for mark in marks)
    assert marks[-1].string.endswith("…")


def test_projection_runs_back_from_each_patch_and_nowhere_else(atlas, network, unchanged):
    with unchanged(network.module):
        found = atlas.patches("3:2", k=3, projection=True)
    for patch, pattern in zip(found, found.patterns, strict=True):
        assert pattern.value == pytest.approx(patch.value, rel=1e-4)
        assert pattern.box == patch.sees
        assert pattern.outside == 0
        assert (pattern.signal != 0).any()
    assert found.method == "guided backprop"
    sheet = found.picture()
    assert len(tiles(sheet)) == 9
    assert len(sheet.ranges) == 3


def test_projection_says_where_a_photo_has_other_content_or_is_gone(atlas, folder):
    before = atlas.patches("3:2", k=3)
    Image.fromarray(np.full((40, 52, 3), 90, np.uint8)).save(folder / before[0].image)
    (folder / before[2].image).unlink()
    found = atlas.patches("3:2", k=3, projection=True)
    assert found.patterns[2] is None
    assert before[2].image.split("/")[1] in found.missing[0]
    assert re.search(r"now [\d.−]+: the photo has changed", words(found.picture()))


def test_projection_of_units_without_places_and_rectifiers_is_the_gradient(folder, tmp_path):
    torch.manual_seed(2)
    flat = nn.Sequential(nn.Conv2d(3, 4, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)).eval()
    network = ph.Network(flat, ph.Preprocessing((32, 32), resize=(36, 36)))
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="3")
    found = atlas.patches("3:1", k=2, projection=True)
    assert found.method == "gradient"
    assert len(tiles(found.picture())) == 6


def test_synthesis_adds_what_the_unit_would_like_to_see(atlas, network, unchanged):
    with unchanged(network.module):
        found = atlas.patches("3:2", k=2, synthesis=True, steps=3, seed=4)
    wanted = ph.synthesize(network, "3:2", steps=3, seed=4)
    assert found.image.shape == (32, 32, 3)
    assert found.reached == float(wanted.scores[0])
    assert len(tiles(found.picture())) == 5
    assert found.to_dict()["reached"] == found.reached


def test_a_sheet_is_made_again_from_its_file(tmp_path):
    (tmp_path / "set").mkdir()
    for photo in PHOTOS.glob("*.jpg"):
        shutil.copy(photo, tmp_path / "set")
    ph.Atlas.build(ph.load(), tmp_path / "set", tmp_path / "atlas", layers="blocks.1")
    found = ph.Atlas(tmp_path / "atlas").patches("blocks.1:3", k=1)
    found.save(tmp_path / "sheet.png", context=False)
    again = ph.again(tmp_path / "sheet.png")
    assert again.encode(".png") == (tmp_path / "sheet.png").read_bytes()
    assert "The images have no labels" in words(again)


def test_a_photo_is_cut_as_the_sweep_cut_it_whatever_the_network_does_now(network, folder, tmp_path):
    built = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="3", k=3)
    boxes = [patch.box for patch in built.patches("3:2")]
    other = ph.Network(network.module, ph.Preprocessing((32, 32), resize=(64, 64)), network.labels)
    assert [patch.box for patch in ph.Atlas(tmp_path / "atlas", other).patches("3:2")] == boxes


def test_a_layer_of_several_networks_has_to_be_named(network, folder, tmp_path):
    path = tmp_path / "atlas"
    ph.Atlas.build(network, folder, path, layers="0", k=3)
    torch.manual_seed(5)
    other = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 5)).eval(), network.preprocessing)
    ph.Atlas.build(other, folder, path, layers="0", k=3)
    assert len(ph.Atlas(path, other).statistics("0").mean) == 4
    assert len(ph.Atlas(path, network).statistics("0").mean) == 8
    with pytest.raises(ValueError, match="several networks have a layer '0'; say which is meant: sweep=Sequential or"):
        ph.Atlas(path).statistics("0")
    assert len(ph.Atlas(path).statistics("0", sweep="Sequential-2").mean) == 4
    with pytest.raises(LookupError, match="has no sweep 'x'; it has Sequential, Sequential-2"):
        ph.Atlas(path).statistics("0", sweep="x")


def test_a_layers_sheet_holds_the_best_patches_of_each_unit(atlas):
    found = atlas.layer("3", units=5, k=2, page=2)
    assert [unit.channel for unit in found.units] == [5, 6, 7, 8, 9]
    for unit in found.units:
        own = atlas.patches(f"3:{unit.channel}", k=2)
        assert [(p.image, p.row, p.column) for p in unit.patches] == [(p.image, p.row, p.column) for p in own]
        assert unit.largest == own[0].value
    sheet = found.picture()
    assert len(tiles(sheet)) == 10
    assert "5 of 12 units by number · page 2 of 3" in words(sheet)
    assert json.loads(json.dumps(found.to_dict()))["units"][0]["channel"] == 5


def test_a_layers_units_come_in_the_order_asked_for(atlas):
    found = {order: atlas.layer("3", units=12, k=1, order=order).units for order in ("largest", "rarest", "name")}
    values = [unit.largest for unit in found["largest"]]
    assert values == sorted(values, reverse=True)
    active = [unit.active for unit in found["rarest"] if unit.active]
    assert active == sorted(active)
    assert all(unit.active == 0 for unit in found["rarest"][len(active) :])
    p = [unit.name.p for unit in found["name"]]
    assert p == sorted(p)
    with pytest.raises(ValueError, match="ordered by channel, largest, rarest, name, not 'size'"):
        atlas.layer("3", order="size")
    with pytest.raises(ValueError, match="there are pages 1 to 3"):
        atlas.layer("3", units=5, page=4)


def test_wrong_units_are_refused_in_a_sentence(atlas):
    with pytest.raises(ValueError, match="is one place; an atlas holds channels, such as '3:1'"):
        atlas.patches("3:1@2,2")
    with pytest.raises(ValueError, match="at least one patch"):
        atlas.patches("3:1", k=0)
    with pytest.raises(LookupError, match="holds no units of '2'"):
        atlas.layer("2")


def test_bars_of_a_histogram_are_as_high_as_their_logarithm():
    from phosphene.atlas.sweep import sketch

    counts = sketch.empty(1)
    sketch.add(counts, torch.cat([torch.zeros(990), torch.full((10,), 4.05)])[None, None])
    drawing = histogram(counts[0].numpy(), 4.05, [4.05])
    bars = [mark for mark in drawing.marks if isinstance(mark, Rect) and mark.fill == "accent"]
    assert bars[0].height > 0.99 * max(bar.height for bar in bars)
    assert len(bars) < 10
    assert min(bar.left for bar in bars[1:]) > bars[0].left + 300
