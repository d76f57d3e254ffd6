"""Means and variances over noisy copies: the formulas written out, captum with the same noise, and seeds."""

import pytest
import timm
import torch
from torch import nn

import phosphene as ph
from phosphene.attribution.gradients.smoothing import noisy


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 5, 2), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Linear(8, 4)).double().eval()  # fmt: skip


@pytest.fixture(scope="module")
def network(module):
    return ph.Network(module)


@pytest.fixture(scope="module")
def x():
    return torch.randn(2, 3, 24, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def copies(image, samples, noise, seed):
    """Noisy copies (samples, 3, H, W) of one image, drawn one by one."""
    generator = torch.Generator().manual_seed(seed)
    sigma = noise * (image.max() - image.min())
    return torch.stack([image + sigma * torch.randn(image.shape, generator=generator).double() for _ in range(samples)])


def test_equal_to_the_formulas_written_out(network, module, x, unchanged):
    with unchanged(module):
        mean = ph.smooth_grad(network, x, "logits:2", samples=7, noise=0.1, seed=3, batch=4)
        square = ph.smooth_grad(network, x, "logits:2", samples=7, noise=0.1, seed=3, squared=True)
        variance = ph.var_grad(network, x, "logits:2", samples=7, noise=0.1, seed=3, batch=2)
        product = ph.smooth_grad(network, x, "logits:2", samples=7, noise=0.1, seed=3, of="input_x_gradient")
    for index in range(2):
        points = copies(x[index], 7, 0.1, 3)
        found = [ph.gradient(network, point[None], "logits:2").values[0] for point in points]
        found = torch.stack(found)
        exact = {"rtol": 1e-11, "atol": 1e-15}
        torch.testing.assert_close(mean.values[index], found.mean(0), **exact)
        torch.testing.assert_close(square.values[index], found.square().mean(0), **exact)
        torch.testing.assert_close(variance.values[index], found.var(0, correction=0), **exact)
        torch.testing.assert_close(product.values[index], (points * found).mean(0), **exact)
    assert product.signed
    assert [each.signed for each in (mean, square, variance)] == [False] * 3
    assert variance.values.min() >= 0
    torch.testing.assert_close(square.values - mean.values**2, variance.values, rtol=1e-8, atol=1e-15)


@pytest.mark.parametrize("of", ["guided", "deconvnet"])
def test_the_smoothed_signal_is_the_one_that_is_asked(network, x, of):
    found = ph.smooth_grad(network, x[:1], "logits:1", samples=3, of=of)
    points = copies(x[0], 3, 0.15, 0)
    expected = torch.stack([getattr(ph, of)(network, point[None], "logits:1").values[0] for point in points]).mean(0)
    torch.testing.assert_close(found.values[0], expected, rtol=1e-11, atol=1e-15)
    assert found.method.startswith("SmoothGrad of ")


@pytest.mark.parametrize(("kind", "ours"), [("smoothgrad", "smooth"), ("smoothgrad_sq", "square"), ("vargrad", "var")])
def test_equal_to_captum_with_the_same_noise(network, module, x, kind, ours, monkeypatch):
    attr = pytest.importorskip("captum.attr")
    found = {
        "smooth": lambda: ph.smooth_grad(network, x[:1], "logits:2", samples=6, noise=0.2),
        "square": lambda: ph.smooth_grad(network, x[:1], "logits:2", samples=6, noise=0.2, squared=True),
        "var": lambda: ph.var_grad(network, x[:1], "logits:2", samples=6, noise=0.2),
    }[ours]()
    drawn = copies(torch.zeros_like(x[0]) + x[0], 6, 0.2, 0)
    monkeypatch.setattr(torch, "normal", lambda mean, std, **_: drawn - x[0])
    tunnel = attr.NoiseTunnel(attr.Saliency(module))
    expected = tunnel.attribute(x[:1], nt_type=kind, nt_samples=6, stdevs=found.sigmas[0], target=2, abs=False)
    torch.testing.assert_close(found.values, expected.detach(), rtol=1e-7, atol=1e-15)


def test_without_noise_it_is_the_gradient(network, x):
    plain = ph.gradient(network, x, "logits:0")
    torch.testing.assert_close(ph.smooth_grad(network, x, "logits:0", samples=3, noise=0).values, plain.values)
    assert ph.var_grad(network, x, "logits:0", samples=3, noise=0).values.abs().max() < 1e-28


def test_noise_has_the_asked_spread_and_no_two_copies_are_alike(x):
    points = torch.cat(list(noisy(x[0], 0.25, 200, 0, 64))) - x[0]
    assert points.std().item() == pytest.approx(0.25, rel=0.01)
    assert abs(points.mean().item()) < 0.003
    assert (points[0] != points[1]).all()


def test_the_mean_of_many_copies_is_that_of_a_smoothed_network(x):
    """Of f(x) = Σ x³ the gradient under noise is 3 (x² + σ²) on average, its variance 9 (4 x² σ² + 2 σ⁴)."""

    class Cube(nn.Module):
        def forward(self, x):
            return (x**3).sum((1, 2, 3))[:, None]

    image = x[:1, :, :8, :8].float()  # a network without weights computes in float32
    options = {"samples": 3000, "noise": 0.1, "batch": 500}
    found = ph.smooth_grad(ph.Network(Cube()), image, "logits:0", **options)
    variance = ph.var_grad(ph.Network(Cube()), image, "logits:0", **options)
    sigma = found.sigmas[0]
    expected, spread = 3 * (image**2 + sigma**2), 9 * (4 * image**2 * sigma**2 + 2 * sigma**4)
    off = (found.values - expected) / (spread / 3000).sqrt()
    assert 0.8 < off.std() < 1.2
    assert off.abs().max() < 5
    torch.testing.assert_close(variance.values, spread, rtol=0.25, atol=0)


@pytest.mark.parametrize("batch", [1, 2, 5, None])
def test_the_same_seed_gives_the_same_whatever_the_batch(network, x, batch):
    one = ph.smooth_grad(network, x, "logits:0", samples=5, seed=4, batch=batch)
    assert torch.equal(one.values, ph.smooth_grad(network, x, "logits:0", samples=5, seed=4, batch=batch).values)
    other = ph.smooth_grad(network, x, "logits:0", samples=5, seed=4, batch=3)
    torch.testing.assert_close(one.values, other.values, rtol=1e-11, atol=1e-15)
    assert not torch.equal(one.values, ph.smooth_grad(network, x, "logits:0", samples=5, seed=5, batch=batch).values)


def test_the_callers_generator_is_left_alone(network, x):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    ph.smooth_grad(network, x, "logits:0", samples=2)
    assert torch.equal(torch.rand(3), expected)


def test_several_targets_and_several_images_are_what_they_are_alone(network, x):
    classes = ph.var_grad(network, x[:1], ["logits:1", "logits:3"], samples=4)
    images = ph.var_grad(network, x, ["logits:3", "logits:2"], samples=4)
    torch.testing.assert_close(classes.values[1], images.values[0], rtol=1e-9, atol=1e-18)
    alone = ph.var_grad(network, x[1:], "logits:2", samples=4)
    torch.testing.assert_close(images.values[1], alone.values[0], rtol=1e-9, atol=1e-18)
    assert images.sigmas[1] == pytest.approx(0.15 * float(x[1].max() - x[1].min()))


def test_a_channel_stays_at_its_place_in_every_copy(network, module, x):
    value = module[:3](x[:1])[0, 5]
    row, column = divmod(int(value.argmax()), value.shape[1])
    found = ph.smooth_grad(network, x[:1], "2:5", samples=6, noise=0.5)
    assert found.targets == (f"2:5@{row},{column}",)
    box = network.receptive_field("2", (row, column), 24)
    outside = found.maps[0].clone()
    outside[int(box.top) : int(box.bottom), int(box.left) : int(box.right)] = 0
    assert outside.abs().max() == 0
    assert found.maps.max() > 0


def test_a_caller_in_inference_mode_gets_the_same(network, x):
    expected = ph.smooth_grad(network, x, "probabilities:1", samples=3).values
    with torch.inference_mode():
        assert torch.equal(ph.smooth_grad(network, x + 0, "probabilities:1", samples=3).values, expected)


def test_without_a_rectifier_guided_backprop_is_not_smoothed():
    network = ph.Network(timm.create_model("vit_tiny_patch16_224", img_size=32, depth=1))
    with pytest.raises(LookupError, match="guided backprop found no ReLU"):
        ph.smooth_grad(network, torch.rand(1, 3, 32, 32), "logits:0", of="guided")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"samples": 0}, "samples is a whole number, at least 1, not 0"),
        ({"noise": -0.1}, "noise is a share of the image's range, 0 or more, not -0.1"),
        ({"noise": float("nan")}, "noise is a share of the image's range"),
        ({"of": "lrp"}, "of is one of gradient, guided, deconvnet, input_x_gradient, not 'lrp'"),
        ({"batch": 1.5}, "a batch is a whole number of images"),
    ],
)
def test_a_wrong_option_is_one_sentence(network, x, options, said):
    with pytest.raises(ValueError, match=said):
        ph.smooth_grad(network, x, "logits:0", **options)


def test_a_variance_takes_two(network, x):
    with pytest.raises(ValueError, match="samples is a whole number, at least 2, not 1"):
        ph.var_grad(network, x, "logits:0", samples=1)


def test_the_caption_says_how_much_noise(network, x):
    found = ph.smooth_grad(network, x[:1], "logits:0", samples=3, noise=0.2, seed=9)
    assert (
        f"3 samples, noise of 0.2 of the image's range (σ = {found.sigmas[0]:.3g}), seed 9" in found.picture().caption
    )
    assert found.to_dict()["signals"][0]["sigma"] == found.sigmas[0]
