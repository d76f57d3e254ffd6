"""Images that could not be used, tried again: in the end the atlas is that of pictures that were never broken."""

import itertools
import json
import multiprocessing
import os
import signal
import sys
import time
import zipfile

import numpy as np
import pyarrow.parquet as parquet
import pytest
import torch
from atlas_helpers import contents, draw, ended_before, errors
from PIL import Image

import phosphene as ph
from phosphene.atlas.store import tables
from phosphene.atlas.store.conditions import covered, seen_once
from phosphene.atlas.store.store import Store
from phosphene.atlas.sweep import sweep
from phosphene.data.coverage import Coverage
from phosphene.data.sources import folder as folders

WORK = {"layers": ("0", "3", "6"), "features": ["2", "5"], "k": 4, "batch": 4}
FLOATS = ("total", "values", "vector")
BROKEN = ("b/07b.png", "c/11c.png", "a/00.png", "c/35.png")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(folders, "FILES", 10)


@pytest.fixture
def whole(folder, network, tmp_path):
    """What an atlas holds that is built when all pictures are whole; afterwards some of them are broken."""
    mend(folder, *BROKEN)
    found = contents(ph.Atlas.build(network, folder, tmp_path / "whole", **WORK).store)
    for name in BROKEN:
        (folder / name).write_bytes(b"\x89PNG\r\n\x1a\n broken")
    return found


def mend(folder, *names):
    for name in names:
        Image.fromarray(draw(int(name[2:4]) + 100 * ("b" in name[2:]))).save(folder / name)


def assert_same(store, wanted):
    """All rows alike; numbers up to the last bits, which hang on what else is in a batch."""
    found = contents(store)
    assert {name for name in found if found[name]} == {name for name in wanted if wanted[name]}
    for name, rows in wanted.items():
        assert len(found[name]) == len(rows), name
        for one, other in zip(found[name], rows, strict=True):
            assert {key: one[key] for key in one if key not in FLOATS} == {
                key: other[key] for key in other if key not in FLOATS
            }
            for key in (key for key in FLOATS if key in other):
                np.testing.assert_allclose(one[key], other[key], rtol=1e-5, atol=1e-5)


def told(store):
    units = store.table(tables.units_table(store.sweeps()[0].name))
    return json.loads(units.schema.metadata[b"done"])


def test_pictures_that_were_mended_are_as_if_they_had_been_whole_at_once(network, folder, tmp_path, whole):
    path = tmp_path / "atlas"
    atlas = ph.Atlas.build(network, folder, path, **WORK)
    assert {key for key, why in errors(atlas).items() if why} == set(BROKEN)
    mend(folder, *BROKEN)
    assert list(ph.Atlas.building(network, folder, path, **WORK)) == []
    steps = list(ph.Atlas.building(network, folder, path, **WORK, retry=True))
    assert (steps[-1].images, steps[-1].unreadable, steps[-1].total) == (4, 0, 4)
    assert_same(Store(path), whole)
    assert told(Store(path)) == {"finished": [[0, 3]], "begun": {}}
    assert list(ph.Atlas.building(network, folder, path, **WORK, retry=True)) == []
    assert atlas.statistics("0").images == 39


def test_those_that_still_cannot_be_read_stay_noted_with_the_reason_of_now(network, folder, tmp_path, whole):
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", **WORK)
    mend(folder, "b/07b.png")
    (folder / "c" / "11c.png").unlink()
    steps = list(ph.Atlas.building(network, None, tmp_path / "atlas", **WORK, retry=True))
    assert (steps[-1].images, steps[-1].unreadable) == (4, 3)
    why = errors(atlas)
    assert {key for key in why if why[key]} == {"c/11c.png", "a/00.png", "c/35.png"}
    assert why["c/11c.png"].startswith("there is no file")
    mend(folder, *BROKEN)
    ph.Atlas.build(network, None, tmp_path / "atlas", **WORK, retry=True)
    assert_same(atlas.store, whole)


@pytest.mark.parametrize("place", range(13))
def test_trying_again_may_end_between_any_two_writings(network, folder, tmp_path, monkeypatch, whole, place):
    """Then a build without `retry` goes on with it; `place` is the writing before which it ends."""
    path = tmp_path / "atlas"
    ph.Atlas.build(network, folder, path, **WORK)
    mend(folder, *BROKEN)
    monkeypatch.setattr(sweep, "EVERY_S", 0.0)
    with ended_before(place, names=("append", "overwrite", "_add_images", "resume", "join")):
        ph.Atlas.build(network, folder, path, **WORK, retry=True)
    store = Store(path)
    (own,) = store.sweeps()
    seen = ph.Atlas(path, network).statistics("3").images
    assert 35 <= seen <= 39
    assert seen == store.units(own, "6").column("count")[0].as_py()
    ph.Atlas.build(network, folder, path, **WORK, retry=place == 0)
    assert_same(store, whole)


def _retry(path, folder):
    sys.path.insert(0, os.path.dirname(__file__))
    from atlas_helpers import build as module

    torch.set_num_threads(1)
    sweep.EVERY_S = 0.0
    network = ph.Network(module(), ph.Preprocessing((32, 32), resize=(36, 36)), list("abcde"))
    ph.Atlas.build(network, folder, path, **WORK, retry=True)


def test_trying_again_may_be_killed(network, folder, tmp_path, whole):
    path = tmp_path / "atlas"
    ph.Atlas.build(network, folder, path, **WORK)
    mend(folder, *BROKEN)
    before = Store(path).table("images").version
    start, generator, kills = multiprocessing.get_context("spawn"), np.random.default_rng(0), 0
    for _ in range(2):
        process = start.Process(target=_retry, args=(path, folder))
        process.start()
        while process.is_alive() and Store(path).table("images").version == before and "again" not in told(Store(path)):
            time.sleep(0.01)
        process.join(float(generator.uniform(0, 0.15)))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.join()
    assert kills, "it was not killed before it was done"
    ph.Atlas.build(network, folder, path, **WORK, retry=True)
    assert_same(Store(path), whole)


