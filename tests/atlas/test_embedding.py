import itertools
import json

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

import phosphene as ph
from phosphene.atlas.projection import embedding as embedding_file
from phosphene.atlas.projection import preservation
from phosphene.atlas.projection.reduction import Components, Reduced, Reduction
from phosphene.atlas.store.tables import map_table
from phosphene.picture import Circle
from phosphene.picture import Image as Mark
from phosphene.picture.chart import GREY


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """An atlas of 300 digits of scikit-learn, whose features are their pixels, 8 × 8."""
    root = tmp_path_factory.mktemp("digits")
    images, classes = load_digits(return_X_y=True)
    for index in range(300):
        path = root / "set" / str(classes[index]) / f"{index:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((images[index].reshape(8, 8) * 15.9).astype(np.uint8)).save(path)
    module = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False), nn.Flatten(), nn.Linear(64, 10)).eval()
    nn.init.constant_(module[0].weight, 1 / 3)
    network = ph.Network(module, ph.Preprocessing((8, 8), mean=(0, 0, 0), std=(1, 1, 1)))
    return ph.Atlas.build(network, root / "set", root / "atlas", layers="0", features="1", pool="none", batch=50)


def test_ten_digits_are_as_easily_told_on_the_map_as_by_their_features(digits):
    found = digits.map()
    assert found.positions.shape == (300, 2)
    assert np.allclose(found.positions.mean(0), 0, atol=1e-6)
    assert found.accuracy_of_features > 0.9
    assert found.accuracy > found.accuracy_of_features - 0.04
    assert found.preservation > 0.4
    assert 0 < found.kl < 2
    pca = digits.map(method="pca")
    assert pca.preservation < found.preservation
    assert pca.accuracy < found.accuracy
    first, second = (f"{share:.0%}" for share in pca.shares)
    assert f"with {first} and {second} of the variance" in pca.words()
    assert "The axes mean nothing" not in pca.axes


def test_kl_is_that_of_the_definition(digits):
    found = digits.map()
    reduced = found._reduced
    own = reduced._affinities((30.0,)).P.toarray()
    apart = ((found.positions[:, None] - found.positions[None]) ** 2).sum(-1)
    q = 1 / (1 + apart)
    np.fill_diagonal(q, 0)
    q /= q.sum()
    there = own > 0
    assert own.sum() == pytest.approx(1)
    assert found.kl == pytest.approx((own[there] * np.log(own[there] / q[there])).sum(), abs=0.02)


def test_a_map_is_kept_and_made_anew_only_where_it_would_be_another(digits, monkeypatch):
    first = digits.map()
    made = []
    real = embedding_file._computed_map
    monkeypatch.setattr(embedding_file, "_computed_map", lambda *given: made.append(1) or real(*given))
    again = ph.Atlas(digits.path, digits._network).map()
    assert not made
    assert (again.positions == first.positions).all()
    assert (again.kl, again.preservation, again.accuracy) == (first.kl, first.preservation, first.accuracy)
    digits.map(method="pca", components=10)
    digits.map(method="pca", components=12)
    assert len(made) == 2
    digits.map(seed=0)
    assert len(made) == 2
    assert "test_embedding" not in digits.store.map(map_table(first.sweep.name, "1", "tsne"))[2]


def test_more_images_make_a_new_map(network, folder, tmp_path):
    source = folder / "a"
    atlas = ph.Atlas.build(network, source, tmp_path / "atlas", layers="3", features="5")
    assert len(atlas.map(method="pca").ids) == len(list(source.iterdir()))
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="3", features="5")
    found = atlas.map(method="pca")
    assert len(found.ids) == len(atlas.store.features(found.sweep, "5")[0]) > 30


def test_the_same_seed_gives_the_same_map(digits):
    one, other = (Reduced(Reduction(perplexity=10), digits.map()._reduced.vectors[:60]).positions() for _ in range(2))
    assert (one[0] == other[0]).all()
    assert one[1] == other[1]


