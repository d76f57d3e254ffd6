import itertools
import json
import multiprocessing
import os
import signal
import sys
import time
from datetime import timedelta

import numpy as np
import pytest
import torch
from atlas_helpers import contents, draw, ended_before
from PIL import Image
from pyarrow import parquet

import phosphene as ph
from phosphene.atlas.search import indexing
from phosphene.atlas.store import tables
from phosphene.atlas.store.store import Store
from phosphene.atlas.store.sweep_rows import images_of
from phosphene.atlas.sweep import sketch, sweep

LAYERS = ("0", "3", "6")


def readable(folder):
    found = []
    for path in sorted(folder.rglob("*.png")):
        try:
            found.append((path.relative_to(folder).as_posix(), ph.read(path)))
        except ValueError:
            continue
    return found


def maps_of(network, layer, photos):
    values = torch.cat([network.record(photo, layer)[layer] for _, photo in photos])
    return values if values.ndim == 4 else values[:, :, None, None]


@pytest.mark.parametrize("each", [1, 2])
def test_patches_and_statistics_equal_brute_force(network, folder, tmp_path, each, unchanged):
    with unchanged(network.module):
        atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", layers=LAYERS, k=4, each=each, batch=5)
    photos = readable(folder)
    assert len(photos) == 37
    sweep = atlas.sweeps()[0]
    for layer in LAYERS:
        maps = maps_of(network, layer, photos)
        units = atlas.store.units(sweep, layer)
        places = maps[0, 0].numel()
        for channel in range(maps.shape[1]):
            answers = [
                (-value, photo, place)
                for photo in range(len(photos))
                for value, place in sorted(
                    ((float(v), p) for p, v in enumerate(maps[photo, channel].flatten())), key=lambda a: (-a[0], a[1])
                )[:each]
            ]
            wanted = sorted(answers)[:4]
            found = atlas.patches(f"{layer}:{channel}")
            assert [patch.image for patch in found] == [photos[photo][0] for _, photo, _ in wanted]
            assert [(p.row, p.column) for p in found] == [divmod(place, maps.shape[3]) for *_, place in wanted]
            np.testing.assert_allclose([patch.value for patch in found], [-value for value, *_ in wanted], rtol=1e-5)
            row = {name: units.column(name)[channel].as_py() for name in ("count", "total", "active")}
            own = maps[:, channel].double()
            assert row["count"] == len(photos) * places
            assert row["total"] == pytest.approx(float(own.sum()), rel=1e-5, abs=1e-4)
            assert row["active"] == int((own > 0).sum())


def test_quantiles_of_a_layer_with_few_places_are_those_of_all_its_values(network, folder, tmp_path):
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="6", batch=5)
    scores = maps_of(network, "6", readable(folder)).flatten(1).numpy()
    table = atlas.store.units(atlas.sweeps()[0], "6")
    counts = np.zeros((5, sketch.BINS), np.int32)
    for row, (bins, many) in enumerate(
        zip(table.column("bins").to_pylist(), table.column("counts").to_pylist(), strict=True)
    ):
        counts[row, bins] = many
    assert (counts.sum(1) == 37).all()
    found = sketch.quantiles(counts, [0.5])[:, 0]
    low, high = np.sort(scores, 0)[16], np.sort(scores, 0)[20]
    assert ((low - np.abs(low) / 8 <= found) & (found <= high + np.abs(high) / 8)).all()


def test_features_are_the_layers_own_pooled_as_asked(network, folder, tmp_path):
    photos = readable(folder)
    for pool, wanted in (
        ("mean", lambda m: m.mean((2, 3))),
        ("max", lambda m: m.amax((2, 3))),
        ("none", lambda m: m.flatten(1)),
    ):
        atlas = ph.Atlas.build(network, folder, tmp_path / pool, layers="3", features=["2", "5"], pool=pool)
        for layer in ("2", "5"):
            ids, vectors = atlas.store.features(atlas.sweeps()[0], layer)
            assert len(ids) == 37
            np.testing.assert_allclose(vectors, wanted(maps_of(network, layer, photos)).numpy(), rtol=1e-4, atol=1e-5)


def test_features_can_be_kept_as_half_precision(network, folder, tmp_path):
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="3", features="2", half=True)
    _, vectors = atlas.store.features(atlas.sweeps()[0], "2")
    assert vectors.dtype == np.float16


