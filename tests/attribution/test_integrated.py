"""Signals along a path: their sum is a difference, they equal the formula written out, and captum's."""

import subprocess
import sys

import numpy as np
import pytest
import timm
import torch
import torchvision.models as tv
from torch import nn
from torchvision.models.resnet import BasicBlock

import phosphene as ph
from phosphene.attribution.gradients.paths import rule_points
from phosphene.attribution.maps.fixed_units import at_once
from phosphene.transformations import blurred


class Smooth(nn.Module):
    """A network without kinks, on which every rule comes close."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 5, 2), nn.Conv2d(6, 8, 3)
        self.last = nn.Linear(8, 4)

    def forward(self, x):
        x = torch.tanh(self.first(x))
        return self.last(nn.functional.softplus(self.second(x)).mean((2, 3)))


def relus(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 6, 5, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.ReLU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)).double()  # fmt: skip


def smooth(seed=0):
    torch.manual_seed(seed)
    return Smooth().double()


@pytest.fixture(scope="module")
def x():
    return torch.randn(2, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def by_hand(module, image, start, pick, points):
    """The paper's sum, point by point."""
    total = torch.zeros_like(image)
    for alpha, weight in points:
        at = (start + alpha * (image - start)).requires_grad_()
        total += weight * torch.autograd.grad(pick(module(at)), at)[0]
    return total * (image - start)


@pytest.mark.parametrize("rule", ["gauss", "trapezoid", "middle", "riemann"])
def test_a_rule_integrates_what_it_can_exactly(rule):
    alphas, weights = np.array(rule_points(rule, 7)).T
    assert weights.sum() == pytest.approx(1, abs=1e-14)
    exact = {"gauss": 13, "trapezoid": 1, "middle": 1, "riemann": 0}[rule]  # the highest power
    for power in range(exact + 1):
        assert (weights * alphas**power).sum() == pytest.approx(1 / (power + 1), abs=1e-13)
    assert abs((weights * alphas ** (exact + 1)).sum() - 1 / (exact + 2)) > 1e-10
    assert (alphas.min() == 0) == (rule == "trapezoid")
    assert (alphas.max() == 1) == (rule in ("trapezoid", "riemann"))


@pytest.mark.parametrize("rule", ["gauss", "trapezoid", "middle", "riemann"])
def test_equal_to_the_paper_written_out(x, rule, unchanged):
    module = relus(0)
    with unchanged(module):
        found = ph.integrated_gradients(ph.Network(module), x, "logits:2", steps=13, rule=rule, batch=4)
    for index in range(2):
        image = x[index : index + 1]
        expected = by_hand(module, image, torch.zeros_like(image), lambda y: y[0, 2], rule_points(rule, 13))
        torch.testing.assert_close(found.values[index : index + 1], expected, rtol=0, atol=1e-14)
    assert found.signed
    assert found.steps == (13, 13)


CAPTUMS = {
    "gauss": "gausslegendre",
    "trapezoid": "riemann_trapezoid",
    "middle": "riemann_middle",
    "riemann": "riemann_right",
}
COMPARED = {
    "resnet": lambda: tv.ResNet(BasicBlock, [1, 1, 1, 1]),
    "googlenet": lambda: tv.googlenet(init_weights=False, aux_logits=False),
    "vit": lambda: timm.create_model("vit_tiny_patch16_224", img_size=64, depth=1),
}


# the rules place points and weigh them, whatever the network is: all of them on one, and one of them on all
@pytest.mark.parametrize(
    ("name", "rule"), [*(("vit", rule) for rule in CAPTUMS), ("resnet", "gauss"), ("googlenet", "gauss")]
)
def test_equal_to_captum(name, rule):
    make, captums = COMPARED[name], CAPTUMS[rule]
    attr = pytest.importorskip("captum.attr")
    torch.manual_seed(0)
    module = make().double().eval()
    image, start = torch.randn(2, 1, 3, 64, 64, dtype=torch.float64)
    found = ph.integrated_gradients(ph.Network(module), image, "logits:7", baseline=start, steps=5, rule=rule)
    expected = attr.IntegratedGradients(module).attribute(image, start, 7, n_steps=5, method=captums)
    if rule == "trapezoid":
        expected = expected * 5 / 4  # its weights are those of 5 intervals where there are 4, and sum to 4 / 5
    off = (found.values - expected.detach()).abs().max() / found.values.abs().max()
    assert off < 1e-7  # it keeps weights and two of the rules' points in float32


