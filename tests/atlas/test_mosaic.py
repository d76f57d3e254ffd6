import itertools
import json
import threading

import numpy as np
import pytest
from PIL import Image

import phosphene as ph
from phosphene.atlas.projection.layout import gap, on_map
from phosphene.atlas.zoom.thumbnails import square, thumbnails


@pytest.fixture
def atlas(network, folder, tmp_path):
    return ph.Atlas.build(network, folder, tmp_path / "atlas", layers="3", features="5")


def test_every_thumbnail_stands_whole_where_it_is_said_to(atlas):
    for grid in (False, True):
        mosaic = atlas.mosaic(grid=grid, tile=16, method="pca")
        pixels = mosaic.pixels()
        assert pixels.shape == (mosaic.height, mosaic.width, 4)
        assert mosaic.shown + mosaic.hidden == 37
        covered = np.zeros(pixels.shape[:2], int)
        for row, (left, top) in zip(mosaic.rows, mosaic.corners, strict=True):
            part = pixels[top : top + 16, left : left + 16]
            photo = atlas.photo(int(mosaic.embedding.ids[row]))
            assert (part[..., :3] == square(photo.pil(), 16)).all()
            covered[top : top + 16, left : left + 16] += 1
        assert covered.max() == 1
        assert ((covered == 1) == (pixels[..., 3] == 255)).all()
        assert mosaic.hidden == 0 or not grid


def test_what_has_no_room_is_left_out_and_counted(atlas):
    tight = atlas.mosaic(tile=20, side=70, shift=0.5, method="pca")
    assert tight.hidden > 10
    assert f"{tight.hidden} have no room there and are left out" in tight.words()
    assert tight.shown == 37 - tight.hidden
    assert max(tight.width, tight.height) == 70
    none = atlas.mosaic(tile=20, side=70, shift=0, method="pca")
    assert none.shift == 0
    assert none.hidden >= tight.hidden
    roomy = atlas.mosaic(tile=8, side=1200, method="pca")
    assert roomy.hidden == 0
    positions = roomy.embedding.positions
    offsets = roomy.corners - np.stack([positions[:, 0], -positions[:, 1]], 1) * (1192 / np.ptp(positions, 0).max())
    assert np.ptp(offsets, axis=0).max() < 20


@pytest.mark.parametrize("shape", ["round", "flat", "groups"])
def test_most_images_have_room_whatever_the_maps_shape(shape):
    rng = np.random.default_rng(0)
    positions = {
        "round": rng.normal(size=(400, 2)),
        "flat": rng.random((400, 2)) * [10, 1],
        "groups": rng.random((25, 2))[np.arange(250) % 25] * 10 + rng.normal(size=(250, 2)) * 0.15,
    }[shape]
    found = on_map(positions, None, None, None, 0)
    assert len(found.rows) == len(positions)
    assert found.width * found.height < 16 * len(positions) * found.tile**2
    narrow = on_map(positions, 20, 300, None, 0)
    assert max(narrow.width, narrow.height) == 300
    assert len(narrow.rows) > len(on_map(positions, 20, 300, 0.5, 0).rows)
    still = on_map(positions, 20, None, 0, 0)
    assert still.shift == 0


def test_a_part_of_the_mosaic_is_that_part(atlas):
    mosaic = atlas.mosaic(tile=11, method="pca")
    whole = mosaic.pixels()
    for left, top in itertools.product((0, 13, 40), (0, 7, 51)):
        part = mosaic.pixels(left, top, 33, 29)
        inside = whole[top : top + 29, left : left + 33]
        assert (part[: inside.shape[0], : inside.shape[1]] == inside).all()


def test_neighbours_on_the_map_stay_near_on_the_grid(atlas):
    mosaic = atlas.mosaic(grid=True, tile=10, method="pca")
    middles = mosaic.corners * [1, -1]
    for axis in (0, 1):
        assert np.corrcoef(middles[:, axis], mosaic.embedding.positions[:, axis])[0, 1] > 0.8
    step = 10 + gap(10)
    assert (mosaic.corners % step == 0).all()
    rows, columns = (mosaic.height + gap(10)) // step, (mosaic.width + gap(10)) // step
    assert rows * columns >= 37
    assert f"37 of 37 images on {rows} × {columns} cells" in mosaic.words()


def test_photos_that_are_gone_leave_their_place_empty_and_are_counted(atlas, folder):
    for name in ("a/00.png", "b/01.png"):
        (folder / name).unlink()
    mosaic = atlas.mosaic(grid=True, tile=8, method="pca")
    assert (mosaic.missing, mosaic.shown) == (2, 35)
    assert "2 could not be read: " in mosaic.words()
    assert len(mosaic.to_dict()["images"]) == 35
    assert int((mosaic.pixels()[..., 3] == 255).sum()) == 35 * 64
    for file in folder.rglob("*.png"):
        file.unlink()
    with pytest.raises(FileNotFoundError):
        atlas.mosaic(tile=8, method="pca")


