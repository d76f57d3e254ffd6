"""Evolution: the archive keeps the best of every class, genomes vary as they should, patterns are what graphs say."""

import colorsys
import math

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.synthesis.fooling.archive import Archive
from phosphene.synthesis.fooling.encodings import Direct, polynomial
from phosphene.synthesis.fooling.evolution import evolve
from phosphene.synthesis.fooling.genomes import FUNCTIONS, HUE, INPUTS, OUTPUTS, Patterns, coordinates, from_hsv, used

SIZE = (12, 16)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def network() -> ph.Network:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
                           nn.Linear(32, 10)).eval()  # fmt: skip
    with torch.no_grad():
        module[-1].weight.mul_(60)
    return ph.Network(module, ph.Preprocessing.plain(SIZE))


@pytest.mark.parametrize("encoding", [Direct(SIZE), Patterns(SIZE)], ids=["direct", "patterns"])
def test_elites_only_get_better_and_are_as_sure_as_the_archive_says(network, encoding, unchanged):
    before = None
    with unchanged(network.module):
        for generation in evolve(network, encoding, generations=30, children=16, seed=1):
            now = generation.archive.confidences
            if before is not None:
                assert (now >= before).all()
                assert int((now > before).sum()) == generation.changed
            before = now.clone()
    archive = generation.archive
    probabilities = network.module(network.normalise(archive.images.float() / 255)).softmax(1).diagonal()
    torch.testing.assert_close(archive.confidences, probabilities, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(encoding.images(archive.genomes), archive.images, atol=0, rtol=0)


@pytest.mark.parametrize("encoding", [Direct(SIZE), Patterns(SIZE)], ids=["direct", "patterns"])
def test_the_same_seed_evolves_the_same_images(network, encoding):
    def last(seed: int) -> torch.Tensor:
        return list(evolve(network, encoding, generations=6, children=8, seed=seed))[-1].archive.images

    assert torch.equal(last(3), last(3))
    assert not torch.equal(last(3), last(4))


@pytest.mark.parametrize("encoding", [Direct(SIZE), Patterns(SIZE)], ids=["direct", "patterns"])
def test_evolution_beats_drawing_as_many_images_at_random(network, encoding):
    leads = []
    for seed in range(4):
        evolved = list(evolve(network, encoding, generations=40, children=16, seed=seed))[-1].archive.confidences
        drawn = encoding.images(encoding.random(640, generator(seed)))
        random = network.module(drawn.float() / 255).detach().softmax(1).amax(0)
        leads.append(float(evolved.mean() - random.mean()))
    assert sum(leads) / len(leads) > 0.005


def test_a_child_takes_every_class_where_it_is_surest_and_no_other():
    genomes = {"values": torch.arange(2.0)[:, None]}
    archive = Archive(genomes, torch.zeros(2, 3, 1, 1, dtype=torch.uint8), torch.tensor([[0.5, 0.1, 0.4],
                                                                                         [0.1, 0.6, 0.3]]))  # fmt: skip
    assert archive.genomes["values"].flatten().tolist() == [0, 1, 0]
    children = {"values": torch.tensor([[7.0], [8.0]])}
    probabilities = torch.tensor([[0.55, 0.05, 0.4], [0.51, 0.0, 0.49]])
    changed = archive.offer(children, torch.full((2, 3, 1, 1), 9, dtype=torch.uint8), probabilities)
    assert changed == 2
    assert archive.genomes["values"].flatten().tolist() == [7, 1, 8]
    torch.testing.assert_close(archive.confidences, torch.tensor([0.55, 0.6, 0.49]))
    assert archive.images.flatten(1)[:, 0].tolist() == [9, 0, 9]


def test_parents_are_drawn_half_evenly_and_half_by_confidence():
    genomes = {"values": torch.arange(4.0)[:, None]}
    probabilities = torch.tensor([0.6, 0.2, 0.2, 0.0]).diag()
    archive = Archive(genomes, torch.zeros(4, 3, 1, 1, dtype=torch.uint8), probabilities)
    archive.genomes = genomes
    drawn = archive.parents(20_000, generator())["values"].flatten().long().bincount(minlength=4) / 20_000
    np.testing.assert_allclose(drawn, [0.425, 0.225, 0.225, 0.125], atol=0.015)


def test_patterns_are_founded_with_many_units_and_many_times():
    encoding = Patterns(SIZE)
    assert used(encoding.random(16, generator())["weights"]).sum(1).float().mean() > INPUTS + OUTPUTS + 8
    assert (encoding.founding, Direct(SIZE).founding) == (32, 1)


def test_a_turn_moves_the_place_that_a_pattern_sees():
    encoding = Patterns((6, 8))
    weights = encoding.random(3, generator())["weights"]
    before = weights.clone()
    encoding._turn(weights, torch.full((3, 1, 1), 0.2), generator(4))
    state = generator(4)
    turned, moved = (0.2 * torch.randn(3, 2, width, generator=state) for width in (2, 1))
    x, y, *_ = coordinates((6, 8))
    for index in range(3):
        place = torch.stack([x, y])
        place = place + turned[index] @ place + moved[index]
        seen = before[index, :, :2] @ place + before[index, :, 3:4]
        torch.testing.assert_close(weights[index, :, :2] @ torch.stack([x, y]) + weights[index, :, 3:4], seen)


def test_children_are_copies_that_leave_their_parents_alone():
    for encoding in (Direct(SIZE), Patterns(SIZE)):
        parents = encoding.random(6, generator())
        before = {name: values.clone() for name, values in parents.items()}
        children = encoding.mutated(parents, 1, generator(1))
        assert all(torch.equal(parents[name], before[name]) for name in before)
        assert any(not torch.equal(children[name], before[name]) for name in before)


def test_direct_numbers_change_at_the_papers_rate_that_halves():
    encoding = Direct((64, 64))
    parents = encoding.random(4, generator())
    for generation, rate in ((1, 0.1), (1000, 0.05), (2500, 0.025)):
        changed = (encoding.mutated(parents, generation, generator())["values"] != parents["values"]).float().mean()
        assert float(changed) == pytest.approx(rate, rel=0.1)


def test_polynomial_mutation_has_its_density():
    """E|delta| = 1 / (strength + 2) for the density (strength + 1) / 2 (1 - |delta|)^strength."""
    moved = polynomial(torch.full((200_000,), 0.5, dtype=torch.float64), 15, generator()) - 0.5
    assert float(moved.abs().mean()) == pytest.approx(1 / 17, rel=0.02)
    assert float(moved.mean()) == pytest.approx(0, abs=1e-3)


def test_patterns_are_what_a_slow_walk_through_the_graph_gives():
    encoding = Patterns((5, 7), hidden=6)
    genomes = encoding.random(12, generator(5))
    for step in range(6):
        genomes = encoding.mutated(genomes, step, generator(step))
    painted = encoding.images(genomes)
    places = coordinates((5, 7)).T.double()
    for weights, functions, image in zip(genomes["weights"].double(), genomes["functions"], painted, strict=True):
        for at, place in enumerate(places):
            values = [*place.tolist(), *[0.0] * (encoding.units - INPUTS)]
            for unit in range(INPUTS, encoding.units):
                s = torch.tensor(sum(float(weights[unit, k]) * values[k] for k in range(unit)), dtype=torch.float64)
                values[unit] = float(FUNCTIONS[int(functions[unit])][1](s))
            hue, saturation, brightness = values[-OUTPUTS:]
            hue += float(weights[HUE, HUE])
            rgb = colorsys.hsv_to_rgb(hue % 1, min(1, abs(saturation)), min(1, abs(brightness)))
            seen = image.flatten(1)[:, at].double() / 255
            if "step" not in {FUNCTIONS[int(i)][0] for i in functions}:  # a step is too sharp for two precisions
                np.testing.assert_allclose(seen, rgb, atol=0.51 / 255 + 1e-3)


def test_graphs_stay_without_loops_and_keep_their_inputs():
    encoding = Patterns(SIZE, hidden=8)
    genomes = encoding.random(32, generator())
    for step in range(40):
        genomes = encoding.mutated(genomes, step, generator(step))
    weights = genomes["weights"].clone()
    weights[:, HUE, HUE] = 0  # the hue that it counts from
    assert not weights.triu().any()  # a connection leads from a lower unit to a higher
    assert not weights[:, :INPUTS].any()
    assert not weights[:, :, -OUTPUTS:].any()
    assert used(weights).sum(1).float().mean() > INPUTS + OUTPUTS + 1


def test_hsv_is_pythons():
    values = torch.rand(1, 3, 200, generator=generator(), dtype=torch.float64)
    expected = np.array([colorsys.hsv_to_rgb(*each) for each in values[0].T.tolist()])
    np.testing.assert_allclose(from_hsv(values)[0].T, expected, atol=1e-12)


def test_coordinates_are_of_the_pixels_middles_about_the_middle():
    x, y, d, one = coordinates((2, 4)).view(4, 2, 4)
    assert x[0].tolist() == [-1.5, -0.5, 0.5, 1.5]
    assert y[:, 0].tolist() == [-0.5, 0.5]
    assert float(d[0, 0]) == pytest.approx(math.hypot(1.5, 0.5))
    assert (one == 1).all()


def test_a_hue_at_its_limits_is_as_often_blue_or_green_as_red():
    """Functions at their limits are whole numbers; counted from a hue of its own, each network has another colour."""
    encoding = Patterns((8, 8))
    genomes = encoding.random(400, generator())
    genomes["weights"][:, HUE, :HUE] *= 1e3
    genomes["functions"][:, HUE] = [name for name, _ in FUNCTIONS].index("step")
    painted = encoding.images(genomes).float().mean((2, 3))
    most = painted.argmax(1)[painted.amax(1) > 1.1 * painted.median(1).values].bincount(minlength=3)
    assert most.min() > 0.25 * most.sum()


@pytest.mark.parametrize("seed", [10**21, 1.5])
def test_a_seed_that_is_none_is_told(network, seed):
    with pytest.raises((ValueError, TypeError), match="seed is a whole number"):
        next(evolve(network, Direct(SIZE), generations=1, seed=seed))