def test_input_x_gradient_equals_captum(x):
    attr = pytest.importorskip("captum.attr")
    module = relus(0)
    found = ph.input_x_gradient(ph.Network(module), x, ["logits:2", "logits:0"])
    expected = attr.InputXGradient(module).attribute(x.clone().requires_grad_(), torch.tensor([2, 0]))
    torch.testing.assert_close(found.values, expected.detach(), rtol=0, atol=1e-15)
    assert found.signed


# ---- laws


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("baseline", ["zero", "black", "white", "mean", "blur", "noise"])
def test_the_sum_is_the_difference_of_scores(x, seed, baseline):
    for module, most in ((smooth(seed), 1e-9), (relus(seed), 0.02)):
        module.eval()
        found = ph.integrated_gradients(ph.Network(module), x, "logits:1", baseline=baseline, steps=200)
        difference = found.scores - found.baseline_scores
        assert (found.gap.abs() <= most * (difference.abs() + 0.02)).all()
        torch.testing.assert_close(found.values.sum((1, 2, 3)) - difference, found.gap)
        torch.testing.assert_close(found.scores, module(x)[:, 1].detach())


def test_the_baselines_are_what_they_are_called(x):
    module = relus(0)
    preprocessing = ph.Preprocessing((32, 32), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.5))
    network = ph.Network(module, preprocessing)
    mean = x.mean((2, 3), keepdim=True)
    noise = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)).double()
    expected = {
        "zero": torch.zeros_like(x),
        "black": torch.tensor([-2.5, -4 / 3, -0.6]).double().view(1, 3, 1, 1).expand_as(x),
        "white": torch.tensor([2.5, 2, 1.4]).double().view(1, 3, 1, 1).expand_as(x),
        "mean": mean.expand_as(x),
        "blur": blurred(x, 2.0),
        "noise": mean + x.std((2, 3), keepdim=True) * noise,
    }
    for name, image in expected.items():
        found = ph.integrated_gradients(network, x, "logits:1", baseline=name, steps=3)
        torch.testing.assert_close(found.baseline_scores, module(image)[:, 1].detach(), rtol=1e-6, atol=1e-7)


def test_several_baselines_give_the_mean_of_their_signals(x):
    network = ph.Network(relus(0))
    black, white, both = (
        ph.integrated_gradients(network, x, "logits:1", baseline=name, steps=9)
        for name in ("black", "white", "black + white")
    )
    torch.testing.assert_close(both.values, (black.values + white.values) / 2)
    torch.testing.assert_close(both.baseline_scores, (black.baseline_scores + white.baseline_scores) / 2)
    listed = ph.integrated_gradients(network, x, "logits:1", baseline=["black", torch.ones(3, 32, 32)], steps=9)
    torch.testing.assert_close(listed.values, both.values)


def test_signals_of_a_sum_of_scores_are_the_sum_of_their_signals(x):
    module = relus(3)
    network = ph.Network(module)
    one, two = (ph.integrated_gradients(network, x, f"logits:{k}", steps=20).values for k in (0, 3))
    both = ph.Network(nn.Sequential(module, Mixed()))
    torch.testing.assert_close(ph.integrated_gradients(both, x, "logits:0", steps=20).values, 2 * one - 3 * two)


class Mixed(nn.Module):
    def forward(self, y):
        return (2 * y[:, 0] - 3 * y[:, 3])[:, None]


def test_what_does_not_matter_gets_nothing_and_the_one_pixel_that_does_gets_all(x):
    class OnePixel(nn.Module):
        def forward(self, x):
            return torch.relu(x[:, 1, 5, 7] - 0.2)[:, None] ** 2

    image = torch.full((1, 3, 16, 16), 0.9, dtype=torch.float64)
    found = ph.integrated_gradients(ph.Network(OnePixel()), image, "logits:0", steps="auto")
    assert found.values[0, 1, 5, 7].item() == pytest.approx(0.49, rel=0.02)
    assert (found.values != 0).sum() == 1
    assert found.baseline_scores.item() == 0


def test_a_network_without_biases_shares_out_its_score_by_input_x_gradient(x):
    module = nn.Sequential(nn.Conv2d(3, 6, 5, 2, bias=False), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                           nn.Linear(294, 4, bias=False)).double()  # fmt: skip
    network = ph.Network(module)
    product = ph.input_x_gradient(network, x, "logits:1")
    torch.testing.assert_close(product.values.sum((1, 2, 3)), product.scores)
    path = ph.integrated_gradients(network, x, "logits:1", steps=1)  # the gradient is the same all along the path
    torch.testing.assert_close(path.values, product.values)