def test_a_stop_keeps_what_ran_and_new_pictures_come_after_it(network, folder, tmp_path, whole):
    path = tmp_path / "atlas"
    ph.Atlas.build(network, folder, path, **WORK)
    mend(folder, *BROKEN)
    Image.fromarray(draw(7)).save(folder / "c" / "99.png")
    steps = ph.Atlas.building(network, folder, path, **WORK, retry=True)
    progress = list(itertools.islice(steps, 2))
    steps.close()
    assert (progress[-1].images, progress[-1].total) == (2, 5)
    assert len(told(Store(path))["again"]) == 2
    swept = ph.Atlas(path).info().sweeps[0]
    assert (swept.done, swept.of, swept.finished) == (37, 40, False)
    assert ph.Atlas(path, network).statistics("3").images == 37
    rest = list(ph.Atlas.building(network, folder, path, **WORK))
    assert rest[-1].images == 3
    assert len(ph.Atlas(path).store.features(ph.Atlas(path).sweeps()[0], "2")[0]) == 40
    assert ph.Atlas(path).info().sweeps[0].finished


def test_only_the_sweeps_that_were_asked_for_try_again(network, folder, tmp_path, whole):
    path = tmp_path / "atlas"
    ph.Atlas.build(network, folder, path, layers="0", features="2")
    atlas = ph.Atlas.build(network, folder, path, layers="3", features="2")
    first, second = atlas.sweeps()
    mend(folder, *BROKEN)
    ph.Atlas.build(network, folder, path, layers="3", features=[], retry=True)
    assert (len(atlas.store.unreadable(first)), len(atlas.store.unreadable(second))) == (4, 0)
    assert (atlas.statistics("0").images, atlas.statistics("3").images) == (35, 39)
    assert atlas.info().images == 39


def test_an_image_without_finite_values_is_tried_again_and_does_not_end_the_build(network, folder, tmp_path):
    class Divides(torch.nn.Module):
        def forward(self, x):
            return x / x.amax((1, 2, 3), keepdim=True)

    module = torch.nn.Sequential(torch.nn.Identity(), Divides(), network.module[0])
    broken = ph.Network(module.eval(), network.preprocessing)
    for at in range(6):
        Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(folder / "a" / f"black{at}.png")
    work = {"layers": "2", "features": "1", "batch": 4}
    atlas = ph.Atlas.build(broken, folder, tmp_path / "atlas", **work)
    assert sum(why is not None for why in errors(atlas).values()) == 8
    steps = list(ph.Atlas.building(broken, folder, tmp_path / "atlas", **work, retry=True))
    assert (steps[-1].images, steps[-1].unreadable) == (8, 8)
    assert sum(why is not None for why in errors(atlas).values()) == 8
    assert atlas.statistics("2").images == 37


def test_an_archive_that_is_gone_leaves_its_notes_and_the_atlas_grows_on(network, folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, file.relative_to(folder))
    work = {"layers": "3", "batch": 4}
    path = tmp_path / "atlas"
    atlas = ph.Atlas.build(network, [str(tmp_path / "set.zip")], path, **work)
    (folder / "b" / "99.png").write_bytes(b"nothing")
    ph.Atlas.build(network, folder, path, **work)
    noted = {key: why for key, why in errors(atlas).items() if why}
    assert len(noted) == 5
    (tmp_path / "set.zip").unlink()
    mend(folder, "b/07b.png")
    ph.Atlas.build(network, folder, path, **work, retry=True)
    left = {key: why for key, why in errors(atlas).items() if why}
    assert left == {key: why for key, why in noted.items() if key != "b/07b.png"}  # with the reasons of then


def test_the_rest_of_a_parquet_file_that_broke_off_is_brought_by_a_whole_one(network, folder, tmp_path):
    rows = [{"image": file.read_bytes(), "label": file.parent.name} for file in sorted(folder.rglob("*.png"))]
    table, path = tables.arrow().Table.from_pylist(rows), tmp_path / "set.parquet"
    parquet.write_table(table, path, compression="none", use_dictionary=False, data_page_size=1, write_batch_size=1)
    whole = path.read_bytes()
    work = {"layers": "3", "features": "2", "batch": 4}
    wanted = contents(ph.Atlas.build(network, path, tmp_path / "whole", **work).store)
    data = bytearray(whole)
    at = len(whole) * 2 // 3
    data[at : at + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    atlas = ph.Atlas.build(network, path, tmp_path / "atlas", **work)
    why = errors(atlas)
    assert len(why) == 39
    assert 0 < list(why.values())[:-1].count(None) < 38
    assert "can't be read from row" in list(why.values())[-1]
    path.write_bytes(whole)
    ph.Atlas.build(network, path, tmp_path / "atlas", **work, retry=True)
    assert_same(atlas.store, wanted)


def test_an_atlas_from_before_opens_and_its_images_are_tried_again():
    done = Coverage.from_json('{"finished": [[0, 2]], "begun": {"3": 8}}')
    assert done.again == set()
    assert json.loads(done.to_json()) == {"finished": [[0, 2]], "begun": {"3": 8}}
    done.again = {5, 7}
    again = Coverage.from_json(done.to_json())
    assert again == done
    assert covered(again).endswith("AND NOT (id IN (5, 7))")
    again.ran_again([5, 7])
    assert covered(again) == seen_once(again) == seen_once(done)
