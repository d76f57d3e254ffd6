"""Adversarial examples: the formula, the ball and the box, and the smallest change where it is known exactly."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import phosphene as ph
from phosphene.synthesis.engine.optimisers.bounded import Ball, epsilon_of, scattered, steepest

SIZE = 8


def plain(module: nn.Module, labels=None) -> ph.Network:
    return ph.Network(module.eval(), ph.Preprocessing.plain(SIZE), labels)


def linear(classes: int = 2, dtype=torch.float32) -> ph.Network:
    torch.manual_seed(0)
    return plain(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, classes)).to(dtype))


def curved() -> ph.Network:
    """A small network that is far from linear, with preprocessing that shifts and scales."""
    torch.manual_seed(1)
    module = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(128, 5))
    how = ph.Preprocessing(size=(SIZE, SIZE), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
    return ph.Network(module.eval(), how, ["ant", "bee", "cat", "dog", "elk"])


def images(network: ph.Network, many: int = 3, seed: int = 0) -> torch.Tensor:
    """Inputs of images whose values are whole 255ths and away from the box's sides, except a corner."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(60, 196, (many, 3, SIZE, SIZE), generator=generator) / 255
    pixels[:, :, :2, :2] = torch.tensor([0.0, 1.0]).repeat(2)[:2]
    return network.normalise(pixels.to(network.dtype))


# ---- FGSM and PGD


def test_fgsm_is_the_papers_formula():
    network = curved()
    x = images(network)
    found = ph.adversarial(network, x, method="fgsm", epsilon="8/255")
    pixels = network.preprocessing.denormalise(x).clamp(0, 1).requires_grad_()
    logits = network.module(network.normalise(pixels))
    loss = nn.functional.cross_entropy(logits, logits.argmax(1), reduction="sum")
    (gradient,) = torch.autograd.grad(loss, pixels)
    expected = (pixels.detach() + 8 / 255 * gradient.sign()).clamp(0, 1)
    torch.testing.assert_close(found.images, expected, atol=1e-7, rtol=0)
    assert found.goals == tuple(logits.argmax(1).tolist())
    assert not found.targeted


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("label", [None, "dog"])
def test_pgd_stays_in_the_ball_and_in_the_box_and_raises_its_loss(norm, label, unchanged):
    network = curved()
    epsilon = 0.05 if norm == "linf" else 0.4
    with unchanged(network.module):
        found = ph.adversarial(network, images(network), label, method="pgd", norm=norm, epsilon=epsilon, steps=12)
    assert found.norms["Linf" if norm == "linf" else "L2"].max() <= epsilon * (1 + 1e-5)
    assert found.norms["Linf" if norm == "linf" else "L2"].min() > 0.5 * epsilon
    assert found.images.min() >= 0
    assert found.images.max() <= 1
    goals = torch.tensor(found.goals)[:, None]
    gained = (found.after.gather(1, goals) - found.before.gather(1, goals)).flatten()
    assert (gained > 0).all() if label else (gained < 0).all()


def test_pgd_is_at_least_as_strong_as_fgsm_in_the_same_ball():
    network = curved()
    x = images(network, 8)
    one, many = (ph.adversarial(network, x, method=m, epsilon=0.03).scores for m in ("fgsm", "pgd"))
    assert many.mean() >= one.mean() - 1e-3


def test_a_linear_networks_best_change_in_each_ball_is_found_exactly():
    network = linear(dtype=torch.float64)
    x = torch.full((1, 3, SIZE, SIZE), 0.5, dtype=torch.float64)
    weight = network.module[1].weight
    own = int(network.module(x).argmax())
    away = (weight[1 - own] - weight[own]).detach().view(1, 3, SIZE, SIZE)
    found = ph.adversarial(network, x, method="pgd", norm="linf", epsilon=0.1, steps=10)
    torch.testing.assert_close(found.change, 0.1 * away.sign(), atol=1e-9, rtol=0)
    found = ph.adversarial(network, x, method="pgd", norm="l2", epsilon=0.1, steps=30)
    assert float(nn.functional.cosine_similarity(found.change.flatten(), away.flatten(), dim=0)) > 0.95
    found = ph.adversarial(network, x, method="fgsm", norm="l2", epsilon=0.1)
    torch.testing.assert_close(found.change, 0.1 * away / away.norm(), atol=1e-9, rtol=0)