# ---- which unit


def test_a_channel_is_followed_at_the_place_where_it_is_largest_in_the_clean_image():
    """The channel's largest activation lies elsewhere at the baseline: a moving place would break the sum."""
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 4, 3)).double()
    network = ph.Network(module)
    for seed in range(5):
        image, start = torch.randn(2, 1, 3, 16, 16, dtype=torch.float64,
                                   generator=torch.Generator().manual_seed(seed))  # fmt: skip
        value, below = module(image)[0, 2], module(start)[0, 2]
        row, column = divmod(int(value.argmax()), value.shape[1])
        assert value.argmax() != below.argmax()
        found = ph.integrated_gradients(network, image, "2:2", baseline=start, steps=60)
        assert found.targets == (f"2:2@{row},{column}",)
        assert found.scores.item() == pytest.approx(value.max().item())
        assert found.baseline_scores.item() == pytest.approx(below[row, column].item())
        assert abs(found.gap.item()) < 1e-10
        there = ph.integrated_gradients(network, image, f"2:2@{row},{column}", baseline=start, steps=60)
        assert torch.equal(there.values, found.values)


@pytest.mark.parametrize("steps", [10, "auto"])
def test_several_targets_and_several_images_are_what_they_are_alone(x, steps):
    network = ph.Network(relus(2))
    options = {"steps": steps, "baseline": "black", "batch": 6}
    classes = ph.integrated_gradients(network, x[:1], ["logits:1", "logits:3", "logits:0"], **options)
    images = ph.integrated_gradients(network, x, ["logits:3", "logits:2"], **options)
    torch.testing.assert_close(classes.values[1], images.values[0], rtol=0, atol=1e-13)
    alone = ph.integrated_gradients(network, x[1:], "logits:2", **options)
    torch.testing.assert_close(images.values[1], alone.values[0], rtol=0, atol=1e-13)
    assert images.gap[1] == pytest.approx(alone.gap[0])


def test_probabilities_and_the_best_class(x):
    module = relus(2)
    network = ph.Network(module)
    found = ph.integrated_gradients(network, x, "probabilities:1", steps=300)
    torch.testing.assert_close(found.scores, module(x).softmax(1)[:, 1].detach())
    assert found.gap.abs().max() < 1e-3
    best = module(x).argmax(1).tolist()
    assert ph.integrated_gradients(network, x, steps=2).targets == tuple(f"logits:{index}" for index in best)
    product = ph.input_x_gradient(network, x, "probabilities:1")
    y = x.clone().requires_grad_()
    torch.testing.assert_close(product.values, x * torch.autograd.grad(module(y).softmax(1)[:, 1].sum(), y)[0])


# ---- points where the value changes


class Step(nn.Module):
    """A value that changes on a thousandth of the path."""

    def forward(self, x):
        return torch.sigmoid((x.mean((1, 2, 3)) - 0.3217) * 5000)[:, None]


def test_points_go_where_the_value_changes():
    network, image = ph.Network(Step()), torch.ones(1, 3, 8, 8, dtype=torch.float64)
    auto = ph.integrated_gradients(network, image, "logits:0")
    fixed = ph.integrated_gradients(network, image, "logits:0", steps=auto.steps[0])
    assert abs(auto.gap.item()) < 0.02
    assert abs(fixed.gap.item()) > 0.5
    assert auto.steps[0] < 100


