"""Reversed networks: the numbers by hand, and a second route below autograd.

The second route knows nothing of the seam: a dispatch mode that stands on the *backward* side, where autograd's own
kernels run, and masks the signal there.
"""

import narrow
import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision.models as tv
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import phosphene as ph
from phosphene.attribution.reversed import cropped, reversing
from phosphene.attribution.reversed.unpooling import unpooled
from phosphene.input_photo import peaks

aten = torch.ops.aten
FORWARD = torch.tensor([[1.0, -1, 5], [2, -5, -7], [-3, 2, 4]])
ABOVE = torch.tensor([[-2.0, 3, -1], [6, -3, 1], [2, -1, 3]])


class Lecture(nn.Module):
    """A ReLU, then a weighted sum whose weights are the signal from above."""

    def __init__(self, how) -> None:
        super().__init__()
        self.how = how

    def forward(self, x):
        return (self.how(x + 0) * ABOVE).sum((1, 2, 3))[:, None]


RELUS = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "functional": F.relu,
    "functional in place": lambda x: F.relu(x, True),
    "torch": torch.relu,
    "method": lambda x: x.relu(),
    "method in place": lambda x: x.relu_(),
    "through a view": lambda x: x.view(1, 9).relu_().view(1, 1, 3, 3),
    "clamp": lambda x: x.clamp(min=0),
    "clamp_min": lambda x: x.clamp_min(0),
    "threshold": lambda x: F.threshold(x, 0, 0),
    "ReLU6": lambda x: F.relu6(x),
    "hardtanh": lambda x: F.hardtanh(x, 0, 9),
    "leaky with slope 0": lambda x: F.leaky_relu(x, 0.0),
}


@pytest.mark.parametrize("how", RELUS)
@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("gradient", [[-2, 0, -1], [6, 0, 0], [0, -1, 3]]),
        ("deconvnet", [[0, 3, 0], [6, 0, 1], [2, 0, 3]]),
        ("guided", [[0, 0, 0], [6, 0, 0], [0, 0, 3]]),
    ],
)
def test_the_lectures_example(how, method, expected):
    network = ph.Network(Lecture(RELUS[how]), ph.Preprocessing.plain(3, channels=1))
    found = getattr(ph, method)(network, FORWARD[None, None], "logits:0")
    assert found.values[0, 0].tolist() == expected


@pytest.mark.parametrize(
    ("relu", "expected"),
    [("forward", [1.0, 0.2, 0.0]), ("backward", [1.0, 1.0, 1.0]), ("both", [1.0, 0.2, 0.0]), ("none", [1.0, 1.0, 1.0])],
)
def test_a_slope_and_a_ceiling_by_hand(relu, expected):
    """x = 2 passes, x = -1 meets the slope 0.2, x = 9 lies above the ceiling of ReLU6; the signal is 1 everywhere."""

    class Net(nn.Module):
        def forward(self, x):
            passed = F.leaky_relu(x[..., :2], 0.2)
            return torch.cat([passed, F.relu6(x[..., 2:])], -1).sum((1, 2, 3))[:, None]

    network = ph.Network(Net(), ph.Preprocessing.plain(3, channels=1))
    signal = ph.reverse(network, torch.tensor([[[[2.0, -1.0, 9.0]]]]), "logits:0", relu=relu).values
    assert signal.flatten().tolist() == pytest.approx(expected)


def test_a_negative_signal_meets_the_slope():
    class Net(nn.Module):
        def forward(self, x):
            return -F.leaky_relu(x, 0.25).sum((1, 2, 3))[:, None]

    network = ph.Network(Net(), ph.Preprocessing.plain(2, channels=1))
    x = torch.tensor([[[[1.0, -1.0]]]])
    assert ph.deconvnet(network, x, "logits:0").values.flatten().tolist() == [-0.25, -0.25]
    assert ph.guided(network, x, "logits:0").values.flatten().tolist() == [-0.25, -0.0625]


