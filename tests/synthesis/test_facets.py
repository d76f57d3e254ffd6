"""One image for each kind of photo that a unit answers to."""

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.synthesis.ascent import scored
from phosphene.synthesis.clusters import k_means, principal
from phosphene.synthesis.collection import look_through
from phosphene.synthesis.diversity import pairwise_rms
from phosphene.synthesis.facets import PHASES, Phase, likeness


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.second = nn.Conv2d(8, 12, 3, 2, 1)
        self.head = nn.Linear(12, 5)

    def forward(self, x):
        return self.head(self.second(self.first(x).relu()).relu().mean((2, 3)))


def small() -> ph.Network:
    torch.manual_seed(0)
    return ph.Network(Small().eval(), ph.Preprocessing.plain(32))


@pytest.fixture
def folder(tmp_path):
    """Photos of two kinds, red and blue, with a little noise, and a file that is none."""
    random = np.random.default_rng(0)
    for index in range(12):
        pixels = random.integers(0, 60, (32, 32, 3), dtype=np.uint8)
        pixels[..., 0 if index % 2 else 2] += 190
        ph.read(pixels).pil().save(tmp_path / f"{'red' if index % 2 else 'blue'}{index:02}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return tmp_path


def test_principal_components_keep_distances():
    points = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
    apart = torch.cdist(principal(points, 6), principal(points, 6))
    assert torch.allclose(apart, torch.cdist(points, points).double(), atol=1e-5)
    assert principal(points, 3).shape == (20, 3)
    assert principal(points[:4], 50).shape == (4, 4)


def test_groups_come_the_largest_first_about_their_means():
    points = torch.randn(90, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    points[:40] += 9
    assigned, centres = k_means(points, 2, 0)
    assert set(assigned[:40].tolist()) == {1}
    assert set(assigned[40:].tolist()) == {0}
    for group in range(2):
        assert torch.allclose(centres[group], points[assigned == group].mean(0))


def test_points_that_are_all_alike_are_parted_without_a_warning():
    assigned, _ = k_means(torch.ones(4, 2), 2, 0)
    assert len(assigned) == 4


def test_the_groups_are_the_kinds_of_photos(folder, unchanged):
    network = small()
    with unchanged(network.module):
        result = ph.facets(network, "second:3", [str(folder)], groups=2, top=12, steps=10)
    kinds = [{name[:3] for name in group.names} for group in result.groups]
    assert sorted(kinds, key=str) == [{"blu"}, {"red"}]
    assert [group.count for group in result.groups] == [6, 6]
    assert len(result.unreadable) == 1
    assert "broken.png" in result.unreadable[0]
    red = kinds.index({"red"})
    means = result.begun.flatten(2).mean(2)
    assert float(means[red, 0]) > float(means[red, 2])


def test_facets_of_different_starts_differ_more_than_restarts(folder):
    result = ph.facets(small(), "second:3", [str(folder)], groups=2, top=12, steps=10)
    assert pairwise_rms(result.images) > pairwise_rms(result.restarts)
    assert result.distances["facets"] > result.distances["restarts"]


def test_the_distances_are_those_of_the_images_as_they_are(folder):
    network = small()
    result = ph.facets(network, "second:3", [str(folder)], groups=2, top=12, steps=4)
    images = torch.cat([result.images, result.restarts])
    with torch.no_grad():
        maps = network.maps(network.normalise(images), result.layer)
    means = maps.double().mean((2, 3)).numpy()
    cosine = [float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in (means[:2], means[2:])]
    assert [result.distances["facets"], result.distances["restarts"]] == pytest.approx(
        [1 - c for c in cosine], abs=1e-5
    )
    alike = scored(network, likeness(network.layer(result.layer, (32, 32))), images)
    assert alike.tolist() == pytest.approx([cosine[0]] * 2 + [cosine[1]] * 2, rel=1e-4)


def test_all_photos_count_and_the_best_is_told(folder):
    network = small()
    result = ph.facets(network, "second:3", [str(folder)], groups=2, steps=2)
    files = sorted(folder.glob("[rb]*[0-9].png"))
    with torch.no_grad():
        best = max(float(network.record(ph.read(file), "second:3")["second:3"].mean()) for file in files)
    assert result.photo_score == pytest.approx(best, rel=1e-5)


def test_the_same_seed_gives_the_same_bytes(folder):
    first, second, other = (
        ph.facets(small(), "second:3", [str(folder)], groups=2, steps=3, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.restarts, second.restarts)
    assert not torch.equal(first.restarts, other.restarts)


def test_in_the_last_phase_the_margin_stays_as_it_is():
    assert sum(share for share, _, _ in PHASES) == pytest.approx(1)
    images = torch.rand(1, 3, 28, 28, requires_grad=True)
    Phase(1.0, 0.25)(images, torch.Generator().manual_seed(0)).sum().backward()
    gradient = images.grad[0].abs().sum(0)
    assert float(gradient[7:21, 7:21].min()) > 0
    gradient[7:21, 7:21] = 0
    assert float(gradient.max()) == 0


def test_steps_are_counted_through_the_phases(folder):
    results = list(ph.facets.steps(small(), "second:3", [str(folder)], groups=2, steps=7))
    assert [found.step for found in results] == list(range(1, 8))
    assert {found.frame().shape for found in results} == {results[0].frame().shape}
    assert "2 facets" in results[-1].picture().caption
    assert "2 facets" in results[-1].picture(photos=False).caption
    assert results[-1].to_dict()["groups"][0]["count"] == 6


def test_photos_may_be_open_or_a_tensor():
    inputs = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    network = small()
    seen = look_through(network, inputs, network.address("second:3"), network.layer("first", (32, 32)))
    with torch.no_grad():
        maps = network.record(inputs, "second:3")["second:3"]
        features = network.maps(inputs, "first").mean((2, 3))
    assert seen.scores == pytest.approx(maps.mean((1, 2)).double().numpy())
    assert seen.values == pytest.approx(maps.amax((1, 2)).double().numpy())
    assert seen.features == pytest.approx(features.numpy())
    photo = ph.read((inputs[0].permute(1, 2, 0) * 255).to(torch.uint8).numpy())
    assert look_through(network, [photo], network.address("logits:1")).places.tolist() == [[-1, -1]]


def test_what_makes_no_sense_is_said(folder, tmp_path):
    with pytest.raises(ValueError, match="parted into 4 groups"):
        ph.facets(small(), "second:3", [str(folder / "red01.png"), str(folder / "red03.png")])
    with pytest.raises(ValueError, match="can be read as a photo"):
        ph.facets(small(), "second:3", [str(folder / "broken.png")])
    with pytest.raises(ValueError, match="no photos were given"):
        ph.facets(small(), "second:3", [])
    with pytest.raises(TypeError, match="not int"):
        ph.facets(small(), "second:3", [3])


def test_open_photos_and_folders_may_stand_in_one_list(folder, tmp_path):
    photo = ph.read(folder / "red01.png")
    found = ph.facets(small(), "second:3", [str(folder), photo, folder / "blue00.png"], groups=2, steps=2, size=32)
    assert found.made["options"]["photos"] == [str(folder), photo.path, str(folder / "blue00.png")]
    found.save(tmp_path / "facets.png")  # what it was made of goes into the file
    turned = ph.facets(small(), "second:3", [photo, str(folder)], groups=2, steps=2, size=32)
    assert turned.made["options"]["photos"] == [photo.path, str(folder)]


def test_photos_that_are_all_alike_are_told(folder):
    photo = ph.read(folder / "red01.png")
    with pytest.raises(ValueError, match="look alike"):
        ph.facets(small(), "second:3", [photo] * 4, groups=2, steps=2)