@pytest.mark.parametrize("seed", range(4))
def test_each_part_of_an_adaptive_path_is_right_and_so_is_the_sum(seed):
    network = ph.Network(relus(seed))
    image = 3 * torch.randn(1, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    found = ph.integrated_gradients(network, image, [f"logits:{index}" for index in range(4)])
    dense = ph.integrated_gradients(
        network, image, [f"logits:{index}" for index in range(4)], steps=2000, rule="middle"
    )
    assert (found.gap.abs() <= 0.05 * (found.scores - found.baseline_scores).abs() + 0.02).all()
    for own, exact in zip(found.maps, dense.maps, strict=True):
        assert (own - exact).norm() < 0.1 * exact.norm()


# ---- memory, callers, words


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_the_batch_changes_nothing(x, batch):
    network = ph.Network(relus(1))
    found = ph.integrated_gradients(network, x, "logits:0", steps=11, batch=batch)
    expected = ph.integrated_gradients(network, x, "logits:0", steps=11)
    torch.testing.assert_close(found.values, expected.values, rtol=0, atol=1e-14)
    again = ph.integrated_gradients(network, x, "logits:0", steps=11, batch=batch)
    assert torch.equal(found.values, again.values)


def test_the_batch_shrinks_as_the_image_grows():
    network = ph.Network(tv.resnet18())
    sizes = [at_once(network, torch.empty(1, 3, side, side), None, back=True) for side in (64, 224, 1024)]
    assert sizes[0] > sizes[1] > sizes[2] >= 1
    assert at_once(network, torch.empty(1, 3, 224, 224), None, back=False) > sizes[1]


MEASURED = """
import resource, torch, phosphene as ph
from torch import nn
torch.set_num_threads(1)
network = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 5, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
x = torch.rand(1, 3, 1024, 1024)
for steps in (2, 40):
    ph.integrated_gradients(network, x, "logits:0", steps=steps, batch=2)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_steps():
    """On a 1024-pixel image 40 points that were held at once would take 480 MiB more than 2."""
    run = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True)
    before, after = map(int, run.stdout.split())  # kB
    assert after - before < 100 * 2**10


def test_a_caller_in_inference_mode_gets_the_same(x):
    network = ph.Network(relus(0))
    expected = ph.integrated_gradients(network, x, "logits:0", steps=5).values
    with torch.inference_mode():
        inside = x + 0
        found = ph.integrated_gradients(network, inside, "logits:0", steps=5)
        product = ph.input_x_gradient(network, inside, "logits:0")
        assert torch.equal(found.values, expected)
        assert product.values.shape == x.shape
    with torch.no_grad():
        assert torch.equal(ph.integrated_gradients(network, x, "logits:0", steps=5).values, expected)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"baseline": "grey"}, "a baseline is zero, black, white, mean, blur, noise or a tensor, not 'grey'"),
        ({"baseline": []}, "no baseline was given"),
        ({"baseline": torch.zeros(3, 3, 32, 32)}, "3 baselines don't fit 2 images"),
        ({"baseline": torch.zeros(3, 8, 8)}, r"a fill of shape \(3, 8, 8\) does not cover"),
        ({"baseline": torch.full((3, 32, 32), torch.nan)}, "the baseline holds values that are NaN"),
        ({"steps": 0}, "steps .* is a whole number, at least 1, not 0"),
        ({"steps": 2.5}, "steps .* is a whole number, at least 1, not 2.5"),
        ({"steps": 1, "rule": "trapezoid"}, "the trapezoid rule takes at least 2 steps"),
        ({"rule": "simpson"}, "rule is one of gauss, trapezoid, middle, riemann, not 'simpson'"),
        ({"rule": "simpson", "steps": 5}, "rule is one of gauss"),
        ({"batch": 0}, "a batch is a whole number of images, at least 1, not 0"),
    ],
)
def test_a_wrong_option_is_one_sentence(x, options, said):
    with pytest.raises(ValueError, match=said):
        ph.integrated_gradients(ph.Network(relus(0)), x, "logits:0", **options)
    with pytest.raises(ValueError, match="NaN or infinite"):
        ph.integrated_gradients(ph.Network(relus(0)), x / 0, "logits:0")


def test_colours_of_a_network_that_sees_none_are_not_guessed():
    network = ph.Network(nn.Sequential(nn.Conv2d(5, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    with pytest.raises(ValueError, match="what black is to a network of 5 channels is not known; give a tensor"):
        ph.integrated_gradients(network, torch.rand(1, 5, 8, 8), "logits:0", baseline="black")
    found = ph.integrated_gradients(network, torch.rand(1, 5, 8, 8), "logits:0", steps=1)
    assert abs(found.gap.item()) < 1e-5


def test_the_caption_says_how_complete_it_is(x):
    found = ph.integrated_gradients(ph.Network(relus(0)), x, "logits:0", baseline="black", steps=6)
    share = (found.gap / (found.scores - found.baseline_scores)).abs().max()
    words = (
        f"baseline black, 6 steps (gauss); each signal's sum is the score less the baseline's but for up to {share:.2%}"
    )
    assert words in found.picture().caption
    told = found.to_dict()["signals"][1]
    assert told["gap"] == found.gap[1].item()
    assert told["steps"] == 6
    assert told["sum"] == pytest.approx(told["value"] - told["baseline_value"] + told["gap"])