def test_images_that_cannot_be_read_are_listed_with_the_reason(network, folder, tmp_path):
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="3")
    rows = {row["key"]: row for row in atlas.store.images().to_pylist()}
    assert len(rows) == 39
    keys = {row["id"]: key for key, row in rows.items()}
    broken = {keys[number]: why for number, why in atlas.store.unreadable(atlas.sweeps()[0]).items()}
    assert set(broken) == {"b/07b.png", "c/11c.png"}
    assert "07b.png" in broken["b/07b.png"]
    assert rows["a/00.png"]["label"] == "a"
    assert (rows["a/00.png"]["width"], rows["a/00.png"]["height"]) == (52, 40)


def test_a_build_that_is_stopped_goes_on_to_the_same_atlas(network, folder, tmp_path):
    whole = contents(ph.Atlas.build(network, folder, tmp_path / "whole", layers=LAYERS, batch=4).store)
    for stop in (1, 4, 9):
        path = tmp_path / f"stopped{stop}"
        for _ in range(20):
            steps = ph.Atlas.building(network, folder, path, layers=LAYERS, batch=4)
            progress = list(itertools.islice(steps, stop))
            steps.close()
            if not progress:
                break
        assert contents(Store(path)) == whole


def _build(path, folder, every):
    sys.path.insert(0, os.path.dirname(__file__))
    from atlas_helpers import build as module

    torch.set_num_threads(1)
    sweep.EVERY_S = every
    network = ph.Network(module(), ph.Preprocessing((32, 32), resize=(36, 36)), list("abcde"))
    ph.Atlas.build(network, folder, path, layers=LAYERS, batch=3)


def test_a_build_that_is_killed_goes_on_to_the_same_atlas(network, folder, tmp_path):
    whole = contents(ph.Atlas.build(network, folder, tmp_path / "whole", layers=LAYERS, batch=3).store)
    path = tmp_path / "killed"
    start = multiprocessing.get_context("spawn")
    generator, kills = np.random.default_rng(0), 0
    for _ in range(6):
        process = start.Process(target=_build, args=(path, folder, 0.0))
        process.start()
        while process.is_alive() and not (path / "efficient.lance").exists() and not path.exists():
            time.sleep(0.01)
        process.join(float(generator.uniform(0.05, 0.6)))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.join()
    assert kills, "no build was killed before it was done"
    _build(path, folder, 20.0)
    assert contents(Store(path)) == whole


def test_building_again_does_nothing_and_new_images_are_added(network, folder, tmp_path):
    path = tmp_path / "atlas"
    ph.Atlas.build(network, folder, path, layers=LAYERS)
    assert list(ph.Atlas.building(network, folder, path, layers=LAYERS)) == []
    new = folder / "a" / "99.png"
    Image.fromarray(np.full((40, 40, 3), 255, np.uint8)).save(new)
    progress = list(ph.Atlas.building(network, folder, path, layers=LAYERS))
    assert progress[-1].images == 1
    rows = ph.Atlas(path).store.images().to_pylist()
    assert len(rows) == 40
    assert rows[-1]["key"] == "a/99.png"


def test_layers_are_added_without_running_the_others_again(network, folder, tmp_path):
    path = tmp_path / "atlas"
    ph.Atlas.build(network, folder, path, layers="0", features="2")
    ph.Atlas.build(network, folder, path, layers=["0", "3"], features="2")
    first, second = ph.Atlas(path).sweeps()
    assert (first.work.layers, second.work.layers) == (("0",), ("3",))
    assert first.work.features == ("2",)
    assert second.work.features == ()
    assert len(ph.Atlas(path).store.images()) == 39


def test_a_second_network_shares_the_images(network, folder, tmp_path):
    path = tmp_path / "atlas"
    ph.Atlas.build(network, folder, path, layers="0")
    torch.manual_seed(5)
    other = ph.Network(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5)).eval(), network.preprocessing)
    atlas = ph.Atlas.build(other, folder, path, layers="0", features="0")
    assert len(atlas.sweeps()) == 2
    assert len(atlas.store.images()) == 39


