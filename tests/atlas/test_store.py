import numpy as np
import pytest

import phosphene as ph
from phosphene.atlas.search.features import vectors_of
from phosphene.atlas.store import database, tables
from phosphene.atlas.store.store import Store
from phosphene.atlas.store.work import Work
from phosphene.data.batches import Row
from phosphene.data.coverage import Coverage
from phosphene.data.sources import Shard, number

COUNT = 300


def rows(first, stop):
    return tables.of_rows([Row(number(0, at), 0, f"b/it's {at}.png", "abc"[at % 3], 8, 8) for at in range(first, stop)])


@pytest.fixture
def store(network, tmp_path):
    """Images, in an order that is not that of their numbers, and features of them."""
    store = Store(tmp_path / "a", create=True)
    sweep = store.begin(network, Work((), ("3",)))
    store.table("images").add(rows(COUNT // 2, COUNT))
    store.table("images").add(rows(0, COUNT // 2))
    vectors = np.random.default_rng(0).standard_normal((COUNT, 8)).astype(np.float32)
    name = tables.features_table(sweep.name, "3")
    store.db.create_table(name, tables.of_features([number(0, at) for at in range(COUNT)], vectors, False))
    store.commit(sweep, {}, [], Coverage({0}))
    return store, name, vectors


def indexed(table):
    return sorted(column for each in table.list_indices() for column in each.columns)


def found(store, name, atlas):
    """What is asked by number and by key."""
    numbers = [number(0, at) for at in (299, 3, 150, 3)]
    vectors = vectors_of(store.table(name), sorted(set(numbers)))
    asked = atlas.neighbours(["b/it's 7.png", numbers[0]], k=5)
    return store.images(numbers).to_pylist(), {at: own.tolist() for at, own in vectors.items()}, asked.to_dict()


def test_what_is_found_by_an_index_of_numbers_and_keys_is_what_was_found_without(store, network, monkeypatch):
    store, name, vectors = store
    atlas = ph.Atlas(store.path, network)
    before = found(store, name, atlas)
    assert [row["id"] for row in before[0]] == [3, 150, 299]
    store.ease([name])
    assert indexed(store.table("images")) == indexed(store.table(name)) == []  # few rows are looked at in no time
    monkeypatch.setattr(database, "MANY", COUNT)
    store.ease([name])
    version = store.table("images").version
    assert indexed(store.table("images")) == ["id", "key"]
    assert indexed(store.table(name)) == ["id"]
    assert found(store, name, atlas) == before
    store.ease([name])
    assert store.table("images").version == version  # once is enough
    store.table("images").add(rows(COUNT, COUNT + 1))
    store.table(name).add(tables.of_features([number(0, COUNT)], vectors[[7]], False))
    near = atlas.neighbours("b/it's 7.png", k=1)
    assert near.keys == ((f"b/it's {COUNT}.png",),)
    assert near.distances.tolist() == [[0]]
    assert atlas.neighbours(number(0, COUNT), k=1).keys == (("b/it's 7.png",),)
    store.join("images")
    assert [row["key"] for row in store.images([number(0, COUNT), 3]).to_pylist()] == ["b/it's 3.png", "b/it's 300.png"]


def test_a_build_of_many_images_indexes_them_and_goes_on(network, folder, tmp_path, monkeypatch):
    options = {"layers": "0", "features": "3", "batch": 5}
    wanted = ph.Atlas.build(network, folder, tmp_path / "plain", **options).neighbours("a/09.png", k=9)
    monkeypatch.setattr(database, "MANY", 10)
    ph.Atlas.build(network, folder / "a", tmp_path / "parts", **options)
    store = Store(tmp_path / "parts")
    assert indexed(store.table("images")) == ["id", "key"]
    assert indexed(store.table("Sequential.features.3")) == ["id"]
    for part in "bc":
        atlas = ph.Atlas.build(network, folder / part, tmp_path / "parts", **options)
    got = atlas.neighbours("09.png", k=9)
    assert got.distances.tolist() == wanted.distances.tolist()
    assert [key.rpartition("/")[2] for key in wanted.keys[0]] == list(got.keys[0])
    assert store.images().num_rows == 39


def test_an_index_of_vectors_leaves_those_of_numbers(network, tmp_path, monkeypatch):
    monkeypatch.setattr(database, "MANY", 1000)
    store = Store(tmp_path / "a", create=True)
    sweep = store.begin(network, Work((), ("3",)))
    ids = [number(0, at) for at in range(1100)]
    store.table("images").add(rows(0, 1100))
    vectors = np.random.default_rng(0).standard_normal((1100, 8)).astype(np.float32)
    name = tables.features_table(sweep.name, "3")
    store.db.create_table(name, tables.of_features(ids, vectors, False))
    store.commit(sweep, {}, [], Coverage({0}))
    atlas = ph.Atlas(store.path)
    for metric in ("cosine", "euclidean"):
        atlas.index(metric=metric, recall=0.5)
        assert indexed(store.table(name)) == ["id", "vector"]
        assert atlas.neighbours(5, metric=metric).index.metric == metric
    assert indexed(store.table("images")) == ["id", "key"]


def test_shards_of_folders_are_told_without_their_files(tmp_path):
    store = Store(tmp_path / "a", create=True)
    assert store.folders() == {}
    store.add_shards([Shard("folder", "/x", {"files": [["1.png", "a"]]}), Shard("zip", "/y.zip", {"files": []})])
    store.add_shards([Shard("folder", "/z", {"files": []})])
    assert store.folders() == {0: "/x", 2: "/z"}
    assert {at: shard.where for at, shard in store.shards([2, 1, 1]).items()} == {1: "/y.zip", 2: "/z"}


def test_what_another_process_writes_is_seen(network, tmp_path):
    reading, writing = Store(tmp_path / "a", create=True), Store(tmp_path / "a")
    assert reading.sweeps() == []
    sweep = writing.begin(network, Work((), ("3",)))
    assert reading.sweeps() == writing.sweeps() == [sweep]
    writing.table("images").add(rows(0, 3))
    assert reading.images([0, 1, 2]).num_rows == 3
    assert reading.images().num_rows == 0  # no sweep has committed them
    name = tables.features_table(sweep.name, "3")
    for value in (1, 2):  # dropped and made again, as where a build was killed before its first writing
        writing.db.create_table(name, tables.of_features([0], np.full((1, 4), value, np.float32), False))
        assert tables.to_features(reading.find(name).to_arrow())[1].tolist() == [[value] * 4]
        with pytest.raises(ValueError, match="no image has run through Sequential yet"):
            reading.features(sweep, "3")
        assert writing.resume(sweep)[0].finished == set()
        assert not reading.holds(name)
