"""Priors against slow rewrites, and their gradients against finite differences."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from phosphene.synthesis.engine.objectives import IMAGES
from phosphene.synthesis.engine.priors import (
    Blur,
    ClipContribution,
    ClipNorm,
    Decay,
    alpha_norm,
    blurred,
    squared_norm,
    total_variation,
)


@pytest.fixture
def images():
    return torch.rand(2, 3, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def slow_variation(image, beta):
    _, height, width = image.shape
    total = 0.0
    for channel in image:
        for y in range(height):
            for x in range(width):
                right = float(channel[y, x + 1] - channel[y, x]) if x + 1 < width else 0.0
                down = float(channel[y + 1, x] - channel[y, x]) if y + 1 < height else 0.0
                total += (right**2 + down**2) ** (beta / 2)
    return total / image.numel()


@pytest.mark.parametrize("beta", [1.0, 2.0, 3.0])
def test_total_variation_is_its_sum(images, beta):
    found = total_variation(beta).score({IMAGES: images})
    assert found.tolist() == pytest.approx([slow_variation(image, beta) for image in images], rel=1e-4)


def test_norms_are_their_sums(images):
    assert squared_norm(0.2).score({IMAGES: images}).tolist() == pytest.approx(
        [np.mean((image.numpy() - 0.2) ** 2) for image in images]
    )
    assert alpha_norm(6).score({IMAGES: images}).tolist() == pytest.approx(
        [np.mean(np.abs(image.numpy() - 0.5) ** 6) for image in images]
    )


@pytest.mark.parametrize("prior", [squared_norm(), alpha_norm(6), total_variation(), total_variation(1.5)])
def test_gradients_are_those_of_finite_differences(images, prior):
    torch.autograd.gradcheck(lambda x: prior.score({IMAGES: x}), images.clone().requires_grad_())


def test_a_flat_image_has_a_finite_gradient():
    flat = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    total = total_variation(1.5).score({IMAGES: flat}) + alpha_norm(3).score({IMAGES: flat})
    assert torch.isfinite(torch.autograd.grad(total.sum(), flat)[0]).all()


def test_decay_pulls_towards_the_mean(images):
    torch.testing.assert_close(Decay(0.3)(images, images, 1) - 0.5, 0.7 * (images - 0.5))


def test_blur_is_scipys_and_comes_every_few_steps():
    images = torch.rand(1, 3, 20, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = blurred(images, 1.5)
    expected = gaussian_filter(images.numpy(), (0, 0, 1.5, 1.5), mode="mirror", radius=(0, 0, 5, 5))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-10)
    steps = [Blur(1.5, every=4)(images, images, number) for number in range(1, 9)]
    assert [not torch.equal(step, images) for step in steps] == [False, False, False, True] * 2


def test_small_norms_are_clipped_below_the_percentile(images):
    found = ClipNorm(40)(images, images, 1)
    for image, own in zip(images, found, strict=True):
        norms = (image - 0.5).norm(dim=0)
        low = np.percentile(norms.numpy(), 40)
        torch.testing.assert_close(own, torch.where(norms < low, 0.5, image))
        assert 0.3 < (own == 0.5).all(0).double().mean() < 0.5


def test_small_contributions_are_clipped(images):
    gradient = torch.randn(images.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = ClipContribution(90)(images, gradient, 1)
    for image, own, slope in zip(images, found, gradient, strict=True):
        worth = ((image - 0.5) * slope).sum(0).abs()
        kept = worth >= np.percentile(worth.numpy(), 90)
        assert 0 < kept.sum() <= 4
        torch.testing.assert_close(own, torch.where(kept, image, 0.5))
