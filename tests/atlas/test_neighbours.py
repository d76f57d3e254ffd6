import json

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.atlas.search.search import NONE


@pytest.fixture
def atlas(network, folder, tmp_path):
    return ph.Atlas.build(network, folder, tmp_path / "atlas", layers="0", features=["3", "6"], batch=5)


def distances(network, layer, one, photos, metric):
    """In float64, from the network's own values."""
    values = [network.record(photo, layer)[layer].double().flatten(2).mean(2)[0].numpy() for photo in [one, *photos]]
    query, others = values[0], np.stack(values[1:])
    if metric == "euclidean":
        return np.linalg.norm(others - query, axis=1)
    return 1 - others @ query / np.linalg.norm(others, axis=1) / np.linalg.norm(query)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_neighbours_of_a_photo_are_those_of_brute_force(network, folder, atlas, metric, tmp_path, unchanged):
    files = [file for file in sorted(folder.rglob("*.png")) if file.stem[-1] not in "bc"]
    photos = [ph.read(file) for file in files]
    one = ph.read(255 - photos[4].pixels)
    with unchanged(network.module):
        found = atlas.neighbours(one, k=7, metric=metric)
    true = distances(network, "3", one, photos, metric)
    order = np.argsort(true)[:7]
    assert found.layer == "3"
    assert found.distances.shape == found.numbers.shape == (1, 7)
    np.testing.assert_allclose(found.distances[0], true[order], rtol=1e-4, atol=1e-6)
    assert list(found.keys[0]) == [files[at].relative_to(folder).as_posix() for at in order]
    assert list(found.labels[0]) == [files[at].parent.name for at in order]
    assert found.queries[0].number is None
    assert found.how == "all 37 images were looked at"


@pytest.mark.parametrize("pool", ["mean", "max", "none"])
@pytest.mark.parametrize("half", [False, True])
def test_a_query_is_described_as_the_atlas_was(network, folder, tmp_path, pool, half):
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="0", features="3", pool=pool, half=half, batch=5)
    photo = ph.read(folder / "a" / "09.png")
    moved = ph.read(photo.pixels)  # without its path it is not known to be the atlas's own
    found = atlas.neighbours(moved, k=1)
    assert found.keys == (("a/09.png",),)
    assert found.distances[0, 0] < (1e-2 if half else 1e-4)


def test_images_of_the_atlas_are_marked_and_are_not_their_own_neighbours(atlas, folder, network):
    number = atlas.neighbours("a/09.png").queries[0].number
    ways = [
        "a/09.png",
        number,
        np.int64(number),
        str(number),
        str(folder / "a" / "09.png"),
        ph.read(folder / "a/09.png"),
    ]
    for way in ways:
        found = atlas.neighbours(way, k=36)
        assert [(each.number, each.name, each.label) for each in found.queries] == [(number, "a/09.png", "a")]
        assert number not in found.numbers
        assert (found.numbers != NONE).all()
        assert (np.diff(found.distances[0]) >= 0).all()
    own = atlas.neighbours(ways, k=2, own=True)
    assert (own.numbers[:, 0] == number).all()
    assert (own.distances[:, 0] == 0).all()


def test_fewer_images_than_asked_for_leave_gaps(atlas):
    found = atlas.neighbours(["a/09.png", "b/01.png"], k=40)
    assert (found.numbers[:, :36] != NONE).all()
    assert (found.numbers[:, 36:] == NONE).all()
    assert np.isinf(found.distances[:, 36:]).all()
    assert found.keys[0][36:] == ("",) * 4
    assert len(found.to_dict()["queries"][0]["neighbours"]) == 36


def test_another_layer_s_features(atlas, network, folder):
    found = atlas.neighbours("a/09.png", k=3, features="6")
    assert found.layer == "6"
    assert found.length == 5
    assert atlas.neighbours("a/09.png", features="features").layer == "3"
    with pytest.raises(LookupError, match=r"holds no features of '0'.*it holds those of 3, 6"):
        atlas.neighbours("a/09.png", features="0")