def test_principal_components_are_those_of_the_covariance():
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(60, 12)) @ generator.normal(size=(12, 12)) + 3
    values, axes = np.linalg.eigh(np.cov(vectors.T))
    found = Components.of(vectors, 4, seed=0)
    assert found.share == pytest.approx(values[-4:].sum() / values.sum())
    assert found.shares == pytest.approx(values[::-1][:4] / values.sum())
    mine = found.of_vectors(vectors)
    theirs = (vectors - vectors.mean(0)) @ axes[:, ::-1][:, :4]
    np.testing.assert_allclose(np.abs(mine), np.abs(theirs), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_a_photo_of_the_atlas_is_placed_where_it_lies(digits, method, unchanged):
    found = digits.map(method=method)
    rows = [3, 50, 120, 200]
    before = found.positions.copy()
    with unchanged(digits._network.module):
        placed = found.place([digits.photo(int(found.ids[row])) for row in rows])
    assert (found.positions == before).all()
    apart = np.linalg.norm(placed - found.positions[rows], axis=1)
    usual = np.median(np.linalg.norm(found.positions, axis=1))
    assert (apart < (1e-4 if method == "pca" else 0.25) * usual).all()


def test_new_photos_are_shown_where_they_lie(digits):
    found = digits.map()
    rows = [3, 50, 120]
    photos = [digits.photo(int(found.ids[row])) for row in rows]
    placed = digits.place(photos)
    assert placed.positions.shape == (3, 2)
    assert (placed.positions == found.place(photos)).all()
    for row, at, label, near in zip(rows, placed.positions, placed.labels, placed.near, strict=True):
        assert label == found.labels[row]
        apart = np.linalg.norm(found.positions - at, axis=1)
        assert apart[near] == pytest.approx(np.sort(apart)[:5])
    told = json.loads(json.dumps(placed.to_dict()))
    assert [each["nearest"][0]["image"] for each in told["photos"]]
    picture = placed.picture(side=40)
    marks = picture.drawing.marks
    assert len([mark for mark in marks if isinstance(mark, Circle) and mark.fill == GREY]) == 300
    thumbnails = [mark for mark in marks if isinstance(mark, Mark) and mark.width == 40]
    assert len(thumbnails) == 3
    for at, mark in enumerate(thumbnails):
        for other in thumbnails[:at]:
            assert abs(mark.left - other.left) >= 40 or abs(mark.top - other.top) >= 40
    assert f"{photos[0].name} lies among {found.labels[3]}" in picture.caption
    with pytest.raises(ValueError, match="a side of 8 to 200, not 3"):
        placed.picture(side=3)


def test_umap_makes_and_places(digits):
    pytest.importorskip("umap", reason="umap-learn is not installed")
    found = digits.map(method="umap")
    assert found.kl is None
    assert found.accuracy > found.accuracy_of_features - 0.06
    placed = found.place(digits.photo(int(found.ids[7])))
    assert np.linalg.norm(placed[0] - found.positions[7]) < 0.3 * np.median(np.linalg.norm(found.positions, axis=1))


def test_umap_that_is_not_installed_says_what_to_install(digits, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match=r"pip install 'phosphene\[umap\]'"):
        digits.map(method="umap", neighbours=7)


def test_preservation_and_accuracy_equal_brute_force():
    generator = np.random.default_rng(1)
    features, positions = generator.normal(size=(40, 6)), generator.normal(size=(40, 2))
    labels = ["a" if x > 0.3 else None if x < -1 else "b" for x in positions[:, 0]]

    def ranked(points, row, among):
        return sorted((index for index in among if index != row), key=lambda i: np.linalg.norm(points[i] - points[row]))

    share = np.mean(
        [len({*ranked(features, r, range(40))[:10]} & {*ranked(positions, r, range(40))[:10]}) / 10 for r in range(40)]
    )
    assert preservation.kept_neighbours(features, positions) == pytest.approx(share)
    assert preservation.kept_neighbours(features, features * 2 + 1) == 1
    known = [index for index, label in enumerate(labels) if label is not None]
    hits = []
    for row in known:
        votes = [labels[index] for index in ranked(positions, row, known)[:5]]
        best = max(votes, key=lambda label: (votes.count(label), -votes.index(label)))
        hits.append(best == labels[row])
    assert preservation.accuracy(positions, labels) == pytest.approx(np.mean(hits))
    assert preservation.accuracy(positions, ["a"] * 40) is None


def test_images_that_are_the_same_are_each_others_neighbours_and_not_their_own():
    points = np.repeat(np.random.default_rng(0).normal(size=(5, 3)), 4, 0)
    found = preservation.nearest(points, np.arange(20), 3)
    assert (found != np.arange(20)[:, None]).all()
    assert all(len(set(row)) == 3 for row in found)
    assert (points[found] == points[:, None]).all()


def test_perplexity_is_never_more_than_the_images_bear(digits):
    assert Reduction().perplexities(10) == (3.0,)
    assert Reduction(multiscale=True).perplexities(10_000) == (30.0, 100.0)
    assert Reduction(multiscale=True).perplexities(1_000) == (30.0,)
    assert Reduction().last_exaggeration(200_000) == 4
    few = Reduced(Reduction(), digits.map()._reduced.vectors[:6]).positions()[0]
    assert np.isfinite(few).all()


def test_multiscale_and_half_precision_make_maps(digits):
    vectors = digits.map()._reduced.vectors.astype(np.float16)
    positions, kl = Reduced(Reduction(perplexity=2, multiscale=True, exaggeration=2), vectors[:250]).positions()
    assert np.isfinite(positions).all()
    assert kl > 0


def test_what_can_be_no_map_is_refused_in_a_sentence(digits):
    vectors = digits.map()._reduced.vectors
    for wrong, said in (
        ({"method": "som"}, "tsne, umap, pca"), ({"perplexity": 0.5}, "at least 1"),
        ({"components": 1}, "2 components"), ({"exaggeration": 0.5}, "1 \\(none\\)"),
        ({"neighbours": 1}, "2 neighbours"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            digits.map(**wrong)
    with pytest.raises(LookupError, match="no features of 'layer9'"):
        digits.map("layer9")
    with pytest.raises(ValueError, match="at least 5 images"):
        Reduced(Reduction(), vectors[:4]).positions()
    with pytest.raises(ValueError, match="the same features"):
        Reduced(Reduction(), np.repeat(vectors[:1], 9, 0)).positions()
    with pytest.raises(ValueError, match="not finite"):
        Reduced(Reduction(), np.where(np.arange(64) == 3, np.nan, vectors[:9])).positions()


def test_its_numbers_are_json_and_its_picture_can_be_made_again(digits, tmp_path):
    found = digits.map(method="pca")
    told = json.loads(json.dumps(found.to_dict()))
    assert told["method"] == "pca"
    assert len(told["images"]) == 300
    assert told["images"][5]["image"] == found.keys[5]
    path = found.save(tmp_path / "map.png", classes=4, scale=1)
    account = ph.read_made(path)["made"]
    assert account["options"]["atlas"] == digits.path
    assert (np.array(ph.again(path).image()) == np.array(found.picture(classes=4).image())).all()


def test_a_layer_is_named_or_the_first_is_taken(digits):
    assert digits.map("1", method="pca").layer == digits.map(method="pca").layer == "1"
    pairs = itertools.product(("1", "features"), repeat=2)
    assert all((digits.map(a, method="pca").ids == digits.map(b, method="pca").ids).all() for a, b in pairs)


def test_half_precision_features_are_placed_as_they_are_kept(network, folder, tmp_path):
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="3", features="5", half=True)
    found = atlas.map(method="pca")
    with torch.no_grad():
        placed = found.place([folder / key for key in found.keys[:4]])
    np.testing.assert_allclose(placed, found.positions[:4], atol=2e-3)