# ---- the second route


class BelowAutograd(TorchDispatchMode):
    """Masks the signal where autograd's own kernel for a rectifier runs."""

    def __init__(self, relu) -> None:
        super().__init__()
        self.relu, self.met = relu, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in (aten.threshold_backward.default, aten.hardtanh_backward.default):
            self.met += 1
            signal = args[0]
            if self.relu in ("backward", "both"):
                signal = signal.clamp(min=0)
            return signal if self.relu in ("backward", "none") else func(signal, *args[1:])
        return func(*args, **(kwargs or {}))


NETWORKS = {
    "vgg11": lambda: narrow.vgg11(),
    "resnet18": lambda: tv.resnet18(),
    "densenet121": lambda: tv.densenet121(),
    "googlenet": lambda: tv.googlenet(init_weights=False, aux_logits=False),
    "mobilenet_v2": lambda: tv.mobilenet_v2(),
    "squeezenet1_1": lambda: tv.squeezenet1_1(),
    "tf_efficientnet_lite0": lambda: timm.create_model("tf_efficientnet_lite0"),
}


@pytest.mark.parametrize("relu", ["backward", "both", "none"])
@pytest.mark.parametrize("name", NETWORKS)
def test_exact_against_a_mode_below_autograd(name, relu, unchanged):
    torch.manual_seed(0)
    module = NETWORKS[name]().double()
    x = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    network = ph.Network(module)
    with unchanged(module):
        found = ph.reverse(network, x, "logits:7", relu=relu)
    module.eval()
    y = x.clone().requires_grad_()
    score = module(y)[0, 7]
    with BelowAutograd(relu) as mode:
        (expected,) = torch.autograd.grad(score, y)
    assert mode.met > 5
    assert torch.equal(found.values, expected)
    assert found.scores.item() == score.item()


@pytest.mark.parametrize("name", ["vgg11", "googlenet"])
def test_the_gradient_is_autograds(name):
    torch.manual_seed(0)
    module = NETWORKS[name]().eval()
    x = torch.randn(2, 3, 64, 64, requires_grad=True)
    (expected,) = torch.autograd.grad(module(x)[:, 3].sum(), x)
    assert torch.equal(ph.gradient(ph.Network(module), x.detach(), "logits:3").values, expected)


def test_without_a_rectifier_there_is_no_guided_backprop():
    network = ph.Network(timm.create_model("vit_tiny_patch16_224", img_size=32, depth=2))
    with pytest.raises(LookupError, match="guided backprop found no ReLU in this network; it has 2 GELU"):
        ph.guided(network, torch.rand(1, 3, 32, 32), "logits:0")
    assert ph.gradient(network, torch.rand(1, 3, 32, 32), "logits:0").values.shape == (1, 3, 32, 32)


# ---- unpooling


def test_overlapping_windows_are_added_or_the_last_one_stands():
    """Two windows of 1 x 3 share the largest value at column 2; the third has its own at column 5."""
    signal = torch.tensor([[[[1.0, 10.0, 100.0]]]])
    places = torch.tensor([[[[2, 2, 5]]]])
    assert unpooled(signal, places, (1, 7), "sum").flatten().tolist() == [0, 0, 11, 0, 0, 100, 0]
    assert unpooled(signal, places, (1, 7), "overwrite").flatten().tolist() == [0, 0, 10, 0, 0, 100, 0]


class Pools(nn.Module):
    def __init__(self, **options) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(**options)

    def forward(self, x):
        return (self.pool(x) * WEIGHTS[: self.pool(x).shape[-2], : self.pool(x).shape[-1]]).sum((1, 2, 3))[:, None]


WEIGHTS = torch.arange(1.0, 37).view(6, 6)


