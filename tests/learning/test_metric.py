"""Learned distances: the losses of the papers, pairs and classes on the right side, codes that keep what counts."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize

import phosphene as ph
from phosphene.learning import contrastive_loss, make
from phosphene.learning.sets.balanced import Balanced
from phosphene.learning.sets.by_class import by_class
from phosphene.learning.sets.classics import classic
from phosphene.learning.sets.dataset import DataSet
from phosphene.learning.sets.examples import TensorExamples
from phosphene.learning.sets.pairs import Pairs
from phosphene.learning.sets.partners import SameClass, beside, nearest, neighbours
from phosphene.learning.sets.shifts import shifted, shifts_for
from phosphene.learning.sets.solids import REACH, aeroplane, depth, smooth, views
from phosphene.learning.sets.views import views_of
from phosphene.learning.systems.metric.circular import circular_correlation, recovered
from phosphene.learning.systems.metric.retrieval import map_at_r, nmi, recall_at_1, vote_accuracy

pytest.importorskip("lightning_fabric", reason="the extra 'learning' is not installed")


@pytest.fixture
def chance():
    return torch.Generator().manual_seed(0)


# ---- the contrastive loss


def eq_4(a, b, y, m):
    """Hadsell, Chopra & LeCun 2006, eq. 4, pair by pair in double precision, with its gradient in `a`."""
    loss, gradient = 0.0, np.zeros_like(a)
    for i in range(len(a)):
        difference = a[i] - b[i]
        d = np.sqrt((difference**2).sum())
        loss += (1 - y[i]) * 0.5 * d**2 + y[i] * 0.5 * max(0.0, m - d) ** 2
        if not y[i]:
            gradient[i] = difference
        elif 0 < d < m:
            gradient[i] = -(m - d) * difference / d
    return loss / len(a), gradient / len(a)


@pytest.mark.parametrize("margin", [0.5, 1.0, 4.0])
def test_the_contrastive_loss_and_its_gradient_are_eq_4(chance, margin):
    a = torch.randn(64, 3, generator=chance, dtype=torch.float64)
    b = torch.randn(64, 3, generator=chance, dtype=torch.float64)
    different = torch.rand(64, generator=chance) < 0.5
    b[:6] = a[:6]  # at distance 0, of both kinds
    different[:6] = torch.tensor([True, False] * 3)
    a.requires_grad_()
    loss = contrastive_loss(a, b, different, margin)
    loss.backward()
    value, gradient = eq_4(a.detach().numpy(), b.numpy(), different.numpy().astype(float), margin)
    assert float(loss.detach()) == pytest.approx(value, abs=1e-6)
    assert np.abs(a.grad.numpy() - gradient).max() < 1e-6


# ---- pairs


def test_pairs_of_classes_are_of_one_class_and_of_two(chance):
    labels = torch.tensor([0] * 5 + [2] + [3] * 30)[torch.randperm(36, generator=chance)]
    examples = TensorExamples(labels[:, None].float(), labels)
    batch = Pairs(examples, SameClass(labels)).batch(torch.arange(36).repeat(20))
    assert torch.equal(batch.a != batch.b, batch.different[:, None])
    with pytest.raises(ValueError, match="all are of one"):
        SameClass(torch.zeros(4, dtype=torch.long))


def test_neighbours_are_the_nearest_others(chance):
    x = torch.randn(80, 1, 4, 4, generator=chance)
    distances = torch.cdist(x.flatten(1).double(), x.flatten(1).double()).fill_diagonal_(torch.inf)
    assert torch.equal(nearest(x, 5), distances.topk(5, largest=False).indices)
    partners, places = neighbours(x, 5), torch.arange(80).repeat(30)
    alike, apart = partners.alike(places), partners.apart(places)
    lists = nearest(x, 5)
    assert (lists[places] == alike[:, None]).any(1).all()
    assert not (lists[places] == apart[:, None]).any()
    assert not (lists[apart] == places[:, None]).any()
    assert (apart != places).all()
    with pytest.raises(ValueError, match="take at least 12 examples, not 9"):
        neighbours(x[:9], 5)


def test_views_beside_each_other_go_around_the_circle():
    poses = torch.tensor([(a, e) for a in range(6) for e in range(3)])
    partners = beside(poses, 6)
    for place, (azimuth, elevation) in enumerate(poses.tolist()):
        listed = {tuple(poses[other].tolist()) for other in partners.lists[place, : partners.counts[place]]}
        expected = {((azimuth + 1) % 6, elevation), ((azimuth - 1) % 6, elevation)}
        expected |= {(azimuth, e) for e in (elevation - 1, elevation + 1) if 0 <= e < 3}
        assert listed == expected


def test_shifts_move_columns_and_pairs_take_all_of_them():
    x = torch.arange(8.0).expand(3, 1, 2, 8)
    moved = shifted(x, torch.tensor([2, -3, 0]))
    assert moved[:, 0, 0].tolist() == [[0, 0, 0, 1, 2, 3, 4, 5], [3, 4, 5, 6, 7, 7, 7, 7], list(range(8))]
    assert shifts_for(28) == (-6, -3, 3, 6)
    assert shifts_for(8) == (-2, -1, 1, 2)
    one = torch.zeros(2, 1, 3, 29)
    one[..., 14] = 1
    examples = TensorExamples(one, torch.tensor([0, 1]))
    pairs = Pairs(examples, SameClass(examples.labels), shifts_for(28)).batch(torch.zeros(300, dtype=torch.long))
    assert set((pairs.a[:, 0, 0].argmax(1) - 14).tolist()) == {-6, -3, 0, 3, 6}


# ---- classes that are held out


def of_classes(names, each=6):
    labels = torch.arange(len(names)).repeat_interleave(each)
    x = (labels[:, None, None, None] + torch.zeros(1, 1, 8, 8)).to(torch.uint8)
    examples = TensorExamples(x, labels, tuple(names))
    return DataSet("classes", examples.some(slice(0, None, 2)), examples.some(slice(1, None, 2)))


def test_no_class_is_on_both_sides_however_its_name_is_written():
    names = [f"class {number}" for number in range(12)] + ["Class 3 ", "CLASS  7"]
    divided = by_class(of_classes(names))
    sides = [
        {" ".join(names[label].lower().split()) for label in part.labels.tolist()}
        for part in (divided.train, divided.test)
    ]
    assert not sides[0] & sides[1]
    assert len(sides[1]) == 6
    assert len(divided.train) + len(divided.test) == 14 * 6


def test_the_held_out_classes_hang_on_names_and_not_on_their_order():
    names = [f"class {number}" for number in range(10)]
    first, second = (by_class(of_classes(order)).test for order in (names, names[::-1]))
    assert {first.classes[label] for label in first.labels} == {second.classes[label] for label in second.labels}
    stated = by_class(of_classes(names), ["class 1", "CLASS 4"])
    assert set(stated.test.labels.tolist()) == {1, 4}
    with pytest.raises(LookupError, match="has no class 'clas 1'; near it: class 1"):
        by_class(of_classes(names), ["clas 1", "class 4"])
    with pytest.raises(ValueError, match="takes two on each side"):
        by_class(of_classes(names[:3]))
    nameless = DataSet("plain", TensorExamples(torch.zeros(4, 1, 8, 8)), TensorExamples(torch.zeros(4, 1, 8, 8)))
    with pytest.raises(ValueError, match="plain has no classes"):
        by_class(nameless)


def test_balanced_batches_hold_as_many_of_each_class():
    examples = of_classes([str(number) for number in range(9)]).train
    batch = Balanced(examples, 4).batch(torch.arange(24))
    assert batch.labels.bincount().sort(descending=True).values[:6].tolist() == [4] * 6
    with pytest.raises(ValueError, match="the data have none"):
        Balanced(TensorExamples(examples.x), 4)


# ---- retrieval


def test_the_numbers_equal_pytorch_metric_learnings(chance):
    calculators = pytest.importorskip("pytorch_metric_learning.utils.accuracy_calculator")
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.utils.inference import CustomKNN
    from sklearn.cluster import KMeans

    labels = torch.tensor([0] * 20 + [1] * 7 + [2] * 33)
    codes = torch.randn(60, 4, generator=chance) + 1.2 * labels[:, None]

    def kmeans(x, count):
        return torch.from_numpy(KMeans(count, n_init=4, random_state=0).fit_predict(x.double().numpy()))

    theirs = calculators.AccuracyCalculator(
        include=("precision_at_1", "mean_average_precision_at_r", "NMI"),
        k="max_bin_count",
        knn_func=CustomKNN(LpDistance(normalize_embeddings=False)),
        kmeans_func=kmeans,
        device=torch.device("cpu"),
    ).get_accuracy(codes, labels)
    assert recall_at_1(codes, labels) == pytest.approx(theirs["precision_at_1"], abs=1e-6)
    assert map_at_r(codes, labels) == pytest.approx(theirs["mean_average_precision_at_r"], abs=1e-6)
    assert nmi(codes, labels) == pytest.approx(theirs["NMI"], abs=1e-6)


def test_the_vote_of_neighbours_is_scikit_learns_but_for_ties(chance):
    from sklearn.neighbors import KNeighborsClassifier

    labels = torch.randint(2, (90,), generator=chance)
    codes = torch.randn(90, 3, generator=chance) + labels[:, None]
    right = 0
    for place in range(90):
        others = torch.arange(90) != place
        other = KNeighborsClassifier(5).fit(codes[others].numpy(), labels[others].numpy())
        right += int(other.predict(codes[place : place + 1].numpy())[0] == labels[place])
    assert vote_accuracy(codes, labels) == pytest.approx(right / 90)


# ---- losses over classes


def codes_of_a_batch(chance):
    labels = torch.arange(5).repeat_interleave(2)
    return torch.randn(10, 4, generator=chance, dtype=torch.float64), labels


def test_the_lifted_structure_loss_is_its_formula_and_the_librarys(chance):
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    codes, labels = codes_of_a_batch(chance)
    x, terms = normalize(codes).numpy(), []
    d = np.linalg.norm(x[:, None] - x[None], axis=2)
    for i in range(10):
        for j in range(i + 1, 10):
            if labels[i] == labels[j]:
                negatives = sum(np.exp(1 - d[i, k]) + np.exp(1 - d[j, k]) for k in range(10) if labels[k] != labels[i])
                terms.append(0.5 * max(0.0, np.log(negatives) + d[i, j]) ** 2)
    assert float(make("lifted").loss(codes, labels)) == pytest.approx(np.mean(terms), rel=1e-6)
    theirs = losses.LiftedStructureLoss(neg_margin=1, pos_margin=0)(codes, labels)
    assert float(theirs) == pytest.approx(np.mean(terms), rel=1e-6)


def test_the_triplet_loss_is_its_formula(chance):
    pytest.importorskip("pytorch_metric_learning")
    codes, labels = codes_of_a_batch(chance)
    x, terms = normalize(codes).numpy(), []
    d = np.linalg.norm(x[:, None] - x[None], axis=2)
    for a in range(10):
        for p in range(10):
            for n in range(10):
                if a != p and labels[a] == labels[p] and labels[a] != labels[n]:
                    terms.append(max(0.0, d[a, p] - d[a, n] + 0.2))
    expected = np.mean([term for term in terms if term > 0])
    assert float(make("triplet", miner="all").loss(codes, labels)) == pytest.approx(expected, rel=1e-6)
    system = make("triplet")
    a, p, n = (system.triplets(normalize(codes), labels)).T
    assert (labels[a] == labels[p]).all()
    assert (labels[a] != labels[n]).all()
    gaps = d[a, n] - d[a, p]
    assert ((gaps > 0) & (gaps <= 0.2 + 1e-9)).all()


def test_the_n_pair_loss_is_its_formula(chance):
    pytest.importorskip("pytorch_metric_learning")
    codes, labels = codes_of_a_batch(chance)
    codes[1::2] = codes[::2]  # which of a pair is the anchor is drawn at random; so it is one
    x = codes[::2].numpy()
    products = x @ x.T
    cross = np.mean(np.log(np.exp(products).sum(1)) - np.diag(products))
    expected = cross + 0.02 * (codes.numpy() ** 2).sum(1).mean()
    assert float(make("n-pair").loss(codes, labels)) == pytest.approx(expected, rel=1e-6)


def test_without_the_library_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_metric_learning.losses", None)
    with pytest.raises(LookupError, match=r"pip install 'phosphene\[metric\]'"):
        make("n-pair").loss(torch.randn(4, 2), torch.tensor([0, 0, 1, 1]))


# ---- views


def test_a_sphere_looks_the_same_from_everywhere_and_a_box_is_flat():
    axis = (np.arange(32) + 0.5) / 16 - 1
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    sphere = smooth(x**2 + y**2 + z**2 <= 0.6**2)
    for azimuth, elevation in ((0, 0), (37, 20), (200, 70)):
        distance, points = depth(sphere, azimuth, elevation)
        inside = distance.isfinite()
        area = float(inside.float().mean()) * (2 * REACH) ** 2
        assert area == pytest.approx(np.pi * 0.6**2, rel=0.05)
        assert float(distance.min()) == pytest.approx(-0.6, abs=0.05)
        assert points[inside].norm(dim=1).numpy() == pytest.approx(0.6, abs=0.07)
    box = smooth((abs(x) < 0.5) & (abs(y) < 0.25) & (abs(z) < 0.75))
    distance, _ = depth(box, 0, 0)
    assert distance[24, 24] == pytest.approx(-0.5, abs=0.04)
    rows, columns = distance.isfinite().any(1).sum(), distance.isfinite().any(0).sum()
    assert int(rows) == pytest.approx(48 * 0.75 / REACH, abs=2)
    assert int(columns) == pytest.approx(48 * 0.25 / REACH, abs=2)


def test_turning_the_solid_is_turning_the_viewer():
    solid = aeroplane()
    quarter = solid.rot90(1, (0, 1))  # by 90 degrees about the upright axis
    assert torch.allclose(views(solid, 30, 40), views(quarter, 120, 40), atol=1e-3)
    left, right = views(solid, 0, 30, (-60, 60))
    assert torch.allclose(left, right.flip(-1), atol=2e-2)  # the aeroplane is symmetric, so lights mirror


def test_circular_correlation_is_one_for_a_turned_circle(chance):
    angles = 2 * np.pi * torch.rand(200, generator=chance).numpy()
    assert circular_correlation(angles, angles + 2) == pytest.approx(1)
    assert circular_correlation(angles, -angles) == pytest.approx(-1)
    assert abs(circular_correlation(angles, 2 * np.pi * torch.rand(200, generator=chance).numpy())) < 0.2
    height = torch.rand(200, generator=chance).numpy()
    codes = (
        np.column_stack([np.cos(angles), np.sin(angles), height])
        @ np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    )
    assert recovered(codes, angles, height) == pytest.approx((1, 1))


def test_views_become_a_ring_of_codes():
    data = views_of(aeroplane(), "an aeroplane", azimuths=12, elevations=3, lights=3, side=24)
    assert len(data.train) + len(data.test) == 108
    system = make("drlim", codes=3, pairs="views", net="mlp", hidden=64).fit(data.train, steps=250, batch=32, rate=3e-3)
    numbers = system.evaluate(data.test)
    assert numbers["azimuth (circular correlation)"] > 0.9
    with pytest.raises(ValueError, match="take pairs=views"):
        make("drlim").fit(data.train, steps=1)


# ---- the systems


def test_shifted_pairs_make_codes_blind_to_shifts():
    digits = classic("digits")
    moved = {}
    for shifts in (False, True):
        system = make("drlim", net="mlp", hidden=64, shifts=shifts).fit(digits.train, steps=200, batch=64)
        numbers = system.evaluate(digits.test)
        moved[shifts] = np.mean([value for name, value in numbers.items() if name.startswith("moved")])
        assert numbers["accuracy of 5 neighbours"] > numbers["the same of 2 principal components"]
        assert not any("collapsed" in remark for remark in system.remarks(numbers))
    assert moved[True] < 0.7 * moved[False]


def test_neighbours_need_no_classes_and_collapse_is_said():
    x = classic("digits").train.x[:300]
    system = make("drlim", net="mlp", hidden=32, pairs="neighbours").fit(x, steps=20, batch=32)
    numbers = system.evaluate(TensorExamples(x))
    assert "accuracy of 5 neighbours" not in numbers
    for parameter in system.parameters():
        parameter.data.zero_()
    numbers = system.evaluate(TensorExamples(x))
    assert numbers["loss of pairs"] == pytest.approx(0.25)  # half of 1/2 m^2, the margin's term
    assert any("collapsed" in remark for remark in system.remarks(numbers))
    with pytest.raises(ValueError, match="take pairs=neighbours"):
        make("drlim").fit(x, steps=1)


@pytest.mark.parametrize("name", ["triplet", "lifted", "n-pair", "softmax"])
def test_each_loss_learns_to_find_classes_that_it_has_never_seen(name):
    pytest.importorskip("pytorch_metric_learning")
    system = make(name, net="mlp", hidden=64, codes=16, held_out="1, 4, 7")
    digits = system.divided(classic("digits"))
    assert set(digits.test.labels.tolist()) == {1, 4, 7}
    before = system.shaped(digits.shape).evaluate(digits.test)
    numbers = system.fit(digits.train, steps=60, batch=64).evaluate(digits.test)
    assert numbers["recall@1"] > 0.85
    assert numbers["MAP@R"] > before["MAP@R"] - 0.1


def test_a_folder_of_codes_is_a_network_and_shows_plane_shifts_and_triplets(tmp_path):
    pytest.importorskip("pytorch_metric_learning")
    small = {"net": "mlp", "hidden": 16}
    learned = ph.learning.fit("drlim", "digits", tmp_path / "plane", settings={**small, "shifts": True}, steps=5)
    headings = [block.heading for row in learned.sheet().blocks[1:] for block in row.blocks]
    assert headings == ["Plane of codes", "Shifts"]
    network = ph.load(learned.folder)
    x = learned.held_out[:3]
    with torch.no_grad():
        assert torch.equal(network.record(x, "logits")["logits"], ph.learning.open(learned.folder).encode(x))
    learned = ph.learning.fit("triplet", "digits", tmp_path / "triplet", settings={**small, "codes": 4}, steps=5)
    assert learned.sheet().blocks[-1].heading == "Mined triplets"
    card = json.loads((tmp_path / "triplet" / "card.json").read_text())
    assert "5 of 10 classes are held out whole" in " ".join(card["data"]["notes"])
    learned.save(tmp_path / "sheet.png")


def test_an_atlas_maps_images_by_their_codes(tmp_path):
    settings = {"net": "mlp", "hidden": 16}
    folder = ph.learning.fit("drlim", "digits", tmp_path / "plane", settings=settings, steps=5).folder
    images = classic("digits").test.x[:12]
    (tmp_path / "images").mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image[0].numpy()).save(tmp_path / "images" / f"{number:02}.png")
    network = ph.load(folder)
    atlas = ph.Atlas.build(network, tmp_path / "images", tmp_path / "atlas", layers=["body.1"], features="logits")
    placed = torch.from_numpy(np.asarray(atlas.map("logits", method="pca").positions)).double()
    codes = ph.learning.open(folder).encode(images.float() / 255).double()
    ratio = torch.pdist(placed) / torch.pdist(codes)  # principal components of two numbers turn them
    assert ratio.numpy() == pytest.approx(float(ratio.mean()), rel=1e-2)
