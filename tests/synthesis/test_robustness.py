"""Accuracy under attack: exact on a linear network, where the radius that turns each image is known."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import phosphene as ph
from phosphene.synthesis.adversarial.percentages import share

SIZE = 8


@pytest.fixture(scope="module")
def network() -> ph.Network:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 2)).double().eval()
    return ph.Network(module, ph.Preprocessing.plain(SIZE), ["ant", "bee"])


@pytest.fixture
def folder(tmp_path, network):
    """20 photos, in folders named as the network answers, but for the last four."""
    generator = np.random.default_rng(0)
    for index in range(20):
        pixels = generator.integers(60, 196, (SIZE, SIZE, 3), dtype=np.uint8)
        label = network.classify(ph.read(pixels), 1)[0].label
        place = tmp_path / (label if index < 16 else {"ant": "bee", "bee": "ant"}[label])
        place.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(place / f"{index:02}.png")
    return tmp_path


def turning(network: ph.Network, photo: ph.Photo) -> float:
    """The L-infinity distance of a photo from a linear network's border: |gap| / |w|_1."""
    weight, bias = network.module[1].weight.detach(), network.module[1].bias.detach()
    across, x = weight[0] - weight[1], network.prepare(photo).flatten()
    return abs(float(across @ x + bias[0] - bias[1])) / float(across.abs().sum())


def test_each_photo_is_kept_up_to_its_distance_from_the_border(network, folder, unchanged):
    distances = np.array([turning(network, ph.read(path)) for path in sorted(folder.rglob("*.png"))])
    radii = [float(np.quantile(distances, q)) * 1.0001 for q in (0.2, 0.5, 0.8)]
    with unchanged(network.module):
        found = ph.robustness(network, str(folder), epsilons=radii)
    expected = distances > np.array(radii)[:, None]
    for method in range(2):
        assert found.kept[method].tolist() == expected.tolist()
    assert found.same("pgd", 1).mean == expected[1].mean()


def test_accuracy_is_of_the_classes_that_folders_name(network, folder):
    found = ph.robustness(network, str(folder), epsilons=[1e-6], methods="fgsm")
    assert (found.accuracy().mean, found.accuracy().count) == (0.8, 20)
    assert found.accuracy("fgsm", 0).mean == 0.8
    photos = [ph.read(path) for path in sorted(folder.rglob("*.png"))]
    assert not ph.robustness(network, photos, epsilons=[1e-6], methods="fgsm").labelled


def test_results_come_batch_by_batch_and_broken_files_are_named(network, folder, tmp_path):
    (folder / "ant" / "broken.png").write_bytes(b"no picture")
    steps = list(ph.robustness.steps(network, str(folder), batch=8, methods="fgsm"))
    assert [len(each.photos) for each in steps] == [8, 16, 20]
    assert (steps[-1].step, steps[-1].steps) == (21, 21)
    assert "broken.png" in steps[-1].unreadable[0]
    assert steps[0].frame().ndim == 3
    assert "stopped after" in steps[0].picture().caption
    steps[-1].save(tmp_path / "r.png")
    told = steps[-1].to_dict()
    assert [row["method"] for row in told["rows"]] == ["fgsm"] * 5
    assert ph.robustness(network, str(folder), limit=7, methods="fgsm").kept.shape == (1, 5, 7)


def test_a_kept_answer_never_comes_back_at_a_larger_radius(network, folder):
    kept = ph.robustness(network, str(folder), norm="l2", epsilons="0.01,0.05,0.2,1", steps=3).kept.int()
    assert (kept.diff(dim=1) <= 0).all()


def test_wilsons_interval_is_the_textbooks():
    """Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    for hits, count, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611),
                                   (1, 29, 0.0061, 0.1718)):  # fmt: skip
        found = share(hits, count)
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    z = 1.959963985
    for hits, count in ((0, 7), (3, 7), (7, 7), (500, 2000)):
        found, mean = share(hits, count), hits / count
        middle = (mean + z * z / (2 * count)) / (1 + z * z / count)
        half = z / (1 + z * z / count) * math.sqrt(mean * (1 - mean) / count + z * z / (4 * count * count))
        assert (found.low, found.high) == pytest.approx((middle - half, middle + half), abs=1e-9)
    assert (share(0, 7).low, share(7, 7).high) == (0, 1)
    assert str(share(0, 0)) == "–"
    assert str(share(3, 4)) == "75% (30% to 95%)"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"methods": "cw"}, "methods are fgsm, pgd"),
        ({"epsilons": "big"}, "epsilon is a number"),
        ({"limit": 0}, "limit"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(network, folder, options, said):
    with pytest.raises(ValueError, match=said):
        ph.robustness(network, str(folder), **options)


def test_no_folder_and_no_photos_are_refused(network):
    with pytest.raises(FileNotFoundError):
        ph.robustness(network, "nowhere")
    with pytest.raises(ValueError, match="a list of photos"):
        ph.robustness(network, [])


def test_norms_and_radii_that_are_none_are_told(network):
    photo = ph.read(np.full((SIZE, SIZE, 3), 128, np.uint8))
    with pytest.raises(ValueError, match="a norm is linf or l2, not 'l3'"):
        ph.robustness(network, [photo], norm="l3")
    with pytest.raises(ValueError, match="no epsilon was given"):
        ph.robustness(network, [photo], epsilons=[])
    assert ph.robustness(network, [photo], epsilons=0.1, steps=1).epsilons == (0.1,)


def test_shares_do_not_depend_on_the_batch():
    """On a network with a curved border, where a random start decides which photos turn."""
    torch.manual_seed(3)
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 24), nn.Tanh(), nn.Linear(24, 4)).double().eval()
    network = ph.Network(module, ph.Preprocessing.plain(SIZE))
    generator = np.random.default_rng(1)
    photos = [ph.read(generator.integers(60, 196, (SIZE, SIZE, 3), dtype=np.uint8)) for _ in range(24)]
    options = {"methods": "pgd", "norm": "l2", "epsilons": list(np.linspace(0.02, 0.4, 24)), "steps": 2, "seed": 5}
    one, seven, all_of_them = (ph.robustness(network, photos, batch=batch, **options).kept for batch in (1, 7, 24))
    assert 0 < float(one.double().mean()) < 1
    assert torch.equal(one, seven)
    assert torch.equal(one, all_of_them)
    other = ph.robustness(network, photos, batch=24, **options | {"seed": 500}).kept
    assert not torch.equal(one, other)  # so that the starts do matter here


def test_steps_without_pgd_are_refused(network, folder):
    with pytest.raises(ValueError, match="steps are those of pgd"):
        ph.robustness(network, str(folder), methods="fgsm", steps=5)