def test_a_patch_holds_every_pixel_that_can_move_the_unit_and_no_row_more(network, folder, tmp_path):
    """Where an image is left as it is, the unit's gradient by the photo is 0 outside the box, and reaches its edges."""
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="2", k=5)
    for channel in (0, 5):
        for patch in atlas.patches(f"2:{channel}"):
            photo = patch.photo()
            frame = network.frame(photo)
            x = network.prepare(photo).requires_grad_()
            value = network.record(x, "2")["2"][0, channel, patch.row, patch.column]
            assert float(value.detach()) == pytest.approx(patch.value, rel=1e-4, abs=1e-6)
            (gradient,) = torch.autograd.grad(value, x)
            rows, columns = (gradient[0] != 0).any(0).nonzero(as_tuple=True)
            seen = ph.network.Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
            window = network.receptive_field("2", (patch.row, patch.column))
            assert window.left <= seen.left
            assert window.right >= seen.right
            assert window.top <= seen.top
            assert window.bottom >= seen.bottom
            assert patch.box == frame.source(window)
            piece = patch.pixels()
            assert piece.height <= photo.height
            assert piece.width <= photo.width


def test_two_writers_at_once_are_refused_in_a_sentence(network, folder, tmp_path):
    path = tmp_path / "atlas"
    steps = ph.Atlas.building(network, folder, path, layers="3", batch=4)
    next(steps)
    with pytest.raises(ValueError, match="another process is writing"):
        next(ph.Atlas.building(network, folder, path, layers="3"))
    steps.close()


def test_wrong_requests_are_refused_in_a_sentence(network, folder, tmp_path):
    path = tmp_path / "atlas"
    with pytest.raises(FileNotFoundError, match="there is no atlas at"):
        ph.Atlas(path)
    with pytest.raises(LookupError, match="layer '9' is not in"):
        ph.Atlas.build(network, folder, path, layers="9")
    assert not path.exists()
    with pytest.raises(FileNotFoundError, match="there is no"):
        ph.Atlas.build(network, tmp_path / "nothing", path, layers="3")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match="a folder with other things in it"):
        ph.Atlas.build(network, folder, tmp_path / "other", layers="3")
    atlas = ph.Atlas.build(network, folder, path, layers="3")
    with pytest.raises(LookupError, match=r"holds no units of .0.*; it holds those of 3"):
        atlas.patches("0:1")
    with pytest.raises(LookupError, match="has 12 channels"):
        atlas.patches("3:99")
    with pytest.raises(ValueError, match="name one of its channels"):
        atlas.patches("3")


def test_values_that_are_not_finite_end_the_build_in_a_sentence(folder, tmp_path):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3))
    module[0].weight.data[1] = float("nan")
    network = ph.Network(module.eval(), ph.Preprocessing((32, 32), resize=(36, 36)))
    with pytest.raises(ValueError, match="0 of Sequential gives values that are not finite of any image"):
        ph.Atlas.build(network, folder, tmp_path / "atlas", layers="0")


def test_a_network_without_one_input_size_is_refused(network, folder, tmp_path):
    free = ph.Network(network.module, ph.Preprocessing((32, 32), resize=(36, 36), crop="none"))
    with pytest.raises(ValueError, match="takes photos of any size"):
        ph.Atlas.build(free, folder, tmp_path / "atlas", layers="0")


def test_what_it_holds_is_plain_lancedb(network, folder, tmp_path):
    import lancedb

    ph.Atlas.build(network, folder, tmp_path / "atlas", layers="3", features="2")
    db = lancedb.connect(tmp_path / "atlas")
    own = {"Sequential.units", "Sequential.features.2", "Sequential.fields", "Sequential.unreadable"}
    assert set(db.list_tables().tables) == {"images", "shards", "sweeps", *own}
    units = db.open_table("Sequential.units")
    assert json.loads(units.schema.metadata[b"done"])["finished"] == [[0, 0]]
    assert units.count_rows() == 12


def test_tables_that_were_killed_while_they_were_made_count_as_not_there(network, folder, tmp_path):
    whole = contents(ph.Atlas.build(network, folder, tmp_path / "whole", layers="3", features="2").store)
    for name in ("images", "Sequential.units", "Sequential.unreadable", "Sequential.features.2"):
        path = tmp_path / name
        (path / f"{name}.lance" / "data").mkdir(parents=True)
        (path / f"{name}.lance" / "data" / "half.lance").write_bytes(b"half of a file")
        assert contents(ph.Atlas.build(network, folder, path, layers="3", features="2").store) == whole


