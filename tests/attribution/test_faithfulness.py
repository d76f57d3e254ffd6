"""Insertion, deletion and sensitivity-n: slow rewrites, and a linear network whose best answer is known."""

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.attribution.trials.contenders import centre, edges, noise
from phosphene.attribution.trials.faithfulness import area, deletion, drops, insertion, order, sensitivity_n, subsets
from phosphene.attribution.trials.stability import max_sensitivity

SIZE = 12


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(45, 4))
    return ph.Network(module.double().eval(), ph.Preprocessing.plain(SIZE))


class Linear(nn.Module):
    """Scores (w · x, 0): what each pixel brings is known."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)).double())

    def forward(self, x):
        score = (x * self.weight).sum((1, 2, 3)) / 20
        return torch.stack([score, torch.zeros_like(score)], 1)


@pytest.fixture(scope="module")
def linear():
    return ph.Network(Linear(), ph.Preprocessing.plain(SIZE))


def images(count=2, seed=0):
    return torch.randn(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("which", [deletion, insertion])
def test_curves_are_those_of_changing_pixel_after_pixel(network, which, unchanged):
    x, steps = images(), 7
    maps = torch.rand(2, SIZE, SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    classes = torch.tensor([1, 3])
    with unchanged(network.module):
        curves = which(network, x, maps, classes, steps=steps, fill="zero", batch=3)
    for index in range(2):
        ordered = sorted(np.ndindex(SIZE, SIZE), key=lambda at, i=index: -float(maps[i][at]))
        for step in range(steps + 1):
            image = x[index].clone() if which is deletion else torch.zeros_like(x[index])
            for at in ordered[: step * SIZE * SIZE // steps]:
                image[:, at[0], at[1]] = 0 if which is deletion else x[index][:, at[0], at[1]]
            expected = network.module(image[None]).detach().softmax(1)[0, classes[index]]
            assert float(curves[index, step]) == pytest.approx(float(expected), abs=1e-12)


def test_a_curve_begins_and_ends_with_the_image_and_its_cover(network):
    x, maps, classes = images(), torch.rand(2, SIZE, SIZE), torch.tensor([0, 0])
    clean = network.record(x, "probabilities")["probabilities"][:, 0]
    grey = network.record(x.mean((2, 3), keepdim=True).expand_as(x), "probabilities")["probabilities"][:, 0]
    falling = deletion(network, x, maps, classes, steps=3)
    torch.testing.assert_close(falling[:, 0], clean)
    torch.testing.assert_close(falling[:, -1], grey)
    torch.testing.assert_close(insertion(network, x, maps, classes, steps=3)[:, -1], clean)


def test_the_area_is_numpys_by_trapezia():
    curves = torch.rand(3, 9, dtype=torch.float64)
    expected = [np.trapezoid(curve, dx=1 / 8) if hasattr(np, "trapezoid") else np.trapz(curve, dx=1 / 8)
                for curve in curves.numpy()]  # fmt: skip
    np.testing.assert_allclose(area(curves).numpy(), expected)


def test_ties_are_taken_at_random_but_always_alike():
    maps = torch.zeros(2, SIZE, SIZE)
    first = order(maps, 5)
    assert torch.equal(first, order(maps, 5))
    assert not torch.equal(first, order(maps, 6))
    assert torch.equal(first[0], first[1])
    assert sorted(first[0].flatten().tolist()) == list(range(SIZE * SIZE))


def test_unknown_pixels_come_last():
    maps = torch.full((1, SIZE, SIZE), float("nan"))
    maps[0, 4, 4] = -100
    assert int(order(maps)[0, 4, 4]) == 0


def test_input_times_gradient_of_a_linear_network_can_not_be_beaten(linear):
    """Its numbers are what each pixel brings, so no order deletes or inserts better."""
    x, classes = images(1), torch.tensor([0])
    brought = (x * linear.module.weight).sum(1).detach()
    how = {"steps": SIZE * SIZE, "fill": "zero"}
    best_down = area(deletion(linear, x, brought, classes, **how))
    best_up = area(insertion(linear, x, brought, classes, **how))
    worst = area(deletion(linear, x, -brought, classes, **how))
    for seed in range(10):
        other = torch.rand(1, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
        assert best_down < area(deletion(linear, x, other, classes, **how)) < worst
        assert best_up > area(insertion(linear, x, other, classes, **how))
    sets = subsets((SIZE, SIZE), cell=2)
    dropped = drops(linear, x, classes, sets, fill="zero")
    assert float(sensitivity_n(brought, sets, dropped)[0]) == pytest.approx(1, abs=1e-12)
    assert float(sensitivity_n(-3 * brought, sets, dropped)[0]) == pytest.approx(-1, abs=1e-12)


def test_random_maps_are_alike_on_average(linear):
    """Two sets of random maps have the same mean deletion up to chance, and that of the best map lies far below."""
    x, classes = images(1), torch.tensor([0])

    def mean(first):
        found = [noise(x, seed) for seed in range(first, first + 15)]
        return np.array([float(area(deletion(linear, x, maps, classes, steps=24))[0]) for maps in found])

    one, other = mean(0), mean(100)
    brought = (x * linear.module.weight).sum(1).detach()
    assert abs(one.mean() - other.mean()) < 4 * (one.std() + other.std()) / np.sqrt(15)
    assert float(area(deletion(linear, x, brought, classes, steps=24))[0]) < one.mean() - 3 * one.std()


def test_sensitivity_n_is_the_correlation_of_sums_and_drops(network, unchanged):
    x, classes = images(), torch.tensor([2, 0])
    maps = torch.randn(2, SIZE, SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    sets = subsets((SIZE, SIZE), cell=5, share=0.3, count=9, seed=2)
    with unchanged(network.module):
        found = sensitivity_n(maps, sets, drops(network, x, classes, sets, batch=4))
    for index in range(2):
        sums, falls = [], []
        for some in sets:
            covered = x[index].clone()
            total = 0.0
            for row, column in np.ndindex(SIZE, SIZE):
                if some[row, column]:
                    covered[:, row, column] = x[index].mean((1, 2))
                    total += float(maps[index, row, column])
            sums.append(total)
            change = network.module(x[index : index + 1]) - network.module(covered[None])
            falls.append(float(change.detach()[0, classes[index]]))
        assert float(found[index]) == pytest.approx(np.corrcoef(sums, falls)[0, 1], abs=1e-10)


def test_sets_are_of_whole_cells_all_equally_many():
    sets = subsets((10, 12), cell=4, share=0.25, count=20)
    assert sets.shape == (20, 10, 12)
    corners = sets[:, ::4, ::4]
    assert (corners.flatten(1).sum(1) == round(0.25 * 9)).all()
    assert torch.equal(sets, corners.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, :10, :12])
    assert torch.equal(sets, subsets((10, 12), cell=4, share=0.25, count=20))
    with pytest.raises(ValueError, match="can't be told apart"):
        subsets((4, 4), cell=4)


def test_max_sensitivity_is_the_largest_change_of_all_draws(linear):
    """For input times gradient of a linear network the change under noise e is known: w · e."""
    x = images(2)

    def attribute(changed):
        return (changed * linear.module.weight).sum(1).detach()

    found = max_sensitivity(linear, x, attribute(x), attribute, radius=0.1, draws=5, seed=3)
    generator = torch.Generator().manual_seed(3)
    most = torch.zeros(2, dtype=torch.float64)
    for _ in range(5):
        e = (torch.rand(x.shape, generator=generator, dtype=torch.float64) * 2 - 1) * 0.1
        change = (e * linear.module.weight).sum(1).flatten(1).norm(dim=1)
        most = torch.maximum(most, change / attribute(x).flatten(1).norm(dim=1))
    torch.testing.assert_close(found, most.detach())
    assert (max_sensitivity(linear, x, x[:, 0], lambda _: x[:, 0]) == 0).all()
    assert max_sensitivity(linear, x, 0 * x[:, 0], lambda _: 0 * x[:, 0]).isnan().all()


def test_noise_is_a_share_of_black_to_white():
    network = ph.Network(nn.Identity(), ph.Preprocessing((4, 4), mean=(0.5,) * 3, std=(0.25, 0.5, 1.0), scale=2.0))
    x = torch.zeros(1, 3, 4, 4)
    seen = []
    max_sensitivity(network, x, x[:, 0] + 1, lambda noisy: seen.append(noisy) or noisy[:, 0], radius=0.5, draws=1)
    assert [pytest.approx(4, abs=1), pytest.approx(2, abs=0.5), pytest.approx(1, abs=0.25)] == [
        float(plane.abs().max()) for plane in seen[0][0]
    ]


def test_baselines_know_nothing_of_the_network():
    x = images()
    assert noise(x, 1).shape == edges(x).shape == centre(x).shape == (2, SIZE, SIZE)
    assert torch.equal(noise(x, 1), noise(x + 1, 1))
    assert not torch.equal(noise(x, 1), noise(x, 2))
    assert (edges(torch.ones(1, 3, 8, 8)) == 0).all()
    step = torch.zeros(1, 1, 6, 6)
    step[..., 3:] = 1
    assert edges(step)[0, 2].tolist() == [0, 0, 4, 4, 0, 0]
    assert int(centre(x)[0].argmax()) in {r * SIZE + c for r in (5, 6) for c in (5, 6)}


@pytest.mark.parametrize("call", [lambda n, x: deletion(n, x, x[:, 0, :5], torch.tensor([0, 0])),
                                  lambda n, x: insertion(n, x, x[:, 0], torch.tensor([0, 0]), steps=0),
                                  lambda n, x: deletion(n, x, x[:, 0], torch.tensor([0, 0]), fill="grey"),
                                  lambda n, x: max_sensitivity(n, x, x[:, 0], lambda y: y[:, 0], draws=0)])  # fmt: skip
def test_what_does_not_fit_gets_a_sentence(network, call):
    with pytest.raises(ValueError, match=r"not|at least"):
        call(network, images())
