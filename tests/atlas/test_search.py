import numpy as np
import pytest

import phosphene as ph
from phosphene.atlas.search import indexing
from phosphene.atlas.search.search import NONE, approximate, blocks, exact, recall
from phosphene.atlas.store import tables
from phosphene.atlas.store.store import Store
from phosphene.atlas.store.work import Work
from phosphene.data.batches import Row
from phosphene.data.coverage import Coverage
from phosphene.data.sources import number


def brute_force(ids, vectors, queries, k, metric):
    """Slowly, in float64, by the formulas as they are written."""
    numbers, distances = [], []
    for query in queries.astype(np.float64):
        found = []
        for image, vector in zip(ids, vectors.astype(np.float64), strict=True):
            if metric == "euclidean":
                distance = float(np.sqrt(((query - vector) ** 2).sum()))
            else:
                lengths = np.sqrt((query**2).sum()) * np.sqrt((vector**2).sum())
                distance = float(1 - query @ vector / lengths) if lengths else np.nan
            if np.isfinite(distance):
                found.append((distance, int(image)))
        found.sort()
        numbers.append([image for _, image in found[:k]])
        distances.append([distance for distance, _ in found[:k]])
    return np.array(numbers), np.array(distances)


def cut(ids, vectors, rows):
    return ((ids[at : at + rows], vectors[at : at + rows]) for at in range(0, len(ids), rows))


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize(("length", "middle"), [(3, 0.0), (40, 0.0), (40, 300.0)])
@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_exact_search_equals_brute_force_in_float64(metric, length, middle, kind):
    random = np.random.default_rng(0)
    vectors = (random.standard_normal((500, length)) + middle).astype(kind)
    queries = (random.standard_normal((4, length)) + middle).astype(kind)
    ids = random.permutation(900)[:500]
    wanted, distances = brute_force(ids, vectors, queries, 9, metric)
    found = exact(cut(ids, vectors, 64), queries, 9, metric)
    assert (found.numbers == wanted).all()
    np.testing.assert_allclose(found.distances, distances, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_equal_distances_come_in_the_order_of_numbers(metric):
    random = np.random.default_rng(1)
    vectors = random.standard_normal((300, 24)).astype(np.float32)
    vectors[40:90] = vectors[7]
    ids = random.permutation(300)
    same = np.sort(ids[[7, *range(40, 90)]])
    found = exact(cut(ids, vectors, 37), vectors[[7]], 20, metric)
    assert (found.numbers[0] == same[:20]).all()
    assert (found.distances == 0).all()


def test_differences_that_float32_can_not_tell_apart_are_told_apart():
    vectors = np.full((200, 64), 1000.0, np.float32)
    vectors[:, 0] += np.arange(200)[::-1] * 2.0**-10  # squares of 1e-6 beside lengths of 8,000
    found = exact(cut(np.arange(200), vectors, 64), vectors[[199]], 5, "euclidean")
    assert found.numbers[0].tolist() == [199, 198, 197, 196, 195]
    assert found.distances[0].tolist() == [index * 2.0**-10 for index in range(5)]


def test_vectors_without_a_distance_are_no_neighbours():
    vectors = np.eye(6, dtype=np.float32)
    vectors[1], vectors[2, 2], vectors[3, 3] = 0, np.nan, np.inf
    ids = np.arange(6)
    assert exact(cut(ids, vectors, 2), vectors[[0]], 9, "cosine").numbers[0].tolist() == [0, 4, 5] + [NONE] * 6
    found = exact(cut(ids, vectors, 2), vectors[[0]], 9, "euclidean")
    assert found.numbers[0].tolist() == [0, 1, 4, 5] + [NONE] * 5
    assert np.isinf(found.distances[0, 4:]).all()
    with pytest.raises(ValueError, match=r"all 0"):
        exact(cut(ids, vectors, 2), vectors[[1]], 2, "cosine")
    with pytest.raises(ValueError, match=r"not finite"):
        exact(cut(ids, vectors, 2), vectors[[2]], 2, "euclidean")


def test_own_numbers_are_left_out():
    found = exact(
        cut(np.arange(8), np.arange(8, dtype=np.float32)[:, None], 3), np.array([[3.0], [0.0]]), 4, "euclidean"
    )
    others = found.without(np.array([3, -2]), 3)
    assert others.numbers.tolist() == [[2, 4, 1], [0, 1, 2]]
    assert others.distances.tolist() == [[1, 1, 2], [0, 1, 2]]


def test_recall_is_the_share_of_true_neighbours():
    true = np.array([[1, 2, 3, 4], [5, 6, NONE, NONE]])
    assert recall(np.array([[4, 9, 1, 8], [6, 5, NONE, NONE]]), true) == pytest.approx(4 / 6)


# ---- through an index


@pytest.fixture(scope="module")
def filled(tmp_path_factory, network):
    """An atlas of 2,000 images without photos, whose features lie in clusters."""
    path = tmp_path_factory.mktemp("filled") / "atlas"
    random = np.random.default_rng(2)
    centres = 3 * random.standard_normal((20, 16))
    vectors = (centres[random.integers(0, 20, 2000)] + random.standard_normal((2000, 16))).astype(np.float32)
    ids = [number(0, at) for at in range(2000)]
    store = Store(path, create=True)
    sweep = store.begin(network, Work((), ("3",)))
    store.table("images").add(tables.of_rows([Row(at, 0, f"{at}.png", "abc"[at % 3], 32, 32) for at in ids]))
    store.db.create_table(tables.features_table(sweep.name, "3"), tables.of_features(ids, vectors, False))
    store.commit(sweep, {}, [], Coverage({0}))
    return path, vectors


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_an_index_finds_what_looking_at_all_finds(filled, metric, network):
    path, vectors = filled
    atlas = ph.Atlas(path, network)
    before = atlas.neighbours([5, 17, "40.png"], k=10, metric=metric)
    assert before.index is None
    index = atlas.index(metric=metric, recall=0.9)
    assert index.recall >= 0.9
    assert atlas.sweeps()[0].name == index.sweep
    found = atlas.neighbours([5, 17, "40.png"], k=10, metric=metric)
    assert found.index == index
    assert f"recall@10 {index.recall:.3f} on 128" in found.how
    assert recall(found.numbers, before.numbers) >= 0.7
    queries = vectors[[5, 17, 40]].astype(np.float64)
    for query, numbers, distances in zip(queries, found.numbers, found.distances, strict=True):
        wanted = brute_force(numbers, vectors[numbers], query[None], 10, metric)
        assert (wanted[0][0] == numbers).all()
        np.testing.assert_allclose(distances, wanted[1][0], atol=1e-12)
    forced = atlas.neighbours([5, 17, "40.png"], k=10, metric=metric, exact=True)
    assert forced.index is None
    assert (forced.numbers == before.numbers).all()
    other = "cosine" if metric == "euclidean" else "euclidean"
    assert atlas.neighbours(5, metric=other).index is None


def test_all_groups_of_an_index_with_much_refining_are_exact(filled, network):
    path, vectors = filled
    atlas = ph.Atlas(path, network)
    index = atlas.index()
    table = atlas.store.table(tables.features_table(atlas.sweeps()[0].name, "3"))
    found = approximate(table, vectors[:20], 5, "euclidean", index.groups, 200)
    assert (found.numbers == exact(blocks(table), vectors[:20], 5, "euclidean").numbers).all()


def test_images_that_were_added_after_the_index_are_found(filled, network):
    path, vectors = filled
    atlas = ph.Atlas(path, network)
    atlas.index()
    name = tables.features_table(atlas.sweeps()[0].name, "3")
    new = number(0, 5000)
    atlas.store.table("images").add(tables.of_rows([Row(new, 0, "new.png", "a", 32, 32)]))
    atlas.store.table(name).add(tables.of_features([new], vectors[[5]] + np.float32(0.001), False))
    found = atlas.neighbours(5, k=1)
    assert found.index is not None
    assert found.keys == (("new.png",),)
    atlas.store.table(name).delete(f"id = {new}")


def test_what_an_index_can_not_be_is_said(filled, network, folder, tmp_path):
    atlas = ph.Atlas(filled[0], network)
    with pytest.raises(ValueError, match=r"euclidean or cosine, not 'manhattan'"):
        atlas.index(metric="manhattan")
    with pytest.raises(ValueError, match=r"above 0 and at most 1, not 1.5"):
        atlas.index(recall=1.5)
    small = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="0", features="3")
    with pytest.raises(ValueError, match=r"an index pays from many thousand images on, and 3 has 37"):
        small.index()


def test_an_index_stays_when_more_images_are_built_in(network, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(indexing, "FEWEST", 16)
    monkeypatch.setattr(indexing, "MEASURED", 8)
    atlas = ph.Atlas.build(network, folder / "a", tmp_path / "atlas", layers="0", features="3", batch=5)
    atlas = ph.Atlas.build(network, folder / "b", tmp_path / "atlas", layers="0", features="3", batch=5)
    assert atlas.index("3").images == 25
    atlas = ph.Atlas.build(network, folder / "c", tmp_path / "atlas", layers="0", features="3", batch=5)
    found = atlas.neighbours("03.png", k=36)
    assert found.index is not None
    assert found.images == 37
    assert set(found.keys[0]) >= {"02.png", "05.png"}  # of the folder that came last