@pytest.mark.parametrize("place", range(6))
def test_a_build_that_ends_between_any_two_writings_goes_on_to_the_same_atlas(
    network, folder, tmp_path, monkeypatch, place
):
    """Each writing of a table is a place to end at; the third round of writings is the one that is ended."""
    work = {"layers": LAYERS, "features": ["2", "5"], "batch": 4}
    whole = contents(ph.Atlas.build(network, folder, tmp_path / "whole", **work).store)
    monkeypatch.setattr(sweep, "EVERY_S", 0.0)
    with ended_before(3 + 5 * place):
        ph.Atlas.build(network, folder, tmp_path / "ended", **work)
    assert 0 < Store(tmp_path / "ended").table("images").count_rows() <= 39
    assert contents(ph.Atlas.build(network, folder, tmp_path / "ended", **work).store) == whole


@pytest.mark.parametrize("writings", [0, 5])
def test_features_of_a_batch_that_was_not_written_whole_do_not_count(network, folder, tmp_path, monkeypatch, writings):
    """Ended before the units of a batch are written: its rows lie in the tables until the build is resumed."""
    work = {"layers": LAYERS, "features": ["2", "5"], "batch": 4}
    ph.Atlas.build(network, folder, tmp_path / "whole", **work)
    whole = ph.Atlas(tmp_path / "whole", network)
    monkeypatch.setattr(sweep, "EVERY_S", 0.0)
    with ended_before(writings, names=("overwrite",)):
        ph.Atlas.build(network, folder, tmp_path / "ended", **work)
    atlas = ph.Atlas(tmp_path / "ended", network)
    (swept,) = atlas.sweeps()
    rows = {layer: atlas.store.find(tables.features_table(swept.name, layer)) for layer in work["features"]}
    assert rows["2"] is not None
    if atlas.store.find(tables.units_table(swept.name)) is None:
        for ask in (lambda: atlas.store.features(swept, "2"), lambda: atlas.neighbours(folder / "a" / "00.png")):
            with pytest.raises(ValueError, match="no image has run through Sequential yet"):
                ask()
        return
    covered = images_of(atlas.store, swept).column("id").to_numpy()
    assert rows["2"].count_rows() > len(covered) > 12
    everything, vectors = whole.store.features(whole.sweeps()[0], "2")
    ids, features = atlas.store.features(swept, "2")
    np.testing.assert_array_equal(ids, covered)
    np.testing.assert_array_equal(features, vectors[np.isin(everything, covered)])
    np.testing.assert_array_equal(atlas.map(method="pca").ids, covered)
    near = atlas.neighbours("a/00.png", k=39)
    assert near.images == len(covered)
    assert set(near.numbers[near.numbers >= 0].tolist()) == {*covered.tolist()} - {int(covered[0])}
    late = next(number for number in rows["2"].to_arrow().column("id").to_pylist() if number not in covered)
    with pytest.raises(LookupError):
        atlas.neighbours(late)
    for features in ("2", None):
        path = atlas.export(tmp_path / "rows.parquet", features=features)
        assert sorted(parquet.read_table(path).column("id").to_pylist()) == covered.tolist()
    monkeypatch.setattr(indexing, "FEWEST", 4)
    monkeypatch.setattr(indexing, "MEASURED", 4)
    assert atlas.index("2").images == len(covered)
    assert set(indexing._drawn(*atlas.store.features_rows(swept, "2"), 8, "euclidean", 0)[0]) <= {*covered.tolist()}
    info = atlas.info()
    assert info.images == len(covered)
    assert info.sweeps[0].done == len(covered) + info.sweeps[0].unreadable


def test_unreadable_images_of_a_batch_that_was_not_written_whole_do_not_count(network, folder, tmp_path, monkeypatch):
    (folder / "a" / "00.png").write_bytes(b"no picture")
    (folder / "a" / "12.png").write_bytes(b"no picture")  # of the second batch
    monkeypatch.setattr(sweep, "EVERY_S", 0.0)
    with ended_before(1, names=("overwrite",)):
        ph.Atlas.build(network, folder, tmp_path / "ended", layers=LAYERS, batch=4)
    atlas = ph.Atlas(tmp_path / "ended", network)
    (swept,) = atlas.sweeps()
    assert atlas.store.find(tables.unreadable_table(swept.name)).count_rows() == 2
    assert [key for key, _ in atlas.info().unreadable] == ["a/00.png"]
    assert atlas.info().sweeps[0].unreadable == 1


