"""L-BFGS of each image by itself: it finds minima, and what one image does never changes another."""

import pytest
import torch

from phosphene.synthesis.engine.optimisers.searches import SeparateLBFGS


def bowls(count, seed=0):
    """`count` quadratic functions of 6 values with unlike curvature: their matrices and minima."""
    generator = torch.Generator().manual_seed(seed)
    roots = torch.randn(count, 6, 6, generator=generator, dtype=torch.float64)
    minima = torch.randn(count, 6, generator=generator, dtype=torch.float64)
    scale = 10.0 ** torch.arange(count, dtype=torch.float64)[:, None, None]  # of very unlike steepness
    return scale * (roots @ roots.transpose(1, 2) + 0.1 * torch.eye(6, dtype=torch.float64)), minima


def searched(matrices, minima, steps, **options):
    x = torch.zeros_like(minima).requires_grad_()
    search = SeparateLBFGS([x], **options)

    def closure():
        away = x - minima
        losses = torch.einsum("ni,nij,nj->n", away, matrices, away)
        x.grad = torch.autograd.grad(losses.sum(), x)[0]
        return losses

    for _ in range(steps):
        search.step(closure)
    return x.detach()


def test_it_finds_the_minimum_of_every_image():
    matrices, minima = bowls(4)
    assert torch.allclose(searched(matrices, minima, 12), minima, atol=1e-6)


@pytest.mark.parametrize("steps", [1, 3])
def test_an_image_in_a_batch_goes_the_way_that_it_goes_alone(steps):
    matrices, minima = bowls(4)
    together = searched(matrices, minima, steps)
    alone = torch.cat([searched(matrices[i : i + 1], minima[i : i + 1], steps) for i in range(4)])
    assert torch.allclose(together, alone, rtol=1e-9, atol=1e-12)


def test_the_loss_never_rises():
    x = torch.tensor([[-1.2, 1.0], [2.0, -2.0]], dtype=torch.float64, requires_grad=True)  # Rosenbrock's valley
    search = SeparateLBFGS([x], iterations=4)
    losses = []

    def closure():
        value = (1 - x[:, 0]).square() + 100 * (x[:, 1] - x[:, 0].square()).square()
        x.grad = torch.autograd.grad(value.sum(), x)[0]
        return value

    for _ in range(30):
        with torch.no_grad():
            losses.append((1 - x[:, 0]).square() + 100 * (x[:, 1] - x[:, 0].square()).square())
        search.step(closure)
    way = torch.stack(losses)
    assert (way[1:] <= way[:-1] * (1 + 1e-9)).all()
    assert torch.allclose(x.detach(), torch.ones(2, 2, dtype=torch.float64), atol=1e-5)
