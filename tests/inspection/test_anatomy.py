"""The anatomy of a layer: its derivatives are autograd's, and nothing of the network changes."""

import copy
import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import phosphene
from phosphene.inspection.architecture.anatomy import anatomy
from phosphene.network import Network
from phosphene.picture import Text, read

CAT = Path(phosphene.__file__).parent / "photos" / "cat.jpg"


class Small(nn.Module):
    """In-place functions, a skip around a convolution, a layer called twice, and weights that ask for no gradient."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv1 = nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.head = nn.Linear(4, 5)
        self.bn.running_mean.uniform_(-1, 1)
        self.bn.running_var.uniform_(0.5, 2)
        self.conv2.requires_grad_(False)
        self.double()

    def forward(self, x):
        x = self.pool(self.relu(self.bn(self.conv1(x))))
        y = self.conv2(x)
        y += x
        return self.head(self.relu(y).mean((2, 3)))


def by_hand(module: Small, image: torch.Tensor, index: int) -> dict[str, torch.Tensor]:
    """The same network written out without anything in place, every value kept with its gradient."""
    m = copy.deepcopy(module).eval().requires_grad_(True)
    v = {"image": image.clone().requires_grad_()}
    v["conv1"] = m.conv1(v["image"])
    v["bn"] = m.bn(v["conv1"])
    v["relu"] = F.relu(v["bn"])
    v["pool"] = m.pool(v["relu"])
    v["branch"] = v["pool"] * 1  # what conv2 is given, apart from what the skip takes
    v["conv2"] = m.conv2(v["branch"])
    v["sum"] = v["conv2"] + v["pool"]
    v["relu_1"] = F.relu(v["sum"])
    v["mean"] = v["relu_1"].mean((2, 3))
    v["head"] = m.head(v["mean"])
    names = [name for name in v if name != "image"]
    grads = torch.autograd.grad(v["head"][0, index], [v["image"], *(v[n] for n in names), *m.parameters()])
    weights = [f"w:{name}" for name, _ in m.named_parameters()]
    return {f"d:{n}": g for n, g in zip(["image", *names, *weights], grads, strict=True)} | v


IN_AND_OUT = {
    "conv1": ("image", "conv1"), "bn": ("conv1", "bn"), "relu": ("bn", "relu"), "pool": ("relu", "pool"),
    "conv2": ("branch", "conv2"), "relu_1": ("sum", "relu_1"), "head": ("mean", "head"),
}  # fmt: skip


@pytest.fixture(scope="module")
def small() -> tuple[Network, torch.Tensor]:
    return Network(Small()), torch.randn(1, 3, 12, 12, dtype=torch.double, generator=torch.manual_seed(1))


@pytest.mark.parametrize("layer", IN_AND_OUT)
def test_values_and_derivatives_equal_autograds_on_the_network_written_out(small, layer):
    network, image = small
    found = anatomy(network, image, layer, target="logits:3")
    plain = by_hand(network.module, image, 3)
    before, after = IN_AND_OUT[layer]
    torch.testing.assert_close(found.x, plain[before].detach())
    torch.testing.assert_close(found.y, plain[after].detach())
    torch.testing.assert_close(found.dy, plain[f"d:{after}"])
    torch.testing.assert_close(found.dx, plain[f"d:{before}"])
    assert found.z == pytest.approx(float(plain["head"][0, 3].detach()))
    assert set(found.dw) == set(found.weights) == {n for n, _ in network.module.get_submodule(
        layer.removesuffix("_1")).named_parameters()}  # fmt: skip
    for name, grad in found.dw.items():
        torch.testing.assert_close(grad, plain[f"d:w:{layer}.{name}"])


def test_a_convolution_reversed_is_the_transposed_convolution(small):
    network, image = small
    found = anatomy(network, image, "conv1")
    w = found.weights["weight"]
    torch.testing.assert_close(found.dx, F.conv_transpose2d(found.dy, w, stride=2, padding=1, output_padding=1))
    patches = F.unfold(found.x, 3, padding=1, stride=2)[0]  # (3 * 9, places)
    torch.testing.assert_close(found.dw["weight"], (found.dy[0].flatten(1) @ patches.T).view_as(w))


def test_the_default_target_is_the_strongest_class(small):
    network, image = small
    scores = network.record(image, "logits")["logits"][0]
    found = anatomy(network, image, "conv1")
    assert found.z == float(scores.max())
    assert found.target == f"logits:{int(scores.argmax())} (class {int(scores.argmax())})"


def test_a_target_may_be_a_whole_channel_of_a_later_layer(small):
    network, image = small
    found = anatomy(network, image, "conv1", target="bn:2")
    scale = network.module.bn.weight[2] / (network.module.bn.running_var[2] + network.module.bn.eps).sqrt()
    expected = torch.zeros_like(found.dy)
    expected[0, 2] = scale.detach()
    torch.testing.assert_close(found.dy, expected)
    assert found.target == "the sum of bn:2"


def test_the_network_is_bit_for_bit_as_it_was(small):
    network, image = small
    module = network.module.train()
    module.head.weight.grad = torch.ones_like(module.head.weight)
    flags = [p.requires_grad for p in module.parameters()]
    before, given = copy.deepcopy(module.state_dict()), image.clone()
    for layer in IN_AND_OUT:
        anatomy(network, image, layer)
    with pytest.raises(ValueError):
        anatomy(network, image, "head", target="bn:0")
    assert all(torch.equal(value, module.state_dict()[name]) for name, value in before.items())
    assert [p.requires_grad for p in module.parameters()] == flags
    assert torch.equal(module.head.weight.grad, torch.ones_like(module.head.weight))
    assert all(p.grad is None for name, p in module.named_parameters() if name != "head.weight")
    assert all(part.training and not part._forward_hooks and not part._forward_pre_hooks for part in module.modules())
    assert torch.equal(image, given)
    assert not image.requires_grad


def test_it_works_inside_no_grad_and_inference_mode(small):
    network, image = small
    outside = anatomy(network, image, "conv2").dx
    with torch.no_grad():
        assert torch.equal(anatomy(network, image, "conv2").dx, outside)
    with torch.inference_mode():
        assert torch.equal(anatomy(network, image, "conv2").dx, outside)


def test_attention_with_one_tensor_three_times_gets_the_whole_derivative():
    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(3, 1, batch_first=True)

        def forward(self, x):
            tokens = x.flatten(2).mT
            return self.attention(tokens, tokens, tokens)[0].mean(1)

    network = Network(Attending().double())
    image = torch.randn(1, 3, 4, 4, dtype=torch.double)
    found = anatomy(network, image, "attention", target="logits:1")
    leaf = image.clone().requires_grad_()
    (expected,) = torch.autograd.grad(network.module(leaf)[0, 1], leaf)
    torch.testing.assert_close(found.dx.mT.view_as(expected), expected)


@pytest.mark.parametrize(
    ("layer", "target", "sentence"),
    [
        ("conv3", None, "layer 'conv3' is not in Small; near it: conv"),
        ("mean", None, "'mean' of Small is a function, and anatomy opens modules, which hold weights"),
        ("head", "bn:0", "z = the sum of bn:0 does not depend on head"),
    ],
)
def test_what_has_no_anatomy_is_refused_in_a_sentence(small, layer, target, sentence):
    network, image = small
    with pytest.raises((LookupError, ValueError)) as error:
        anatomy(network, image, layer, target=target)
    assert sentence in str(error.value)


def test_several_images_are_refused(small):
    network, image = small
    with pytest.raises(ValueError, match="on one image, not 2; give one photo or images"):
        anatomy(network, torch.cat([image, image]), "conv1")


@pytest.mark.parametrize("layer", ["conv1", "bn", "relu", "pool", "conv2", "relu_1", "head"])
def test_every_kind_of_layer_has_a_picture_with_its_ranges(small, layer):
    network, image = small
    found = anatomy(network, image, layer)
    picture = found.picture(channels=[0]) if layer != "head" else found.picture()
    texts = [mark.string for mark in picture.drawing.marks if isinstance(mark, Text)]
    assert {"x", "y", "w", "dz/dx", "dz/dy", "dz/dw"} <= set(texts)
    assert len(picture.ranges) == (6 if found.weights else 4)
    assert picture.image("dark").width == 1200
    assert json.loads(json.dumps(found.to_dict()))["dz/dx"]["shape"] == list(found.x.shape)


def test_the_picture_shows_the_channels_asked_for(small):
    network, image = small
    found = anatomy(network, image, "conv2")
    assert "2 of 4 channels of y are shown, as asked for" in found.picture(channels=[3, 1]).caption
    assert "3 of 4 channels of y are shown, those that z depends on most" in found.picture(channels=3).caption
    with pytest.raises(LookupError, match="the layer has channels 0 to 3, no 4"):
        found.picture(channels=[4])


def test_a_photo_through_the_embedded_network_names_its_class():
    network = phosphene.load()
    found = anatomy(network, read(CAT), "blocks.1.0.conv_dw")
    assert "Egyptian cat" in found.target
    assert found.picture().caption.startswith("The anatomy of blocks.1.0.conv_dw (Conv2dSame) of efficientnet_lite0")


def strings(picture) -> list[Text]:
    return [mark for mark in picture.drawing.marks if isinstance(mark, Text)]


class Windows(nn.Module):
    """Attention in windows, which stand along the first axis, with a parameter of a long name."""

    class Part(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relative_position_bias_table_of_windows = nn.Parameter(torch.randn(16, 4))

        def forward(self, x):
            return x * self.relative_position_bias_table_of_windows

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 1)
        self.part = self.Part()
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = self.conv(x)
        windows = x.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 4, 5, 1).reshape(-1, 16, 4)
        return self.head(self.part(windows).reshape(len(x), -1, 4).mean(1))


def test_windows_are_called_so_and_long_names_stay_in_their_box():
    from phosphene.inspection.architecture.anatomy_picture import CENTRE
    from phosphene.picture import text_width

    network = Network(Windows(), phosphene.Preprocessing.plain(16))
    picture = anatomy(network, torch.rand(1, 3, 16, 16), "part").picture()
    assert "6 of 16 windows of y are shown" in picture.caption
    parts = [mark for mark in strings(picture) if "relative" in mark.string or "windows" in mark.string]
    headings = [mark for mark in parts if mark.size == 15]
    assert len(headings) >= 3
    for mark in headings:
        assert text_width(mark.string, mark.size, "bold") <= CENTRE, mark.string


def test_the_photo_is_named_below_the_title(small):
    photo = read(CAT)
    picture = anatomy(phosphene.load(), photo, "conv_stem").picture()
    assert any("efficientnet_lite0 on cat.jpg; z = " in mark.string for mark in strings(picture))


def test_a_function_named_like_a_module_points_to_what_the_module_computes():
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu, self.conv = nn.ReLU(), nn.Conv2d(3, 2, 3)

        def forward(self, x):
            x = F.relu(x)
            return self.relu(self.conv(x)).mean((2, 3))

    network = Network(Both(), phosphene.Preprocessing.plain(8))
    (own,) = [layer.name for layer in network.layers() if layer.module and layer.kind == "ReLU"]
    (function,) = [layer.name for layer in network.layers() if not layer.module and layer.kind == "relu"]
    assert own != function
    with pytest.raises(LookupError, match=f"the module of that name computes {own}$"):
        anatomy(network, torch.rand(1, 3, 8, 8), function)
