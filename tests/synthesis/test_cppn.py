"""Functions of the place: against their formula, at any size, alone as in a batch, and that they can be trained."""

import math
from itertools import pairwise

import pytest
import torch

import phosphene as ph
from phosphene.synthesis.engine.ascent import adam, ascend, scored
from phosphene.synthesis.engine.images.cppn import CPPN, both_halves, pixel_middles
from phosphene.synthesis.engine.objectives import unit


def stirred(count, size, **options):
    """Some whose last weights are not 0."""
    generator = torch.Generator().manual_seed(2)
    image = CPPN(count, size, generator=generator, **options).double()
    with torch.no_grad():
        for parameter in (image.weights[-1], *image.biases):
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    return image


def test_a_pixel_is_the_formula():
    image = stirred(2, (5, 8), layers=2, units=3)
    found = image()
    assert found.shape == (2, 3, 5, 8)
    for number in range(2):
        weights = [weight[number].tolist() for weight in image.weights]
        biases = [bias[number, :, 0].tolist() for bias in image.biases]
        for row in range(5):
            for column in range(8):
                x, y = (column - 3.5) * 2 * math.sqrt(3) / 5, (row - 2) * 2 * math.sqrt(3) / 5
                values = [x, y]
                for weight, bias in zip(weights[:2], biases[:2], strict=True):
                    sums = [
                        b + sum(w * v for w, v in zip(ws, values, strict=True))
                        for ws, b in zip(weight, bias, strict=True)
                    ]
                    angles = [math.atan(s) for s in sums]
                    values = [t / 0.67 for t in angles] + [(t * t - 0.45) / 0.396 for t in angles]
                for colour in range(3):
                    s = biases[2][colour] + sum(w * v for w, v in zip(weights[2][colour], values, strict=True))
                    assert found[number, colour, row, column].item() == pytest.approx(1 / (1 + math.exp(-s)))


def test_painted_larger_it_is_the_same_image_only_finer():
    image = stirred(1, (20, 30))
    assert torch.allclose(image.at((60, 90))[..., 1::3, 1::3], image())  # every third pixel's middle is a pixel's
    assert image.at((300, 450)).shape == (1, 3, 300, 450)  # in several bands
    assert torch.allclose(image.at((300, 450))[..., 7::15, 7::15], image())


def test_the_shorter_side_has_coordinates_of_deviation_one_and_halves_of_the_activation_too():
    x, y = pixel_middles((64, 96))
    assert y.square().mean().item() == pytest.approx(1, rel=0.01)
    assert x.square().mean().item() == pytest.approx(1.5**2, rel=0.01)
    sums = torch.randn(1, 1, 200_000, generator=torch.Generator().manual_seed(0)).double()
    values = both_halves(sums)
    assert values.square().mean((0, 2)).tolist() == pytest.approx([1, 1], rel=0.02)
    assert values.mean((0, 2)).abs().max() < 0.02


def test_it_begins_grey_and_no_two_alike_go_their_own_way(network):
    image = CPPN(2, (24, 24), generator=torch.Generator().manual_seed(0))
    assert torch.equal(image(), torch.full((2, 3, 24, 24), 0.5))
    objective = unit(network, "3:1", (24, 24))
    together = list(ascend(network, objective, image, steps=6, optimiser=adam(0.02)))[-1]
    assert float((together.images[0] - together.images[1]).abs().mean()) > 1e-3
    for index in range(2):
        alone = CPPN(2, (24, 24), generator=torch.Generator().manual_seed(0))
        for name, values in alone.named_parameters():
            holder, number = getattr(alone, name.split(".")[0]), int(name.split(".")[1])
            holder[number] = torch.nn.Parameter(values.detach()[index : index + 1].clone())
        found = list(ascend(network, objective, alone, steps=6, optimiser=adam(0.02)))[-1]
        torch.testing.assert_close(found.images[0], together.images[index])


def test_a_unit_is_raised_and_painted_at_any_size(network, unchanged, tmp_path):
    with unchanged(network.module):
        found = ph.synthesize(network, ["3:1", "3:2"], space="cppn", steps=30)
    assert (found.scores > found.history[0] + 0.01).all()
    assert torch.equal(found.painter().cpu(), found.images)
    large = found.painter.at((72, 72))
    assert large.shape == (2, 3, 72, 72)
    torch.testing.assert_close(large[..., 1::3, 1::3], found.images)
    assert "CPPN" in found.how
    assert "pieces" not in found.how
    assert torch.equal(found.shown, found.painter.at((48, 48)))
    assert found.save(tmp_path / "cppn.png").is_file()


def test_what_paints_a_result_stays_as_it_was_while_the_ascent_goes_on(network):
    steps = list(ph.synthesize.steps(network, "3:1", space="cppn", steps=4))
    for before, after in pairwise(steps):
        assert not torch.equal(before.painter().cpu(), after.painter().cpu())
    again = ph.synthesize(network, "3:1", space="cppn", steps=4)
    assert torch.equal(again.images, steps[-1].images)
    objective = unit(network, "3:1", (24, 24))
    went_on = list(ascend(network, objective, again.painter, steps=20, optimiser=adam(0.005)))[-1]
    assert float(went_on.scores) > float(scored(network, objective, again.images))
