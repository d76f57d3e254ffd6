"""How like its own kind of photos an image is."""

import numpy as np
import pytest
import torch

from phosphene.synthesis.engine.ascent import evaluated, scored
from phosphene.synthesis.engine.objectives import unit
from phosphene.synthesis.facets.kinds import affinities, drawn_to_kinds, likeness, nearest, own_kind

SIZE = (24, 24)


@pytest.fixture
def images():
    return torch.rand(5, 3, *SIZE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def centres():
    return {
        name: torch.rand(3, many, generator=torch.Generator().manual_seed(many), dtype=torch.float64)
        for name, many in (("0", 6), ("3", 8))
    }


def slow(codes, centres):
    codes = [np.array(code) / np.linalg.norm(code) for code in codes]
    middle, whole = sum(codes) / len(codes), sum(centres) / len(centres)
    found = np.empty((len(codes), len(centres)))
    for i, code in enumerate(codes):
        for k, centre in enumerate(centres):
            a, b = code - middle, centre - whole
            found[i, k] = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    return found


def test_affinity_is_the_formula(centres):
    codes = torch.rand(3, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert affinities(codes, centres["0"]).numpy() == pytest.approx(slow(codes.numpy(), centres["0"].numpy()))
    assert affinities(centres["0"], centres["0"] / centres["0"].norm(dim=1, keepdim=True)).diagonal().tolist() == (
        pytest.approx([1] * 3)
    )


def test_only_the_first_images_have_a_kind(network, images, centres):
    layer = network.layer("3", SIZE)
    with torch.no_grad():
        codes = network.maps(network.normalise(images), "3").mean((2, 3))[:3].numpy()
    expected = slow(codes, centres["3"].numpy())
    assert scored(network, own_kind(layer, centres["3"]), images).tolist() == pytest.approx(
        [*expected.diagonal(), 0, 0]
    )
    hits = (expected.argmax(1) == np.arange(3)).astype(float)
    assert scored(network, nearest(layer, centres["3"]), images).tolist() == [*hits, 0, 0]


def test_the_pull_is_in_shares_of_the_score_and_moves_no_restart(network, images, centres):
    base, layers = unit(network, "logits:goose", SIZE), [network.layer(name, SIZE) for name in ("0", "3")]
    asked = drawn_to_kinds(base, layers, centres, 0.5)
    alone = scored(network, base, images)
    pulls = sum(scored(network, own_kind(layer, centres[layer.name]), images) for layer in layers)
    assert scored(network, asked, images).tolist() == pytest.approx(
        (alone + 0.5 * alone[:3].mean().abs() * pulls).tolist()
    )
    leaf = images.clone().requires_grad_()
    difference = asked.score(evaluated(network, asked, leaf)) - base.score(evaluated(network, base, leaf))
    difference.sum().backward()
    moved = leaf.grad.abs().amax((1, 2, 3))
    assert float(moved[:3].min()) > 0
    assert float(moved[3:].max()) == 0


def test_likeness_is_within_each_part_of_the_batch(network, images):
    layer = network.layer("0", SIZE)
    whole = scored(network, likeness(layer), images[:4])
    halves = torch.cat([scored(network, likeness(layer, 1), half) for half in images[:4].chunk(2)])
    assert torch.allclose(whole, halves)
