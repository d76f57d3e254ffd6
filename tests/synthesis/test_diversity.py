"""Images of one unit that are pushed apart."""

import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.synthesis.engine.ascent import scored
from phosphene.synthesis.engine.layers.default_layers import last_maps
from phosphene.synthesis.engine.layers.gram import gram_cosines, gram_likeness, pairwise_rms
from phosphene.synthesis.engine.objectives import unit
from phosphene.synthesis.engine.transforms import PIECES
from phosphene.synthesis.facets.diversity import Twice, pushed_apart


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.second = nn.Conv2d(8, 12, 3, 2, 1)
        self.head = nn.Linear(12, 5)

    def forward(self, x):
        return self.head(self.second(self.first(x).relu()).relu().mean((2, 3)))


def small(seed: int = 0) -> ph.Network:
    torch.manual_seed(seed)
    return ph.Network(Small().eval(), ph.Preprocessing.plain(32))


def by_the_formula(maps: torch.Tensor) -> list[float]:
    """Gram matrices element by element, as in the docstring."""
    grams = [
        torch.tensor([[float((a * b).sum()) for b in image] for a in image], dtype=torch.float64) for image in maps
    ]
    cosines = [[float((g * h).sum() / (g.norm() * h.norm())) for h in grams] for g in grams]
    others = len(grams) - 1
    return [sum(row[:i] + row[i + 1 :]) / others for i, row in enumerate(cosines)]


@pytest.mark.parametrize("side", [2, 5])  # fewer places than channels, and more
def test_the_likeness_is_the_mean_cosine_of_gram_matrices(side):
    maps = torch.randn(4, 7, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    cosines = gram_cosines(maps)
    mean = (cosines.sum(1) - 1) / 3
    assert mean.tolist() == pytest.approx(by_the_formula(maps), rel=1e-12)


def test_the_term_reads_the_layer_and_keeps_groups_apart():
    network = small()
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    layer = network.layer("second", (32, 32))
    with torch.no_grad():
        maps = network.record(network.normalise(images), "second")["second"]
    whole = scored(network, gram_likeness(layer), images)
    halves = scored(network, gram_likeness(layer, groups=2), images)
    assert whole.tolist() == pytest.approx(by_the_formula(maps.double()), rel=1e-4)
    assert halves.tolist() == pytest.approx(
        by_the_formula(maps[:2].double()) + by_the_formula(maps[2:].double()), rel=1e-4
    )


def test_its_gradient_is_right():
    maps = torch.randn(3, 4, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: gram_cosines(x).sum(1), maps)


def test_maps_that_are_all_zero_have_a_gradient_all_the_same():
    maps = torch.zeros(2, 3, 2, 2, requires_grad=True)
    gradient = torch.autograd.grad(gram_cosines(maps).sum(), maps)[0]
    assert torch.isfinite(gradient).all()


def test_images_left_out_of_the_term_are_raised_as_if_alone():
    network = small()
    base, layer = unit(network, "second:3", (32, 32)), network.layer("second", (32, 32))
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    plain, pushed = scored(network, base, images), scored(network, pushed_apart(base, layer, 2.0, alone=2), images)
    likeness = scored(network, gram_likeness(layer), images[2:])
    assert pushed[:2].tolist() == plain[:2].tolist()
    expected = plain[2:] - 2.0 * plain[2:].mean().abs() * likeness
    assert pushed[2:].tolist() == pytest.approx(expected.tolist(), rel=1e-4)


def test_images_grow_apart_and_hold_the_score(unchanged):
    network = ph.load()
    with unchanged(network.module):
        result = ph.diverse(network, "blocks.1.0:5", images=3, size=64, steps=40, seed=1)
    before, after = result.distances["plain"], result.distances["diverse"]
    assert after.gram > 1.5 * before.gram
    assert result.held > 0.6
    assert float(result.scores.min()) > float(result.plain_history[0].max())


def test_without_a_weight_both_halves_are_the_same_and_with_one_they_are_not():
    result = ph.diverse(small(), "second:3", images=2, steps=6, weight=0)
    assert torch.equal(result.images, result.plain)
    assert torch.equal(result.history, result.plain_history)
    assert result.held == 1
    assert pairwise_rms(result.images) > 0
    weighed = ph.diverse(small(), "second:3", images=2, steps=6, weight=0.5)
    assert torch.equal(weighed.history[0], weighed.plain_history[0])  # the same start, seen alike
    assert not torch.equal(weighed.images, weighed.plain)
    torch.testing.assert_close(weighed.plain, result.plain)


def test_both_halves_of_a_batch_see_one_draw():
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    changed = Twice(PIECES)(torch.cat([images, images]), torch.Generator().manual_seed(1))
    assert torch.equal(changed[:3], changed[3:])
    assert torch.equal(changed[:3], PIECES(images, torch.Generator().manual_seed(1)))
    assert not torch.allclose(changed[0] - images[0], changed[1] - images[1])


def test_the_same_seed_gives_the_same_bytes_and_another_does_not():
    first, second, other = (ph.diverse(small(), "second:3", steps=4, seed=seed).images for seed in (3, 3, 4))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_class_is_compared_at_the_last_layer_with_maps():
    result = ph.diverse(small(), "logits:2", images=2, steps=2)
    assert small().layer(result.layer, (32, 32)).maps_shape == (12, 8, 8)


def test_every_step_gives_a_result_that_draws_itself():
    results = list(ph.diverse.steps(small(), "first:1", images=2, steps=3))
    assert [found.step for found in results] == [1, 2, 3]
    assert {found.frame().shape for found in results} == {results[0].frame().shape}
    assert results[0].history.shape == (1, 2)
    assert results[-1].to_dict()["distances"]["plain"].keys() == {"gram", "pixels"}


def test_what_makes_no_sense_is_said():
    with pytest.raises(ValueError, match="images is at least 2, not 1"):
        ph.diverse(small(), "first:1", images=1)
    for wrong in (-1, "a", float("nan")):
        for recipe in (ph.diverse, ph.unit_image):
            with pytest.raises(ValueError, match="weight is a number of at least 0, not"):
                recipe(small(), "first:1", images=2, size=32, steps=1, weight=wrong)
    with pytest.raises(ValueError, match="no grid of places"):
        ph.diverse(small(), "first:1", layer="head")
    with pytest.raises(LookupError, match="secnd"):
        ph.diverse(small(), "secnd:1")


def test_the_layer_of_a_segmentation_network_lies_before_its_answer():
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 1), nn.Upsample(scale_factor=2)).eval()
    assert last_maps(ph.Network(module, ph.Preprocessing.plain(32)), (32, 32)).name == "1"