def test_steps_have_length_one_in_their_norm():
    gradient = torch.randn(4, 3, 5, 5)
    torch.testing.assert_close(steepest(gradient, "l2").flatten(1).norm(dim=1), torch.ones(4))
    assert set(steepest(gradient, "linf").unique().tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_random_starts_lie_in_the_ball_and_repeat(norm):
    like = torch.zeros(5, 3, 4, 4)
    change = scattered(like, 0.3, norm, range(7, 7 + len(like)))
    size = change.abs().amax((1, 2, 3)) if norm == "linf" else change.flatten(1).norm(dim=1)
    assert (size <= 0.3).all()
    assert (size > 0.2).all()  # nearly all of a ball of many dimensions is close to its border
    assert torch.equal(change, scattered(like, 0.3, norm, range(7, 7 + len(like))))
    assert not torch.equal(change, scattered(like, 0.3, norm, range(8, 8 + len(like))))
    torch.testing.assert_close(Ball(like, 0.3, norm)(change, like, 1), change)


def test_the_same_seed_gives_the_same_images():
    network = curved()
    one, same, other = (ph.adversarial(network, images(network), method="pgd", seed=s).images for s in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


# ---- the smallest change


def test_the_smallest_change_of_a_linear_network_is_the_distance_to_its_border():
    network = linear(dtype=torch.float64)
    x = torch.full((1, 3, SIZE, SIZE), 0.5, dtype=torch.float64)
    own = int(network.module(x).argmax())
    weight, bias = network.module[1].weight.detach(), network.module[1].bias.detach()
    across = weight[1 - own] - weight[own]
    gap = float(weight[own] @ x.flatten() + bias[own] - weight[1 - own] @ x.flatten() - bias[1 - own])
    expected = gap / float(across.norm())  # the distance of a point from a plane
    found = ph.adversarial(network, x, 1 - own, survive=False, searches=14, steps=60)
    assert bool(found.success_unrounded)
    assert expected <= float(found.norms["L2"]) <= 1.02 * expected
    cosine = nn.functional.cosine_similarity(found.change.flatten(), across, dim=0)
    assert float(cosine) > 0.999


def test_the_smallest_change_with_the_box_is_scipys_own_solution():
    """With the box, on a linear network: least |r|^2 subject to the border and to 0 <= x + r <= 1."""
    from scipy import optimize

    network = linear(dtype=torch.float64)
    x = images(network, 1, seed=2)
    x[:, 1] = 1.0  # a whole channel at the side of the box
    own = int(network.module(x).argmax())
    weight, bias = network.module[1].weight.detach(), network.module[1].bias.detach()
    across, offset = (weight[1 - own] - weight[own]).numpy(), float(bias[1 - own] - bias[own])
    pixels = x.flatten().numpy()
    border = optimize.LinearConstraint(across, -offset - across @ pixels, np.inf)
    exact = optimize.minimize(
        lambda r: (r @ r, 2 * r), 0.01 * across, jac=True, method="SLSQP", constraints=[border],
        bounds=optimize.Bounds(-pixels, 1 - pixels), options={"maxiter": 500, "ftol": 1e-12},
    )  # fmt: skip
    assert exact.success
    expected = math.sqrt(exact.fun)
    found = ph.adversarial(network, x, 1 - own, survive=False, searches=14, steps=80)
    assert float(found.norms["L2"]) == pytest.approx(expected, rel=0.02)
    assert found.images.min() >= 0
    assert found.images.max() <= 1


def test_every_chosen_class_is_reached_and_survives_rounding(unchanged):
    network = curved()
    x = images(network, 4)
    with unchanged(network.module):
        found = ph.adversarial(network, x, ["ant", "bee", "cat", "dog"], searches=6)
    assert found.success.all()
    assert found.success_unrounded.all()
    told = torch.tensor(found.images.numpy() * 255).round().to(torch.uint8)
    again = torch.stack([torch.from_numpy(np.array(Image.fromarray(each.permute(1, 2, 0).numpy()))) for each in told])
    answers = network.module(network.normalise(again.permute(0, 3, 1, 2) / 255)).argmax(1)
    assert answers.tolist() == [0, 1, 2, 3]
    finite = found.history[torch.isfinite(found.history).all(1)]
    assert (finite.diff(dim=0) <= 0).all()
    torch.testing.assert_close(-found.scores, found.norms["L2"].float(), rtol=1e-4, atol=1e-4)


def test_without_a_label_the_smallest_change_goes_to_the_least_likely_class():
    network = curved()
    x = images(network, 2)
    found = ph.adversarial(network, x, searches=2, steps=5)
    assert list(found.goals) == network.module(x).argmin(1).tolist()
    assert found.targeted


def test_an_image_that_is_the_class_already_needs_no_change():
    network = curved()
    x = images(network, 1)
    found = ph.adversarial(network, x, int(network.module(x).argmax()), searches=3)
    assert bool(found.success)
    assert float(found.norms["L2"]) < 0.05


def test_results_come_step_by_step_and_one_photo_after_the_other():
    network = curved()
    steps = list(ph.adversarial.steps(network, images(network, 2), "elk", searches=3))
    assert [each.step for each in steps] == [1, 2, 3, 4, 5, 6]
    assert steps[-1].steps == 6
    assert torch.equal(steps[2].images[1], steps[2].original[1])
    assert steps[0].frame().shape[2] == 3


# ---- results, refusals, a real network


def test_norms_are_what_their_names_say():
    network = curved()
    found = ph.adversarial(network, images(network, 2), method="pgd", norm="l2", epsilon=0.5)
    change = found.change.double().numpy().reshape(2, -1)
    np.testing.assert_allclose(found.norms["L2"], np.sqrt((change**2).sum(1)))
    np.testing.assert_allclose(found.norms["Linf"], np.abs(change).max(1))
    np.testing.assert_allclose(found.norms["distortion"], np.sqrt((change**2).sum(1) / change.shape[1]))


def test_a_change_that_rounding_undoes_is_no_success():
    network = linear(dtype=torch.float64)
    x = torch.full((1, 3, SIZE, SIZE), 128 / 255, dtype=torch.float64)
    own = int(network.module(x).argmax())
    with torch.no_grad():  # a border so close that half a 255th is enough to cross it
        gap = network.module(x)[0]
        network.module[1].bias[own] -= gap[own] - gap[1 - own] - 1e-6
    found = ph.adversarial(network, x, 1 - own, survive=False, searches=8)
    assert bool(found.success_unrounded)
    assert not bool(found.success)
    assert "0 of 1 answered as wanted when rounded to 8 bits, 1 before rounding" in found.caption
    assert bool(ph.adversarial(network, x, 1 - own, searches=8).success)


def test_the_picture_and_the_numbers_say_what_was_found(tmp_path):
    network = curved()
    found = ph.adversarial(network, images(network, 2), "dog", method="pgd", epsilon="8/255", steps=4)
    picture = found.picture(gain=5, rows=1)
    assert "±0.1" in picture.caption or "−0.100" in picture.caption
    assert "L∞ 8/255" in picture.caption
    found.save(tmp_path / "a.png", theme="dark")
    told = found.to_dict()
    assert told["goals"][0] == {"index": 3, "label": "dog"}
    assert told["before"][0][0]["probability"] == pytest.approx(float(found.before[0].max()))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "pgd", "epsilon": "4/0"}, "epsilon is a number or a fraction"),
        ({"method": "fgsm", "epsilon": -1}, "epsilon is above 0"),
        ({"epsilon": 0.1}, "lbfgs looks for the smallest L2 norm itself"),
        ({"method": "best"}, "a method is lbfgs, fgsm, pgd"),
        ({"norm": "l2"}, "lbfgs looks for the smallest L2 norm itself; norm is for fgsm and pgd"),
        ({"method": "fgsm", "steps": 5}, "fgsm does not use steps; steps is for lbfgs and pgd"),
        ({"method": "pgd", "searches": 8}, "pgd does not use searches; searches is for lbfgs"),
        ({"method": "fgsm", "survive": False}, "fgsm does not use survive; survive is for lbfgs"),
        ({"method": "pgd", "seed": 2**70}, "seed is a whole number from -2\\^63 to 2\\^64 - 1"),
        ({"label": ["ant", "bee"], "method": "pgd"}, "2 labels don't fit 3 images"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(options, said):
    network = curved()
    with pytest.raises(ValueError, match=said):
        ph.adversarial(network, images(network), **options)


def test_within_inference_mode_every_method_says_why_it_cannot():
    network = curved()
    x = images(network, 1)
    for method in ("lbfgs", "fgsm", "pgd"):
        with torch.inference_mode(), pytest.raises(ValueError, match=r"inference_mode.*call it outside"):
            ph.adversarial(network, x, "dog", method=method)


def test_each_image_of_a_batch_starts_by_its_own_seed():
    like = torch.zeros(3, 3, 4, 4)
    change = scattered(like, 0.3, "l2", [4, 5, 6])
    for index, seed in enumerate((4, 5, 6)):
        assert torch.equal(change[index : index + 1], scattered(like[:1], 0.3, "l2", [seed]))


def test_an_unknown_class_is_refused_with_near_names():
    with pytest.raises(LookupError, match="dog"):
        ph.adversarial(curved(), images(curved()), "dogg")


def test_a_network_that_is_no_classifier_is_refused():
    network = plain(nn.Conv2d(3, 2, 3))
    with pytest.raises(ValueError, match="not one score a class"):
        ph.adversarial(network, torch.rand(1, 3, SIZE, SIZE), method="fgsm")


def test_epsilon_is_read_as_a_number_or_a_fraction():
    assert epsilon_of("4/255", "linf") == 4 / 255
    assert epsilon_of(" 0.5 ", "l2") == 0.5
    assert epsilon_of(None, "l2") == 1.0


def test_the_embedded_network_is_fooled_in_its_ball():
    network = ph.load()
    cat = ph.read("src/phosphene/photos/cat.jpg")
    found = ph.adversarial(network, cat, "goose", method="pgd", epsilon="4/255", steps=20)
    assert bool(found.success)
    assert float(found.saved[0, 99]) > 0.9
    assert float(found.norms["Linf"]) <= 4 / 255 + 1e-7


def test_a_norm_that_is_none_is_told():
    network = linear()
    with pytest.raises(ValueError, match="a norm is linf or l2, not 'l3'"):
        ph.adversarial(network, images(network), method="pgd", norm="l3")