def test_what_can_not_be_asked_is_said(atlas, network, folder, tmp_path):
    with pytest.raises(LookupError, match=r"neither an image of the atlas .* nor a file; near it: a/09.png"):
        atlas.neighbours("a/9.png")
    with pytest.raises(LookupError, match=r"has no image of number 99"):
        atlas.neighbours(99)
    with pytest.raises(LookupError, match=r"b/07b.png has no features, since it could not be used"):
        atlas.neighbours("b/07b.png")
    with pytest.raises(ValueError, match=r"euclidean or cosine, not 'dot'"):
        atlas.neighbours("a/09.png", metric="dot")
    with pytest.raises(ValueError, match=r"k is a number above 0, not 0"):
        atlas.neighbours("a/09.png", k=0)
    with pytest.raises(ValueError, match=r"no query was given"):
        atlas.neighbours([])
    with pytest.raises(TypeError, match=r"key or number, or a photo, not 1.5"):
        atlas.neighbours(1.5)
    bare = ph.Atlas.build(network, folder, tmp_path / "bare", layers="0", features=[])
    with pytest.raises(LookupError, match=r"keeps no features; build it with features="):
        bare.neighbours("a/09.png")


def test_a_key_of_two_sources_asks_which(network, folder, tmp_path):
    for part in "ac":
        atlas = ph.Atlas.build(network, folder / part, tmp_path / "atlas", layers="0", features="3")
    (folder / "d").mkdir()
    (folder / "d" / "00.png").write_bytes((folder / "a" / "00.png").read_bytes())
    atlas = ph.Atlas.build(network, folder / "d", tmp_path / "atlas", layers="0", features="3")
    with pytest.raises(
        LookupError, match=r"several images have the key '00.png'; say which is meant by its number: 0, "
    ):
        atlas.neighbours("00.png")
    found = atlas.neighbours(str(folder / "d" / "00.png"), k=1)
    assert found.numbers.tolist() == [[0]]
    assert found.distances[0, 0] < 1e-6


def test_features_of_zeros_have_no_cosine(folder, tmp_path):
    dead = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2)).eval()
    dead(torch.zeros(1, 3, 32, 32))
    nn.init.zeros_(dead[0].weight)
    nn.init.constant_(dead[0].bias, -1)
    network = ph.Network(dead, ph.Preprocessing((32, 32)))
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="0", features="1")
    with pytest.raises(ValueError, match=r"all 0, and the cosine of nothing is no number"):
        atlas.neighbours("a/09.png", metric="cosine")
    assert (atlas.neighbours("a/09.png").distances == 0).all()


def test_the_sheet_shows_queries_neighbours_and_how_they_were_found(atlas, folder):
    found = atlas.neighbours(["a/09.png", ph.read(255 - ph.read(folder / "b/01.png").pixels)], k=3)
    picture = found.picture()
    words = [mark.string for mark in picture.drawing.marks if hasattr(mark, "string")]
    assert {"in the atlas", "not in the atlas", "query"} <= set(words)
    assert "all 37 images were looked at" in picture.caption.lower()
    images = [mark for mark in picture.drawing.marks if hasattr(mark, "pixels")]
    assert len(images) == 2 * 4
    only = found.picture(rows=1)
    assert len([mark for mark in only.drawing.marks if hasattr(mark, "pixels")]) == 4
    assert any("1 more queries" in mark.string for mark in only.drawing.marks if hasattr(mark, "string"))
    with pytest.raises(ValueError, match=r"at least one query is shown, not 0"):
        found.picture(rows=0)


def test_a_photo_that_is_gone_leaves_a_tile_that_says_so(atlas, folder, tmp_path):
    found = atlas.neighbours("a/09.png", k=36)
    (folder / found.keys[0][0]).unlink()
    marks = found.picture().drawing.marks
    assert len([mark for mark in marks if hasattr(mark, "pixels")]) == 36


def test_the_result_is_json_and_is_made_again(network, folder, tmp_path, monkeypatch):
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="0", features="3")
    found = atlas.neighbours(["a/09.png", "3"], k=2)
    told = json.loads(json.dumps(found.to_dict()))
    assert [each["number"] for each in told["queries"][0]["neighbours"]] == found.numbers[0].tolist()
    assert told["index"] is None
    path = found.save(tmp_path / "found.png")
    again = ph.again(path)
    assert again.image().tobytes() == found.picture().image().tobytes()