def test_an_atlas_grows_on_when_versions_of_its_tables_are_gone(network, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("phosphene.atlas.store.database.KEPT", timedelta(milliseconds=1))
    work = {"layers": "3", "features": "2", "batch": 4}
    for index in range(3):
        (folder / "d").mkdir(exist_ok=True)
        (folder / "d" / f"broken{index}.png").write_bytes(b"no picture")
        Image.fromarray(draw(100 + index)).save(folder / "d" / f"{index}.png")
        steps = ph.Atlas.building(network, folder, tmp_path / "atlas", **work)
        list(itertools.islice(steps, 1))
        steps.close()
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", **work)
    ids, _ = atlas.store.features(atlas.sweeps()[0], "2")
    assert len(ids) == len(set(ids.tolist())) == 40
    assert len(atlas.store.unreadable(atlas.sweeps()[0])) == 5


def test_a_larger_list_serves_a_smaller_question_and_the_newest_answers(network, folder, tmp_path):
    path = tmp_path / "atlas"
    ph.Atlas.build(network, folder, path, layers="3", features="2", k=3)
    assert list(ph.Atlas.building(network, folder, path, layers="3", features="2", k=2)) == []
    atlas = ph.Atlas.build(network, folder, path, layers="3", features="2", k=5)
    assert [sweep.work.features for sweep in atlas.sweeps()] == [("2",), ()]
    assert len(atlas.patches("3:1")) == 5
    assert len(ph.Atlas.build(network, folder, path, layers="3", k=5, each=2).patches("3:1", k=5)) == 5
    assert {patch.image for patch in atlas.patches("3:1")} >= {patch.image for patch in atlas.patches("3:1", k=2)}
    mean = atlas.neighbours("a/00.png", features="2").distances
    atlas = ph.Atlas.build(network, folder, path, layers="3", features="2", pool="max", k=5)
    assert not np.array_equal(atlas.neighbours("a/00.png", features="2").distances, mean)


def test_what_several_networks_keep_is_not_mixed_up(network, folder, tmp_path):
    path = tmp_path / "atlas"
    ph.Atlas.build(network, folder, path, layers="0", features="2")
    torch.manual_seed(5)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5), torch.nn.ReLU(), torch.nn.Conv2d(4, 6, 3))
    other = ph.Network(module.eval(), network.preprocessing)
    own = ph.Atlas.build(other, folder, path, layers="0", features="2")
    found = own.neighbours("a/00.png", k=3)
    vectors = maps_of(other, "2", readable(folder)).mean((2, 3)).numpy()
    wanted = np.sort(np.linalg.norm(vectors - vectors[0], axis=1))[1:4]
    np.testing.assert_allclose(found.distances[0], wanted, rtol=1e-4)
    with pytest.raises(ValueError, match="several networks have features; say which is meant: sweep=Sequential or Seq"):
        ph.Atlas(path).neighbours("a/00.png")
    small = ph.Network(network.module, ph.Preprocessing((24, 24), resize=(28, 28)))
    assert ph.Atlas.build(small, folder, path, layers="0").sweep("0").name == "Sequential-3"


def test_each_network_has_its_own_images_that_it_could_not_use(network, folder, tmp_path):
    path = tmp_path / "atlas"
    first = ph.Atlas.build(network, folder, path, layers="0", features="2").sweeps()[0]
    Image.fromarray(draw(7)).save(folder / "b" / "07b.png")
    (folder / "a" / "00.png").unlink()
    atlas = ph.Atlas.build(network, folder, path, layers="3", features="2", pool="max")
    second = atlas.sweeps()[1]
    keys = {row["id"]: row["key"] for row in atlas.store.images().to_pylist()}
    assert {keys[number] for number in atlas.store.unreadable(first)} == {"b/07b.png", "c/11c.png"}
    assert {keys[number] for number in atlas.store.unreadable(second)} == {"a/00.png", "c/11c.png"}
    rows = {row["key"]: row for row in atlas.store.images().to_pylist()}
    assert (rows["b/07b.png"]["width"], rows["c/11c.png"]["width"]) == (52, 0)
    assert (atlas.statistics("0").images, atlas.statistics("3").images) == (37, 37)
    assert atlas.neighbours("b/07b.png", k=2).keys[0]
    with pytest.raises(LookupError, match=r"a/00.png has no features, since it could not be used: there is no file"):
        atlas.neighbours("a/00.png")


