"""One image for each kind of photo that a unit answers to."""

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.synthesis.engine.ascent import scored
from phosphene.synthesis.engine.collection import look_through
from phosphene.synthesis.engine.images.from_start import logits
from phosphene.synthesis.engine.layers.gram import pairwise_rms
from phosphene.synthesis.facets.clusters import in_the_plane, k_means, principal
from phosphene.synthesis.facets.groups import CONTRAST, parted, strengthened
from phosphene.synthesis.facets.kinds import likeness
from phosphene.synthesis.facets.layers import facet_layers


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


def test_neighbours_stay_neighbours_in_the_plane():
    points = torch.randn(40, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    points[:20] += 8
    plane = in_the_plane(points, 0)
    assert plane.shape == (40, 2)
    nearest = (torch.cdist(plane, plane) + 1e9 * torch.eye(40)).argmin(1)
    assert torch.equal(nearest < 20, torch.arange(40) < 20)
    assert torch.equal(plane, in_the_plane(points, 0))


def test_groups_of_outliers_are_not_made():
    """One photo far from all others is a group of its own to k-means alone."""
    points = torch.randn(60, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    points[0] += 60
    alone, _ = k_means(points, 3, 0)
    assert torch.bincount(alone).min() == 1
    assert torch.bincount(parted(points, 3, 0)).min() >= 8


def test_a_grey_mean_gets_contrast_and_a_photo_keeps_its_own():
    generator = torch.Generator().manual_seed(0)
    faint = 0.5 + 0.05 * torch.randn(1, 3, 16, 16, generator=generator)
    photo = torch.rand(1, 3, 16, 16, generator=generator)
    made = logits(strengthened(torch.cat([faint, photo])))
    assert float(made[0].std()) == pytest.approx(CONTRAST, rel=0.01)
    assert torch.allclose(made[1], logits(photo)[0], atol=1e-3)
    assert torch.corrcoef(torch.stack([made[0].flatten(), faint.flatten()]))[0, 1] > 0.99


def test_layers_are_a_later_one_one_with_more_places_and_one_between():
    convolutions = [nn.Conv2d(4 if i else 3, 4, 3, stride, 1) for i, stride in enumerate((2, 1, 1, 2, 1, 1))]
    module = nn.Sequential(*convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    network = ph.Network(module.eval(), ph.Preprocessing.plain(32))
    layers = facet_layers(network, None, (32, 32))
    assert [each.name for each in (layers.earlier, layers.between, layers.later)] == ["2", "4", "5"]
    assert [each.name for each in layers.pulling] == ["2", "5"]
    assert [each.name for each in layers.all] == ["5", "2", "4"]
    assert [each.name for each in facet_layers(network, "0", (32, 32)).pulling] == ["0"]


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


def test_facets_that_are_drawn_to_their_photos_are_nearer_to_them(folder):
    drawn, alone = (
        ph.facets(small(), "second:3", [str(folder)], groups=2, top=12, steps=20, pull=pull) for pull in (4.0, 0.0)
    )
    red = [group.names[0][:3] for group in drawn.groups].index("red")
    warmth = [float((each.images[red, 0] - each.images[red, 2]).mean()) for each in (drawn, alone)]
    assert warmth[0] > warmth[1]
    assert drawn.matched == 2
    assert torch.allclose(drawn.restarts, alone.restarts)  # what is asked of facets, nobody asks of restarts
    assert "Drawn to them with 4 at relu and relu_1" in drawn.caption
    assert "Drawn" not in alone.caption


def test_the_distances_are_those_of_the_images_as_they_are(folder):
    network = small()
    result = ph.facets(network, "second:3", [str(folder)], groups=2, top=12, steps=4)
    images = torch.cat([result.images, result.restarts])
    with torch.no_grad():
        maps = network.maps(network.normalise(images), result.measured)
    means = maps.double().mean((2, 3)).numpy()
    cosine = [float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in (means[:2], means[2:])]
    assert [result.distances["facets"], result.distances["restarts"]] == pytest.approx(
        [1 - c for c in cosine], abs=1e-5
    )
    alike = scored(network, likeness(network.layer(result.measured, (32, 32))), images)
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
    assert look_through(network, [photo], network.address("logits:1")).cells.tolist() == [[-1, -1]]


def test_what_makes_no_sense_is_said(folder, tmp_path):
    with pytest.raises(ValueError, match="parted into 4 groups"):
        ph.facets(small(), "second:3", [str(folder / "red01.png"), str(folder / "red03.png")])
    with pytest.raises(ValueError, match="can be read as a photo"):
        ph.facets(small(), "second:3", [str(folder / "broken.png")])
    with pytest.raises(ValueError, match="were given"):
        ph.facets(small(), "second:3", [])
    with pytest.raises(TypeError, match="not int"):
        ph.facets(small(), "second:3", [3])
    with pytest.raises(ValueError, match="pull is a number"):
        ph.facets(small(), "second:3", [str(folder)], pull=-1)


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