@pytest.mark.parametrize("options", [{"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1},
                                     {"kernel_size": 3, "stride": 3, "ceil_mode": True}])  # fmt: skip
@pytest.mark.parametrize("reading", ["sum", "overwrite"])
def test_unpooling_by_loops(options, reading):
    torch.manual_seed(0)
    x = torch.rand(1, 1, 8, 7)
    network = ph.Network(Pools(**options), ph.Preprocessing.plain(8, channels=1))
    y, places = F.max_pool2d(x, **options, return_indices=True)
    kernel, stride, pad = options["kernel_size"], options.get("stride", 2), options.get("padding", 0)
    for pooling in ("places", "centre"):
        expected = torch.zeros(8, 7)
        for r in range(y.shape[2]):
            for c in range(y.shape[3]):
                if pooling == "places":
                    row, column = divmod(int(places[0, 0, r, c]), 7)
                else:
                    row = min(max(r * stride - pad + (kernel - 1) // 2, 0), 7)
                    column = min(max(c * stride - pad + (kernel - 1) // 2, 0), 6)
                g = float(WEIGHTS[r, c])
                expected[row, column] = g if reading == "overwrite" else expected[row, column] + g
        if (pooling, reading) == ("places", "sum"):
            found = ph.gradient(network, x, "logits:0")
        else:
            found = ph.reverse(network, x, "logits:0", relu="forward", pooling=pooling, reading=reading)
        assert torch.equal(found.values[0, 0], expected), (pooling, reading)


# ---- targets


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(0)
    return ph.Network(tv.resnet18())


def test_many_units_of_one_image_at_once_are_what_they_are_alone(resnet):
    x = torch.randn(1, 3, 64, 64)
    targets = [f"layer2:{channel}" for channel in range(40)] + ["layer2:5@1,2"]
    together = ph.guided(resnet, x, targets)
    assert together.values.shape == (41, 3, 64, 64)
    for index in (0, 17, 40):
        alone = ph.guided(resnet, x, targets[index])
        torch.testing.assert_close(together.values[index], alone.values[0], rtol=1e-4, atol=1e-7)
        assert together.scores[index] == pytest.approx(alone.scores[0].item())
    assert together.targets[40] == "layer2:5@1,2"


PIECES = {
    "vgg11": ("features.12", "features.7"),
    "resnet18": ("layer1", "layer2.0.downsample"),
    "googlenet": ("conv3", "inception3a"),
    "mobilenet_v2": ("features.4", "features.5.conv.0.0"),
    "squeezenet1_1": ("features.4", "features.7"),
    "tf_efficientnet_lite0": ("blocks.1", "blocks.2"),
}


def _anywhere(network, layer, size):
    """Units in the corners, on the borders and inside, several at some places."""
    channels, rows, columns = network.layer(layer, size).maps_shape
    draw = torch.Generator().manual_seed(1)
    edges = [(r, c) for r in (0, 1, rows // 2, rows - 1) for c in (0, columns // 2, columns - 2, columns - 1)]
    edges += [edges[5]] * 3 + [edges[0]] * 2
    chosen = torch.randint(channels, (len(edges),), generator=draw).tolist()
    return [f"{layer}:{channel}@{row},{column}" for channel, (row, column) in zip(chosen, edges, strict=True)]


@pytest.mark.parametrize("name", PIECES)
def test_pieces_of_the_image_give_what_the_whole_image_gives(name, monkeypatch):
    torch.manual_seed(0)
    network = ph.Network(NETWORKS[name]().double())
    x = torch.randn(1, 3, 86, 77, dtype=torch.float64)
    monkeypatch.setattr(cropped, "WORTH", 3.0)
    first, second = PIECES[name]
    for layer, relu, pooling in (
        (first, "forward", "places"),
        (first, "backward", "places"),
        (second, "both", "places"),
        (second, "both", "centre"),
    ):
        targets = _anywhere(network, layer, (86, 77))
        with monkeypatch.context() as patched:
            taken = _counted(patched)
            found = ph.reverse(network, x, targets, relu=relu, pooling=pooling)
            assert taken == [True]
            patched.setattr(reversing, "MANY", 1000)
            expected = ph.reverse(network, x, targets, relu=relu, pooling=pooling)
            assert taken == [True, False]
        most = expected.values.abs().amax((1, 2, 3))
        apart = (found.values - expected.values).abs().amax((1, 2, 3))
        assert (apart <= 1e-12 * most).all(), (layer, relu, pooling)
        assert most.max() > 0
        assert torch.equal(found.scores, expected.scores)


def _counted(monkeypatch):
    """Whether each call found that its pieces agree with the whole image."""
    taken = []
    through = reversing._in_pieces

    def counted(*args):
        found = through(*args)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(reversing, "_in_pieces", counted)
    return taken


def test_pieces_cut_where_the_formula_says():
    """Two convolutions of three taps, the first with stride 2 and padding 1: unit i sees 2 i - 3 ... 2 i + 3."""
    module = nn.Sequential(nn.Conv2d(1, 1, 3, 2, 1), nn.Conv2d(1, 1, 3, 1, 1))
    network = ph.Network(module, ph.Preprocessing.plain(20, channels=1))
    plan = cropped.Pieces(network.layer("1", (20, 21)), (20, 21))
    assert plan.size == (8, 9)
    assert [plan.begin((0, row, 4)) for row in (0, 1, 2, 3, 8, 9)] == [(y, 4) for y in (0, 0, 0, 2, 12, 12)]
    assert [plan.within((5, row, 4)) for row in (0, 1, 3, 8, 9)] == [(5, r, 2) for r in (0, 1, 2, 2, 3)]
    assert plan.unit_groups([(0, 0, 4), (1, 9, 9), (2, 1, 4), (3, 2, 4)]) == [[0, 2, 3], [1]]


class Placed(nn.Module):
    """Adds what depends on the place in the image, or on all of it, and says no to small images."""

    def __init__(self, how) -> None:
        super().__init__()
        self.how, self.conv = how, nn.Conv2d(3, 12, 5, 2, 2)

    def forward(self, x):
        if self.how == "places":
            x = x + torch.linspace(0, 1, x.shape[-1], dtype=x.dtype) * x.sign()
        elif self.how == "whole":
            x = x * x.abs().amax()
        elif x.shape[-1] < 32:
            raise KeyError("too small")
        return self.conv(x).relu().mean((2, 3))


@pytest.mark.parametrize("how", ["places", "whole", "refuses"])
def test_where_pieces_are_not_the_same_whole_images_are_taken(how, monkeypatch):
    torch.manual_seed(0)
    network = ph.Network(Placed(how).double())
    x = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    taken = _counted(monkeypatch)
    targets = [f"conv:{channel}" for channel in range(12)]
    planned = cropped.pieces(network, "conv", (64, 64), [(0, 9, 9)] * 12) is not None
    assert planned == (how != "whole")  # its units see the whole image, which is known beforehand
    together = ph.gradient(network, x, targets)
    alone = torch.cat([ph.gradient(network, x, target).values for target in targets])
    torch.testing.assert_close(together.values, alone, rtol=1e-12, atol=1e-15)
    assert taken == [False]


def test_windows_that_overwrite_are_read_in_the_whole_image(resnet):
    x = torch.randn(1, 3, 96, 96)
    targets = [f"layer1:{channel}" for channel in range(16)]
    together = ph.reverse(resnet, x, targets, reading="overwrite").values
    alone = torch.cat([ph.reverse(resnet, x, target, reading="overwrite").values for target in targets])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-7)


def test_each_image_has_its_own_target_and_its_best_class_where_none_is_given(resnet):
    x = torch.randn(3, 3, 64, 64)
    best = resnet.record(x, "logits")["logits"].argmax(1).tolist()
    found = ph.gradient(resnet, x)
    assert found.targets == tuple(f"logits:{index}" for index in best)
    each = ph.gradient(resnet, x, [f"logits:{index}" for index in best])
    assert torch.equal(found.values, each.values)


@pytest.mark.parametrize("method", ["gradient", "deconvnet", "guided"])
def test_outside_the_receptive_field_nothing_comes_back(resnet, method):
    x = torch.randn(1, 3, 128, 128)
    signal = getattr(ph, method)(resnet, x, "layer2:5@8,8").values[0].abs().amax(0)
    box = resnet.receptive_field("layer2", (8, 8), 128)
    inside = torch.zeros(128, 128, dtype=torch.bool)
    inside[int(box.top) : int(box.bottom), int(box.left) : int(box.right)] = True
    assert signal[~inside].max() == 0
    assert signal[inside].max() > 0


@pytest.mark.parametrize(
    ("target", "error", "sentence"),
    [
        ("layer9:0", LookupError, "layer 'layer9' is not in"),
        ("layer2", ValueError, "say which unit of layer2: layer2:17"),
        (["layer2:0", "layer3:0"], ValueError, "one call asks about one layer, not layer2, layer3"),
        (["layer2:0"] * 3, ValueError, "3 targets don't fit 2 images"),
        ([], ValueError, "no target was given"),
    ],
)
def test_a_wrong_target_is_one_sentence(resnet, target, error, sentence):
    with pytest.raises(error, match=sentence):
        ph.gradient(resnet, torch.rand(2, 3, 64, 64), target)


def test_a_switch_that_does_not_exist_is_told(resnet):
    with pytest.raises(ValueError, match="relu is one of forward, backward, both, none, not 'sideways'"):
        ph.reverse(resnet, torch.rand(1, 3, 64, 64), "logits:0", relu="sideways")


def test_a_signal_in_the_photos_coordinates_and_as_a_picture():
    network = ph.load()
    photo = ph.read("src/phosphene/photos/cat.jpg")
    found = ph.guided(network, photo)
    assert found.targets[0].endswith("(Egyptian cat)")
    placed = found.in_photo()
    assert placed.shape == (photo.height, photo.width)
    seen = network.frame(photo).seen
    assert np.isnan(placed[:, : int(seen.left) - 1]).all()
    assert np.isfinite(placed[int(seen.top) + 1 : int(seen.bottom) - 1, int(seen.left) + 1 : int(seen.right) - 1]).all()
    picture = found.picture()
    assert "guided backprop" in picture.caption
    assert "percentiles 0 to 99.5" in picture.caption


@pytest.mark.parametrize("how", ["no gradient", "detached", "argmax"])
def test_a_network_without_a_way_back_is_refused_in_a_sentence(how):
    class Blind(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

        def forward(self, x):
            if how == "no gradient":
                with torch.no_grad():
                    return self.head(self.layer(x).relu().mean((2, 3)))
            y = self.layer(x.detach()).relu().mean((2, 3))
            y = self.head(y)
            return F.one_hot(y.argmax(1), 3).float() if how == "argmax" else y

    for method in (ph.gradient, ph.guided):
        with pytest.raises(ValueError, match="no gradient comes back from logits"):
            method(ph.Network(Blind()), torch.rand(1, 3, 16, 16), "logits:1")


def test_a_channel_that_is_largest_at_many_places_stands_for_the_one_nearest_to_their_middle():
    module = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.ReLU6(), nn.Conv2d(2, 3, 3))
    module[0].weight.data.fill_(10)  # all of its first channel is at the ceiling
    network, x = ph.Network(module), torch.rand(1, 3, 16, 20)
    row, column = peaks(network.record(x, "1")["1"][0, 0].detach().numpy())
    assert 6 < row < 9
    assert 8 < column < 11
    for method in (ph.lrp, ph.gradient, ph.integrated_gradients):
        torch.testing.assert_close(method(network, x, "1:0").values, method(network, x, f"1:0@{row},{column}").values)