def test_an_image_that_the_network_gives_no_number_for_is_left_out_alone(network, folder, tmp_path):
    class Divides(torch.nn.Module):
        def forward(self, x):
            return x / x.amax((1, 2, 3), keepdim=True)

    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(folder / "a" / "00b.png")
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), Divides(), torch.nn.Conv2d(3, 5, 3))
    module[0], module[2] = torch.nn.Identity(), network.module[0]
    broken = ph.Network(module.eval(), network.preprocessing)
    atlas = ph.Atlas.build(broken, folder, tmp_path / "atlas", layers="2", features="1", batch=4)
    keys = {row["id"]: row["key"] for row in atlas.store.images().to_pylist()}
    why = {keys[number]: text for number, text in atlas.store.unreadable(atlas.sweeps()[0]).items()}
    assert why["a/00b.png"] == "1 of Sequential gives values that are not finite"
    assert set(why) == {"a/00b.png", "b/07b.png", "c/11c.png"}
    (folder / "a" / "00b.png").unlink()
    rest = ph.Atlas.build(broken, folder, tmp_path / "rest", layers="2", features="1", batch=1)
    for channel in range(8):
        found = atlas.patches(f"2:{channel}")
        assert [p.image for p in found] == [p.image for p in rest.patches(f"2:{channel}")]
    assert len(atlas.store.features(atlas.sweeps()[0], "1")[0]) == 37


def test_features_beyond_16_bits_are_refused_in_a_sentence(network, folder, tmp_path):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3))
    module[0].weight.data *= 1e7
    large = ph.Network(module.eval(), network.preprocessing)
    with pytest.raises(ValueError, match=r"features of 0 reach .*, and 16 bits hold 65,504 at most"):
        ph.Atlas.build(large, folder, tmp_path / "atlas", layers="0", features="0", half=True)


def test_names_of_layers_and_files_may_be_any(network, folder, tmp_path):
    class Odd(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.add_module("first/ü: 'a'", torch.nn.Conv2d(3, 4, 3))

        def forward(self, x):
            return getattr(self, "first/ü: 'a'")(x)

    odd = ph.Network(Odd().eval(), network.preprocessing)
    name = os.fsencode(folder / "a") + b"/\xff.png"
    with open(name, "wb") as file:
        Image.fromarray(draw(5)).save(file, "PNG")
    atlas = ph.Atlas.build(odd, folder, tmp_path / "atlas", layers="first/ü: 'a'", features="first/ü: 'a'")
    assert len(atlas.store.features(atlas.sweeps()[0], "first/ü: 'a'")[0]) == 38
    assert len(atlas.patches("first/ü: 'a':2")) == 9
    assert len(atlas.layer("first/ü: 'a'", k=2).units) == 4
    assert len(atlas.names("first/ü: 'a'").names) == 4
    assert len(atlas.map(method="pca").ids) == 38
    row = next(row for row in atlas.store.images().to_pylist() if "xff" in row["key"])
    assert row["key"] == "a/\\xff.png"
    assert atlas.photo(row["id"]).width == 52


def test_a_refused_build_leaves_nothing_behind(network, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no image"):
        ph.Atlas.build(network, tmp_path / "empty", tmp_path / "atlas")
    assert not (tmp_path / "atlas").exists()


def test_an_atlas_of_another_format_is_refused_in_a_sentence(network, folder, tmp_path, monkeypatch):
    ph.Atlas.build(network, folder, tmp_path / "atlas", layers="0")
    monkeypatch.setattr("phosphene.atlas.store.tables.FORMAT", 2)
    with pytest.raises(ValueError, match="has tables of format 1, and this Phosphene reads 2"):
        ph.Atlas(tmp_path / "atlas")