def test_few_photos_are_open_at_a_time(atlas, monkeypatch):
    from phosphene.atlas.zoom import thumbnails as file

    open_now, most, lock = 0, 0, threading.Lock()
    real, shown = file._thumbnail, []

    def counted(*given):
        nonlocal open_now, most
        with lock:
            open_now += 1
            most = max(most, open_now)
        try:
            return real(*given)
        finally:
            with lock:
                open_now -= 1
                shown.append(1)

    monkeypatch.setattr(file, "_thumbnail", counted)
    monkeypatch.setattr(file, "AHEAD", 4)
    embedding = atlas.map(method="pca")
    found = thumbnails(atlas, embedding.ids.tolist(), embedding.keys, 12)
    assert len(shown) == 37
    assert most <= 8
    assert found.pixels.shape == (37, 12, 12, 3)
    backwards = thumbnails(atlas, embedding.ids[::-1].tolist(), embedding.keys[::-1], 12)
    assert (backwards.pixels[::-1] == found.pixels).all()


def test_a_thumbnail_is_the_middle_square():
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 20:40] = 200
    assert (np.abs(square(Image.fromarray(pixels), 10)[:, 1:-1].astype(int) - 200) < 4).all()
    small = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert (square(Image.fromarray(small), 8) == small.repeat(2, 0).repeat(2, 1)).all()


def test_a_picture_holds_every_pixel_and_how_it_was_made(atlas, tmp_path):
    mosaic = atlas.mosaic(path=tmp_path / "mosaic.png", grid=True, tile=64, method="pca")
    for theme, paper in (("light", 252), ("dark", 19)):
        saved = np.array(Image.open(mosaic.save(tmp_path / "mosaic.png", theme=theme)).convert("RGB"))
        own = mosaic.pixels()
        first = own[:64, :64, :3]
        corners = [
            (top, left)
            for top in range(saved.shape[0] - 64)
            for left in (96,)
            if (saved[top, left : left + 64] == first[0]).all()
        ]
        assert corners
        top, left = corners[0]
        part = saved[top : top + mosaic.height, left : left + mosaic.width]
        clear = own[..., 3] == 0
        assert (part[~clear] == own[..., :3][~clear]).all()
        assert (part[clear][:, 0] == paper).all()
    account = ph.read_made(tmp_path / "mosaic.png")
    assert account["made"]["instrument"] == "atlas_mosaic"
    again = ph.again(tmp_path / "mosaic.png")
    assert "37 of 37" in again.caption


def test_pictures_too_large_are_refused_with_what_to_do(atlas):
    mosaic = atlas.mosaic(tile=8, side=40_000, method="pca")
    with pytest.raises(ValueError, match="give smaller tiles"):
        mosaic.picture()
    for wrong, said in (({"tile": 2}, "at least 4"), ({"shift": -1}, "0 or more"), ({"tile": 50, "side": 20}, "room")):
        with pytest.raises(ValueError, match=said):
            atlas.mosaic(method="pca", **wrong)


def test_its_numbers_are_json(atlas):
    told = json.loads(json.dumps(atlas.mosaic(tile=8, method="pca").to_dict()))
    assert told["tile"] == 8
    assert {"id", "image", "left", "top"} == set(told["images"][0])


def apart(corners, side):
    """Whether no two squares of the side overlap."""
    distance = np.abs(corners[:, None] - corners[None]).max(2)
    return bool((distance[np.triu_indices(len(corners), 1)] >= side).all())


@pytest.mark.parametrize("side", [1024, 546])
def test_all_photos_are_shown_where_there_are_cells_enough(side):
    """Two dense groups far apart: 400 thumbnails in many more cells, and in few more."""
    rng = np.random.default_rng(0)
    positions = np.where(np.arange(400)[:, None] % 2, [0.0, 0.0], [30.0, 19.0]) + rng.normal(size=(400, 2))
    found = on_map(positions, 20, side, None, 0)
    assert max(found.width, found.height) == side
    rows, columns = ((length + gap(20)) // 21 for length in (found.height, found.width))
    assert rows * columns >= 400, "the test has too few cells"
    assert found.rows.tolist() == list(range(400))
    assert apart(found.corners, 21)
    assert (found.corners >= 0).all()
    assert (found.corners + 20 <= [found.width, found.height]).all()
    near = on_map(positions, 20, side, 1.0, 0)
    assert len(near.rows) < 400, "without a limit on the shift nothing would have been gained"
    assert apart(near.corners, 21)


def test_as_many_as_there_are_cells_are_shown_where_they_are_too_few():
    positions = np.random.default_rng(0).normal(size=(400, 2))
    found = on_map(positions, 20, 208, None, 0)
    assert 60 < len(found.rows) < 100
    assert apart(found.corners, 21)


def test_who_is_moved_goes_to_the_nearest_free_cell():
    from phosphene.atlas.projection.spacing import filled

    wanted = np.array([[40, 40], [42, 41], [43, 43]])
    corners = np.array([[41, 40], [-1, -1], [-1, -1]])
    found = filled(wanted, corners, 20, (100, 100), 0)
    assert found[0].tolist() == [41, 40]
    assert {tuple(corner) for corner in found[1:].tolist()} <= {(20, 40), (40, 20), (40, 60), (60, 20), (60, 60)}
    assert apart(found, 20)
