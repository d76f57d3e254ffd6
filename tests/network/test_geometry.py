"""What a unit sees, told by algebra, is what it sees: one row of pixels is made NaN, and the NaN is followed.

A NaN passes every layer exactly and whatever the weights are, so a pass over a batch of images, each with another row
of NaN, shows for every unit of every layer which rows it sees. Nothing of the algebra is used for it.
"""

import copy
import time
import warnings

import narrow
import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision.models as tv
from torch import nn
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.resnet import Bottleneck

from phosphene.network import UNKNOWN, WHOLE, Axis, Box, Field, Network, Rules, functions
from phosphene.network.geometry.fields import NOWHERE, blank, field_of
from phosphene.network.geometry.registry import RULES, SCATTER_RULES
from phosphene.network.geometry.scatter import Scatter
from phosphene.network.geometry.sliding import resized
from phosphene.network.running.evaluating import evaluating
from phosphene.network.running.outputs import main_tensor
from phosphene.network.running.seam import Run
from phosphene.network.survey import survey

# ---- following NaN


def surveyed(module, size, channels=3):
    return survey(module, (channels, *size), torch.float32, torch.device("cpu"))


def probed(module, size, axis, see, channels=3, moved=False):
    """Runs the images whose row (axis 0) or column (1) i is NaN in the i-th, and gives every value to `see`.

    With `moved` the row is another one instead, and units are looked for that differ from those of the image as it was:
    for interpolation, where a tap of weight 0 takes in a NaN, but not a pixel's value.
    """
    pixels, dtype = size[axis], torch.float64 if moved else torch.float32
    image = torch.rand(1, channels, *size, dtype=dtype, generator=torch.Generator().manual_seed(0))
    images = image.repeat(pixels + moved, 1, 1, 1)
    for i in range(pixels):
        images.select(2 + axis, i)[i] = torch.nan if not moved else 1e3

    def observe(name, kind, value):
        tensor = main_tensor(value)
        if tensor is not None and tensor.is_floating_point() and tensor.ndim:
            tensor, batched = tensor.detach(), len(tensor) == len(images)
            changed = ((tensor - tensor[-1:]).abs() > 1e-6)[:-1] if moved else tensor.isnan()
            see(name, changed if batched else None)  # heads or pieces of maps may stand in front of the batch
        return value

    # NNPACK's transforms join neighbouring outputs, so that a NaN would reach units that don't see it
    module = copy.deepcopy(module).to(dtype)
    with torch.backends.nnpack.flags(enabled=False), evaluating(module), torch.no_grad(), Run(module, observe):
        module(images)


def first_and_last(seen):
    """Of seen (pixels, units), the first and last pixel of every unit; NOWHERE and -1 for units that see none."""
    some = seen.any(0)
    first = np.where(some, seen.argmax(0), NOWHERE)
    return first, np.where(some, len(seen) - 1 - seen[::-1].argmax(0), -1)


def disagreements(module, size, channels=3, moved=False):
    """What algebra and probing tell differently, layer by layer; and the layers compared, with how many parts each."""
    found = surveyed(module, size, channels)
    wrong, compared, elsewhere = [], {}, set()

    def compare(name, nan, axis):
        place = found.places.get(name)
        if nan is None:
            elsewhere.add(name)
        elif isinstance(place, Scatter):
            compare_elements(name, place, nan, axis)
        elif place is not None:
            compare_units(name, place, nan, axis)

    def compare_units(name, place, nan, axis):
        roles = place.roles
        if "t" in roles:
            at, (rows, columns) = roles.index("t"), place.grid
            nan, roles = (
                nan.narrow(at, place.prefix, rows * columns).unflatten(at, place.grid),
                roles.replace("t", "hw"),
            )
        by_channel = len(place.parts) > 1 and "c" in roles
        start = 0
        for count, window in place.parts if by_channel else ((0, place.window),):
            part = nan.narrow(roles.index("c"), start, count) if by_channel else nan
            start += count
            if window is None:
                continue
            at = roles.find("hw"[axis])
            others = [d for d in range(1, part.ndim) if d != at]
            seen = (part.any(others) if others else part).numpy().reshape(size[axis], -1)
            first, last = first_and_last(seen)
            span = window[axis]
            same = (np.broadcast_to(span.first, first.shape) == first) & (
                np.broadcast_to(span.last, last.shape) == last
            )
            if not same.all():
                wrong.append(f"{name} {roles} axis {axis}: {span.first} {span.last}, probed {first} {last}")
            if span.axis is not None and (problem := irregular(span.axis, first, last, size[axis])):
                wrong.append(f"{name} {roles} axis {axis}: {span.axis}, probed {problem}")
            compared[name] = max(compared.get(name, 0), len(place.parts))

    def compare_elements(name, place, nan, axis):
        if place.sight is None:
            return
        if place.home.shape[1] > 1:  # pieces of a map stand in the batch
            elsewhere.add(name)
            return
        first, last = first_and_last(nan.flatten(1).numpy())
        told, minus = place.sight[4 * axis : 4 * axis + 2, 0]
        same = np.broadcast_to(told, nan.shape[1:]).ravel() == first
        same &= np.broadcast_to(-minus, nan.shape[1:]).ravel() == last
        at_home = np.broadcast_to(place.home[0, 0] >= 0, nan.shape[1:]).ravel()  # tokens without a place may see less
        if not (same | ~at_home).all():
            wrong.append(f"{name} {nan.shape} axis {axis}: {told} {-minus}, probed {first} {last}")
        compared[name] = max(compared.get(name, 0), 1)

    for axis in (0, 1):
        probed(module, size, axis, lambda name, nan, axis=axis: compare(name, nan, axis), channels, moved)
    return wrong, compared, elsewhere, found


def irregular(axis: Axis, first, last, pixels):
    """Where units whose window lies inside the image don't see what size, stride and start say."""
    start = axis.start + np.arange(len(first)) * axis.stride
    inside = (start >= 0) & (start + axis.size <= pixels)
    same = (start == first) & (start + axis.size - 1 == last)
    return None if same[inside].all() else (first[inside & ~same], last[inside & ~same])


NETWORKS = {
    "alexnet": (narrow.alexnet, (96, 64)),
    "vgg11": (narrow.vgg11, (64, 33)),
    "resnet18": (tv.resnet18, (96, 40)),
    "resnext": (lambda: tv.ResNet(Bottleneck, [1, 1, 1, 1], groups=8, width_per_group=4), (64, 33)),
    "densenet": (lambda: tv.DenseNet(16, (3, 3, 3, 3), 32), (64, 33)),
    "googlenet": (lambda: tv.googlenet(init_weights=False, aux_logits=False), (80, 40)),
    "inception_v3": (lambda: tv.inception_v3(init_weights=False, aux_logits=False), (96, 75)),
    "squeezenet1_1": (tv.squeezenet1_1, (96, 50)),
    "mobilenet_v2": (tv.mobilenet_v2, (64, 33)),
    "shufflenet_v2_x1_0": (tv.shufflenet_v2_x1_0, (64, 33)),
    "tf_efficientnet_lite0": (lambda: timm.create_model("tf_efficientnet_lite0"), (64, 40)),
    "convnext": (lambda: tv.ConvNeXt([CNBlockConfig(16, 32, 2), CNBlockConfig(32, None, 2)]), (64, 33)),
}
WITH_ATTENTION = {
    "vit_tiny_patch16_224": (lambda: timm.create_model("vit_tiny_patch16_224", img_size=64), (64, 64)),
    "swin": (lambda: tv.SwinTransformer([4, 4], 24, [2, 2], [2, 4], [4, 4]), (64, 40)),
    "swin_v2": (
        lambda: timm.create_model(
            "swinv2_cr_tiny_ns_224", img_size=64, window_size=4, depths=(2, 2), embed_dim=24, num_heads=(2, 4)
        ),
        (64, 64),
    ),
    "hiera_tiny_224": (lambda: timm.create_model("hiera_tiny_224", img_size=(64, 64), stages=(1, 1, 2, 1)), (64, 64)),
    "mobilevit_xxs": (lambda: timm.create_model("mobilevit_xxs"), (64, 64)),
    "mobilevitv2_050": (lambda: timm.create_model("mobilevitv2_050"), (64, 64)),
    "maxvit": (lambda: tv.MaxVit((64, 64), 8, 2, [8, 16], [1, 1], 8, 0.0), (64, 64)),
}
NETWORKS |= WITH_ATTENTION


@pytest.fixture(scope="module")
def compared_networks():
    """Each network is probed once, and several tests read what was found."""
    known = {}

    def compare(name):
        if name not in known:
            make, size = NETWORKS[name]
            torch.manual_seed(0)
            known[name] = disagreements(make(), size)
        return known[name]

    return compare


@pytest.mark.parametrize("name", NETWORKS)
def test_every_unit_of_every_layer_sees_what_the_algebra_says(name, compared_networks):
    wrong, compared, elsewhere, found = compared_networks(name)
    assert not wrong, "\n".join(wrong[:10])
    names = {layer.name for layer in found.layers}
    assert names - compared.keys() <= elsewhere
    assert name in WITH_ATTENTION or not elsewhere
    assert not found.unruled


@pytest.mark.parametrize("name", NETWORKS)
def test_every_window_is_followed(name, compared_networks):
    *_, found = compared_networks(name)
    assert not [layer.name for layer in found.layers if found.places[layer.name].window is None]


@pytest.mark.parametrize("name", ["googlenet", "densenet", "squeezenet1_1"])
def test_where_a_network_concatenates_its_channels_are_told_apart(name, compared_networks):
    _, compared, _, _ = compared_networks(name)
    assert max(compared.values()) > 1


def test_a_channel_of_googlenets_1x1_branch_sees_less_than_its_layer():
    network = Network(tv.googlenet(init_weights=False, aux_logits=False))
    whole, narrow = network.receptive_field("inception3a"), network.receptive_field("inception3a:0")
    assert (whole.height.size, whole.height.stride) == (43, 8)  # torchvision's "5×5" branch has kernels of 3×3
    assert (narrow.height.size, narrow.width.stride) == (27, 8)


def test_probing_notices_a_window_that_is_wrong():
    """The route itself: a field one pixel too large or shifted by one is told apart."""
    first, last = np.array([0, 1, 2, 3]), np.array([2, 3, 4, 5])
    assert irregular(Axis(3, 1, 0), first, last, 6) is None
    assert irregular(Axis(4, 1, 0), first, last, 8) is not None
    assert irregular(Axis(3, 1, 1), first, last, 8) is not None


# ---- tables from the literature


@pytest.mark.parametrize(
    ("make", "layers"),
    [
        (tv.vgg16, {"features.4": (6, 2), "features.9": (16, 4), "features.16": (44, 8), "features.23": (100, 16),
                    "features.30": (212, 32)}),
        (tv.alexnet, {"features.0": (11, 4), "features.2": (19, 8), "features.3": (51, 8), "features.5": (67, 16),
                      "features.6": (99, 16), "features.8": (131, 16), "features.10": (163, 16),
                      "features.12": (195, 32)}),
        (tv.resnet18, {"conv1": (7, 2), "maxpool": (11, 4), "layer1": (43, 4), "layer2": (99, 8), "layer3": (211, 16),
                       "layer4": (435, 32)}),
    ],
    ids=["vgg16", "alexnet", "resnet18"],
)  # fmt: skip
def test_window_sizes_and_strides_are_the_published_ones(make, layers):
    with torch.device("meta"):
        module = make()
    found = survey(module, (3, 224, 224), torch.float32, torch.device("cpu"))
    for name, (size, stride) in layers.items():
        field = found[name].field
        assert isinstance(field, Field), f"{name} is {field}"
        assert (field.height.size, field.height.stride) == (size, stride), name
        assert field.width == field.height


# ---- a second route: gradients


def _linear_rules() -> Rules:
    passing = dict.fromkeys(functions("relu"), lambda x, inplace=False: x * 1.0)
    pooling = dict.fromkeys(
        (F.max_pool2d, torch.max_pool2d),
        lambda x, kernel_size, stride=None, padding=0, *_, **kw: F.avg_pool2d(
            x, kernel_size, stride, padding, kw.get("ceil_mode", False)
        ),
    )
    return Rules("gradient probing", "ReLU", {**passing, **pooling})


@pytest.mark.parametrize(
    ("make", "layers"),
    [(tv.resnet18, ["maxpool", "layer1", "layer2.0", "layer2"]), (tv.vgg11, ["features.5", "features.10"])],
    ids=["resnet18", "vgg11"],
)
def test_the_gradient_of_a_unit_is_nonzero_exactly_in_its_box(make, layers):
    """With positive weights and no ReLU nothing cancels, so the gradient's support is the receptive field."""
    torch.manual_seed(0)
    module = make().eval()
    with torch.no_grad():
        for p in module.parameters():
            p.abs_().clamp_(min=1e-3)
    network = Network(module.double())
    images = torch.rand(1, 3, 128, 96, dtype=torch.float64, requires_grad=True)
    values = network.record(images, *layers, rules=_linear_rules())
    for name in layers:
        rows, columns = values[name].shape[-2:]
        for row, column in {(0, 0), (rows // 2, columns // 2), (rows - 1, columns // 2), (rows // 2, columns - 1)}:
            unit = values[name][0, :, row, column].sum()
            (support,) = torch.autograd.grad(unit, images, retain_graph=True)
            seen = support[0].abs().sum(0) > 0
            at_rows, at_columns = (seen.any(d).nonzero().flatten() for d in (1, 0))
            box = Box(int(at_columns[0]), int(at_rows[0]), int(at_columns[-1]) + 1, int(at_rows[-1]) + 1)
            assert network.receptive_field(name, (row, column), (128, 96)) == box, (name, row, column)
            assert bool(seen[at_rows[0] : at_rows[-1] + 1, at_columns[0] : at_columns[-1] + 1].all())


# ---- small networks, one operation each


class Does(nn.Module):
    """A network that is one function of two convolutions: `first` (3 to 8 channels, same size) and `second`."""

    def __init__(self, function, stride=1) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.function = function

    def forward(self, x):
        return self.function(self, self.first(x))


def unet(net, x):
    down = net.second(F.max_pool2d(x, 2))
    lower = net.second(F.avg_pool2d(down, 2))
    up = F.interpolate(lower, scale_factor=2, mode="nearest")
    up = net.second(torch.cat([up[:, :4], down[:, 4:]], 1))
    return net.second(torch.cat([F.interpolate(up, scale_factor=2, mode="bilinear")[:, :3], x[:, :5]], 1))


def halves(net, x):
    a, b = x.chunk(2, 1)
    return torch.cat([F.max_pool2d(a, 3, 1, 1), b], 1)


def normed(net, x):
    y = F.layer_norm(x.permute(0, 2, 3, 1), (8,)).permute(0, 3, 1, 2)
    return net.second(y)


def conv(x, *, out=8, kernel=3, **options):
    weight = torch.full((out, x.shape[1] // options.get("groups", 1), *np.broadcast_to(kernel, 2)), 0.1)
    return F.conv2d(x, weight, **options)


def tokens(x):
    return x.flatten(2).transpose(1, 2)


def with_mean(x):
    """A token that sees everything before those of the first rows and columns."""
    return torch.cat([tokens(x).mean(1, keepdim=True), tokens(x[:, :, :4, :4])], 1)


REGULAR = {
    "a dilated convolution": lambda net, x: conv(x, dilation=3, padding=3),
    "a strided convolution": lambda net, x: net.second(conv(x, kernel=5, stride=3)),
    "a kernel of two sizes": lambda net, x: conv(x, kernel=(1, 5), padding=(0, 2), stride=(2, 1)),
    "padding same": lambda net, x: conv(x, kernel=4, padding="same"),
    "padding valid": lambda net, x: conv(x, kernel=4, padding="valid"),
    "padding on one side": lambda net, x: conv(F.pad(x, (0, 1, 2, 0)), stride=2),
    "padding that crops": lambda net, x: conv(F.pad(x, (-2, 1, -1, -3))),
    "max pooling in ceil mode": lambda net, x: net.second(F.max_pool2d(x, 3, 2, ceil_mode=True)),
    "max pooling with dilation": lambda net, x: F.max_pool2d(x, 3, 1, 1, 2),
    "max pooling with indices": lambda net, x: F.max_pool2d(x, 2, return_indices=True)[0],
    "average pooling": lambda net, x: net.second(F.avg_pool2d(x, 3, 2, 1)),
    "groups": lambda net, x: conv(halves(net, x), groups=2, padding=1),
    "depthwise": lambda net, x: conv(halves(net, x), groups=8, padding=1),
    "a slice of rows": lambda net, x: conv(x[:, :, 3:-2]),
    "every second column": lambda net, x: net.second(x[..., ::2]),
    "a slice of channels": lambda net, x: halves(net, x)[:, 4:],
    "a slice across two branches": lambda net, x: halves(net, x)[:, 2:6],
    "narrow": lambda net, x: conv(x.narrow(2, 4, 9)),
    "concatenation": lambda net, x: torch.cat([x, net.second(x), F.avg_pool2d(x, 5, 1, 2)], 1),
    "a sum of branches": lambda net, x: x + net.second(net.second(x)),
    "a concatenation summed": lambda net, x: halves(net, x) + halves(net, x).flip(1),
    "channel shuffle": lambda net, x: halves(net, x).unflatten(1, (2, 4)).transpose(1, 2).flatten(1, 2),
    "layer norm over channels, permuted": normed,
    "batch norm": lambda net, x: F.batch_norm(x, torch.zeros(8), torch.ones(8)),
    "local response norm": lambda net, x: F.local_response_norm(halves(net, x), 3),
    "softmax over channels": lambda net, x: net.second(x.softmax(1)),
    "stack and unbind": lambda net, x: torch.stack([x, net.second(x)], 1).unbind(1)[1] * 2,
    "stack and mean": lambda net, x: torch.stack([x, net.second(x)], 0).mean(0),
    "split": lambda net, x: sum(halves(net, x).split([3, 1, 4], 1)[i].sum(1, keepdim=True) for i in (0, 2)),
    "einops by hand": lambda net, x: x.flatten(2).transpose(1, 2).transpose(1, 2).unflatten(2, x.shape[2:]),
    "tokens and a linear layer": lambda net, x: F.linear(x.flatten(2).transpose(1, 2), torch.ones(5, 8)),
    "a gate of its own place": lambda net, x: x * net.second(x).sigmoid(),
    "maximum": lambda net, x: torch.maximum(x, net.second(x)),
    "norm over channels": lambda net, x: x / x.norm(dim=1, keepdim=True),
    "in-place arithmetic": lambda net, x: net.second(x.clone().add_(net.second(x)).mul_(2).relu_()),
    "a ramp in the image's type": lambda net, x: x + torch.linspace(0, 1, x.shape[-1]).to(x),
    "the type of what sees more": lambda net, x: x.type_as(net.second(x)),
    "a ramp expanded as the image": lambda net, x: x + torch.ones(x.shape[-1]).expand_as(x),
    "instance norm by constants": lambda net, x: F.instance_norm(x, torch.zeros(8), torch.ones(8), None, None, False),
    "a normed vector at each place": lambda net, x: F.normalize(x, 2, 1),
    "softmax with a number more": lambda net, x: F.softmax(x, 1, 5),
    "the largest two channels": lambda net, x: x.topk(2, 1)[0],
    "channels of tokens, sorted": lambda net, x: x.flatten(2).transpose(1, 2).sort()[0],
    "channels of tokens, gated": lambda net, x: F.glu(x.flatten(2).transpose(1, 2)),
    "the mean beside a deviation": lambda net, x: x - torch.std_mean(x, 1, keepdim=True)[1],
    "a norm of linear algebra": lambda net, x: x / torch.linalg.vector_norm(x, 2, 1, True),
    "one batch of two": lambda net, x: torch.cat([x, net.second(x)], 0).chunk(2)[0],
    "coordinates beside the image": lambda net, x: conv(torch.cat([x, torch.ones_like(x[:, :1])], 1)),
    "zeros stacked beside the image": lambda net, x: conv(torch.stack([torch.zeros_like(x), x], 2).flatten(1, 2)),
    "two shuffled branches": lambda net, x: torch.cat([halves(net, x).unflatten(1, (2, 4)).flatten(1, 2)[:, :4], x], 1),
    "a mean over channels": lambda net, x: net.second(x).mean(1),
    "pixel unshuffle": lambda net, x: net.second(conv(F.pixel_unshuffle(F.pad(x, (0, 1)), 2))),
}
IRREGULAR = {
    "reflect padding": lambda net, x: conv(F.pad(x, (2, 2, 3, 1), mode="reflect")),
    "replicate padding": lambda net, x: conv(F.pad(x, (1, 1, 1, 1), mode="replicate")),
    "circular padding": lambda net, x: conv(F.pad(x, (1, 1, 1, 1), mode="circular")),
    "a transposed convolution": lambda net, x: net.second(F.conv_transpose2d(x, torch.ones(8, 8, 3, 3), stride=2)),
    "a transposed convolution, padded": lambda net, x: F.conv_transpose2d(
        x, torch.ones(8, 4, 4, 4), stride=2, padding=1, output_padding=1, dilation=2
    ),
    "a transposed convolution in groups": lambda net, x: F.conv_transpose2d(
        x, torch.ones(8, 4, 2, 2), stride=3, groups=2
    ),
    "nearest upsampling": lambda net, x: net.second(F.interpolate(x, scale_factor=2)),
    "nearest to an odd size": lambda net, x: F.interpolate(x, size=(17, 29)),
    "nearest-exact to an odd size": lambda net, x: F.interpolate(x, size=(17, 29), mode="nearest-exact"),
    "nearest by a broken factor": lambda net, x: F.interpolate(x, scale_factor=2.2),
    "nearest-exact by a broken factor": lambda net, x: F.interpolate(x, scale_factor=1.04, mode="nearest-exact"),
    "bilinear upsampling": lambda net, x: net.second(F.interpolate(x, scale_factor=2, mode="bilinear")),
    "bilinear to an odd size": lambda net, x: F.interpolate(x, size=(17, 31), mode="bilinear"),
    "bilinear, corners aligned": lambda net, x: F.interpolate(x, size=(41, 31), mode="bilinear", align_corners=True),
    "bilinear by a broken factor": lambda net, x: F.interpolate(x, scale_factor=1.7, mode="bilinear"),
    "bicubic": lambda net, x: F.interpolate(x, size=(35, 17), mode="bicubic"),
    "adaptive pooling to odd bins": lambda net, x: F.adaptive_avg_pool2d(x, (5, 3)),
    "adaptive max pooling": lambda net, x: net.second(F.adaptive_max_pool2d(x, (6, 7))),
    "one batch of two, flipped": lambda net, x: torch.cat([x.flip(3), x], 0).chunk(2)[0],
    "roll": lambda net, x: net.second(x.roll((3, -2), (2, 3))),
    "flip": lambda net, x: net.second(x.flip(3)),
    "pixel shuffle": lambda net, x: F.pixel_shuffle(net.second(x), 2),
    "a u-net": unet,
    "strips": lambda net, x: x + x.mean(3, keepdim=True),
    "a mean over rows": lambda net, x: x.mean(2),
    "an outer sum": lambda net, x: x.amax(2, keepdim=True) + x.amax(3, keepdim=True),
    "rows that see nothing": lambda net, x: F.pad(x, (0, 0, 4, 2)),
}
EVERYWHERE = {
    "global average pooling": lambda net, x: x.mean((2, 3)),
    "a global pool as adaptive": lambda net, x: F.adaptive_avg_pool2d(x, 1).flatten(1),
    "squeeze and excite": lambda net, x: x * F.adaptive_avg_pool2d(net.second(x), 1).sigmoid(),
    "group norm": lambda net, x: F.group_norm(x, 2),
    "batch norm by the images": lambda net, x: F.batch_norm(x, None, None, training=True),
    "instance norm": lambda net, x: F.instance_norm(x, torch.zeros(8), torch.ones(8)),
    "a deviation of all": lambda net, x: x / x.std(False),
    "a mean over patches and a token of all": lambda net, x: with_mean(x).mean(1),
    "a token of all before some patches": lambda net, x: with_mean(x)[:, 0],
    "a norm of patches and a token of all": lambda net, x: F.normalize(with_mean(x), 2, 1),
    "attention to a token of all": lambda net, x: F.scaled_dot_product_attention(*(with_mean(x)[:, None],) * 3)[:, 0],
    "flatten and linear": lambda net, x: F.linear(x.flatten(1), torch.ones(2, 8 * x.shape[2] * x.shape[3])),
    "a maximum of all": lambda net, x: x.amax((2, 3)) @ torch.ones(8, 3),
    "mixing of tokens": lambda net, x: F.linear(x.flatten(2), torch.ones((x.shape[2] * x.shape[3],) * 2)),
    "attention": lambda net, x: F.scaled_dot_product_attention(*(x.flatten(2).transpose(1, 2)[:, None],) * 3)[:, 0],
}


@pytest.mark.parametrize("what", [*REGULAR, *IRREGULAR, *EVERYWHERE])
@pytest.mark.parametrize("stride", [1, 2])
def test_small_networks_see_what_the_algebra_says(what, stride):
    torch.manual_seed(0)
    module = Does({**REGULAR, **IRREGULAR, **EVERYWHERE}[what], stride)
    size = (24, 21) if stride == 1 else (48, 42)
    if "pixel unshuffle" in what or what == "a u-net":
        size = (24, 23) if what != "a u-net" else (24, 24)
        size = tuple(stride * s for s in size)
    moved = what.startswith("bi") or what == "a u-net"
    wrong, compared, _, found = disagreements(module, size, moved=moved)
    assert not wrong, "\n".join(wrong)
    assert "logits" in compared, f"not compared: {found['logits']}"
    assert not found.unruled, found.unruled
    if what in REGULAR:
        assert isinstance(found["logits"].field, Field)
    if what in EVERYWHERE:
        assert found["logits"].field is WHOLE


# ---- what can't be told is said to be not known, there and after


UNRULED = {
    "a fourier transform": lambda net, x: torch.fft.fft2(x).real,
    "grid sampling": lambda net, x: F.grid_sample(x, torch.zeros(len(x), 5, 5, 2), align_corners=False),
    "indexing by a tensor": lambda net, x: x[:, :, torch.tensor([3, 1, 2])],
    "weights made of the image": lambda net, x: F.conv2d(torch.ones(1, 8, 9, 9), x[:1, :, :3, :3]),
    "unfolding": lambda net, x: F.unfold(x, 3),
    "writing into a part": lambda net, x: write(x),
    "a prefix sum": lambda net, x: x.cumsum(2),
    "a gate of another row": lambda net, x: F.glu(x, 2),
    "einsum": lambda net, x: torch.einsum("nchw,nchv->nhwv", x, x),
}


def write(x):
    x = x.clone()
    x[:, :, 0] = x[:, :, 5]
    return x


@pytest.mark.parametrize("what", UNRULED)
def test_after_an_operation_without_a_rule_the_field_is_not_known(what):
    def function(net, x):
        y = UNRULED[what](net, x)
        return F.relu(y) + 1

    found = surveyed(Does(function), (16, 16))
    assert isinstance(found["first"].field, Field)
    assert found["relu"].field is UNKNOWN
    assert found["logits"].field is UNKNOWN


def test_what_is_sorted_or_picked_along_rows_sees_them_all():
    for function in (lambda x: x.transpose(2, 3).sort()[0], lambda x: x.topk(3, 2)[0]):
        found = surveyed(Does(lambda net, x, function=function: function(x)), (16, 14))
        window = found.places["logits"].window
        assert [(int(span.first.max()), int(span.last.min())) for span in window] == [(0, 15), (12, 1)]


def test_tokens_without_a_place_see_what_was_put_in_them():
    def windows(pick):
        found = surveyed(Does(lambda net, x: pick(with_blank(x))), (16, 14))
        return found.places["logits"].window

    def with_blank(x):
        return F.layer_norm(torch.cat([torch.zeros(len(x), 1, 8), tokens(x), torch.ones(len(x), 2, 8)], 1), (8,))

    assert blank(windows(lambda x: x[:, 0]))
    assert [len(span) for span in windows(lambda x: x[:, 1:-1])] == [16, 14]
    assert windows(lambda x: x[:, :2]) is None  # one sees nothing, the other its patch
    assert field_of(windows(lambda x: x.mean(1)), 16, 14) is WHOLE


def test_a_channel_without_the_image_sees_nothing():
    network = Network(Does(lambda net, x: torch.cat([x, torch.ones_like(x[:, :1])], 1).relu()))
    assert network.receptive_field("cat:7", size=16) == network.receptive_field("first", size=16)
    assert network.receptive_field("cat:8", size=16) == Field(Axis(0, 0, 0), Axis(0, 0, 0))
    assert network.receptive_field("cat:8", (3, 3), 16) == Box(0, 0, 0, 0)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_the_nearest_unit_is_the_one_that_torch_takes(mode):
    def agree(n, told, **asked):
        ramp = torch.arange(n, dtype=torch.float32).expand(1, 1, 1, n)
        taken = F.interpolate(ramp, mode=mode, **asked)[0, 0, 0]
        return taken.tolist() == told(len(taken))[:, 0].tolist()

    for n in range(1, 50):
        for m in range(1, 70):
            assert agree(n, lambda out, n=n: resized(n, out, mode), size=(1, m)), (n, m)
        for factor in (1 / 3, 0.5, 0.75, 1.1, 1.5, 1.7, 2, 2.2, 2.3, 2.5, 3, 3.3, 46 / 14):
            if int(n * factor):
                told = lambda out, n=n, factor=factor: resized(n, out, mode, factor=factor)  # noqa: E731
                assert agree(n, told, scale_factor=(1, factor)), (n, factor)


def test_norms_of_windows_cut_from_a_map_join_what_their_arguments_say():
    def windows(x):
        return x.unflatten(3, (3, 7)).unflatten(2, (4, 6)).transpose(3, 4)  # (N, C, rows, columns, 6, 7)

    def field(norm):
        return surveyed(Does(lambda net, x: norm(windows(x)).transpose(3, 4).flatten(4).flatten(2, 3)), (24, 21))

    plain = field(lambda x: x)["logits"].field
    assert plain == Field(Axis(3, 1, -1), Axis(3, 1, -1))
    assert field(lambda x: F.batch_norm(x, torch.zeros(8), torch.ones(8)))["logits"].field == plain
    assert field(lambda x: F.batch_norm(x, None, None, training=True))["logits"].field is WHOLE
    joined = field(lambda x: F.rms_norm(x, (7,))).places["logits"].window[1]
    assert joined.first.tolist() == [0] * 7 + [6] * 7 + [13] * 7


def test_a_rule_that_fails_is_no_answer(monkeypatch):
    def failing(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setitem(RULES, "tanh", failing)
    monkeypatch.setitem(SCATTER_RULES, "tanh", failing)
    assert surveyed(Does(lambda net, x: x.tanh()), (16, 16))["logits"].field is UNKNOWN


def test_an_unruled_function_is_named():
    found = surveyed(Does(UNRULED["grid sampling"]), (16, 16))
    assert any("grid" in name for name in found.unruled)


def test_what_is_not_known_is_whole_nowhere_even_after_global_pooling():
    """An operation that nobody described may have dropped part of the image."""
    found = surveyed(Does(lambda net, x: UNRULED["indexing by a tensor"](net, x).mean((2, 3))), (16, 16))
    assert found["logits"].field is UNKNOWN


def test_a_unit_of_an_unknown_layer_is_not_known_and_of_a_whole_one_is_the_image():
    network = Network(Does(UNRULED["a fourier transform"]))
    assert network.receptive_field("logits", size=(16, 12)) is UNKNOWN
    assert network.receptive_field("fft_fft2", (1, 1), size=(16, 12)) is UNKNOWN
    network = Network(Does(EVERYWHERE["group norm"]))
    assert network.receptive_field("logits", (3, 4), size=(16, 12)) == Box(0, 0, 12, 16)


# ---- layouts


def plain(name, **options):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return timm.create_model(name, pretrained=False, **options).eval()


@pytest.mark.parametrize(
    ("name", "options", "size", "layer", "channels", "grid", "extras"),
    [
        ("vit_tiny_patch16_224", {"img_size": 64}, (64, 64), "blocks.3", 192, (4, 4), 1),
        ("vit_small_patch14_reg4_dinov2", {"img_size": (56, 84)}, (56, 84), "blocks.3", 384, (4, 6), 5),
        ("mixer_s32_224", {"img_size": 96}, (96, 96), "blocks.2", 512, (3, 3), 0),
        ("convnext_atto", {}, (64, 96), "stages.1", 80, (8, 12), 0),
        ("swin_tiny_patch4_window7_224", {"img_size": 56}, (56, 56), "layers.0.blocks.1", 96, (14, 14), 0),
        ("swin_tiny_patch4_window7_224", {"img_size": 56}, (56, 56), "layers.1.blocks.1", 192, (7, 7), 0),
        ("mobilevit_xxs", {}, (64, 96), "stages.3.1", 64, (4, 6), 0),
    ],
)
def test_values_of_every_family_lie_as_maps(name, options, size, layer, channels, grid, extras):
    network = Network(plain(name, **options))
    images = torch.rand(2, 3, *size)
    maps = network.maps(images, layer)
    assert maps.shape == (2, channels, *grid)
    value = network.record(images, layer)[layer]
    layout = network.layer(layer, size).layout
    assert layout.extras(value).shape[1] == extras
    tokens = torch.cat([layout.extras(value), maps.flatten(2).transpose(1, 2)], 1)
    whole = value.flatten(1, -2) if value.shape[-1] == channels else value.flatten(2).transpose(1, 2)
    assert torch.equal(tokens, whole)


def test_a_units_window_is_exact_where_attention_meets_in_windows_only():
    network = Network(plain("swin_tiny_patch4_window7_224", img_size=56))
    assert network.receptive_field("layers.0.blocks.0", size=56) is UNKNOWN  # no one size, stride and start
    assert network.receptive_field("layers.0.blocks.0", (3, 9), 56) == Box(28, 0, 56, 28)
    assert network.receptive_field("layers.0.blocks.1", (3, 9), 56) == Box(0, 0, 56, 28 + 28)


def test_a_mean_over_channels_is_one_map():
    network = Network(Does(lambda net, x: x.mean(1)))
    images = torch.rand(2, 3, 16, 12)
    assert torch.equal(network.maps(images, "logits"), network.record(images, "logits")["logits"][:, None])
    assert network.layer("logits", (16, 12)).maps_shape == (1, 16, 12)
    assert network.receptive_field("logits", (2, 0), (16, 12)) == Box(0, 1, 2, 4)
    assert torch.equal(network.record(images, "logits@2,0")["logits@2,0"], network.maps(images, "logits")[:, :, 2, 0])
    turned = Network(Does(lambda net, x: x.mean(1).transpose(1, 2)))
    assert turned.receptive_field("logits", (2, 0), (16, 12)) == Box(0, 1, 2, 4)


def test_a_value_whose_layout_is_not_known_is_not_shown_as_maps():
    network = Network(Does(lambda net, x: torch.fft.fft2(x).real))
    with pytest.raises(ValueError, match="logits of Does is 8 × 16 × 12 an image and has no grid of places"):
        network.maps(torch.rand(1, 3, 16, 12), "logits")


def through_a_view(x):
    x = x.clone()
    x[:, :, :4].mul_(x[:, :, 4:8])
    return x


def into_a_blank(x):
    blank = torch.zeros(x.shape)
    blank[:, :, 2:] = x[:, :, :-2]
    return blank


def through_a_view_of_a_blank(x):
    blank = torch.zeros(x.shape)
    blank[:, :, 2:].copy_(x[:, :, :-2])
    return blank


def through_one_of_two_views(x):
    blank = torch.zeros_like(x)
    one, other = blank[:, :, 1:], blank[:, :, 1:]
    one.copy_(x[:, :, :-1])
    return other


def through_data(x):
    blank = torch.zeros_like(x)
    blank.data[:, :, 2:] = x[:, :, :-2]
    return blank


def by_data(x):
    blank = torch.zeros_like(x)
    blank.data = x
    return blank


@torch.inference_mode()
def in_inference_mode(x):
    return through_a_view(x)


@torch.inference_mode()
def in_inference_mode_by_an_option(x):
    x = x.clone()
    F.relu(x[:, :, 4:], inplace=True)
    return x


@torch.inference_mode()
def in_inference_mode_as_a_result(x):
    blank = torch.zeros_like(x)
    torch.add(x[:, :, 1:], 1, out=blank[:, :, :-1])
    return blank


WRITES = [
    through_a_view, into_a_blank, through_a_view_of_a_blank, through_one_of_two_views, through_data, by_data,
    in_inference_mode, in_inference_mode_by_an_option, in_inference_mode_as_a_result,
]  # fmt: skip


@pytest.mark.parametrize("write", WRITES)
def test_what_is_written_into_memory_that_others_share_is_not_told_wrong(write):
    found = surveyed(Does(lambda net, x: F.relu(write(x)) + 1), (16, 16))
    assert found["logits"].field is UNKNOWN


READS = {
    "divided by a number": lambda net, x: x / x.abs().max().item(),
    "weighted by a float": lambda net, x: float(x.mean()) * x,
    "weighted by a list": lambda net, x: x * torch.tensor(x.mean((0, 2, 3)).tolist()).view(1, -1, 1, 1),
    "through numpy": lambda net, x: x + torch.from_numpy(net.second(x).numpy()),
    "through a copy in numpy": lambda net, x: x + torch.from_numpy(np.flip(np.asarray(x), 2).copy()),
    "filled with a number": lambda net, x: x.masked_fill(x > 0, x.max().item()),
    "written with a number": lambda net, x: x.mul_(x.max().item()),
}


@pytest.mark.parametrize("read", READS)
def test_what_is_computed_with_numbers_read_from_the_image_is_not_known(read):
    found = surveyed(Does(lambda net, x: F.relu(READS[read](net, net.second(x)))), (16, 16))
    assert found["second"].field == Field(Axis(5, 1, -2), Axis(5, 1, -2))
    assert found["logits"].field is UNKNOWN


def test_a_network_that_reads_numbers_only_to_choose_its_way_is_followed():
    norm = nn.BatchNorm2d(8).eval()
    found = surveyed(Does(lambda net, x: F.leaky_relu(norm(net.second(x)), 0.1) if x.max().item() < 9 else x), (16, 16))
    assert found["logits"].field == Field(Axis(5, 1, -2), Axis(5, 1, -2))


def test_what_a_transform_returns_is_not_known():
    shifted = torch.func.vmap(lambda row: row.relu() + row.roll(1, 1))
    assert surveyed(Does(lambda net, x: x + shifted(x)), (16, 16))["logits"].field is UNKNOWN


def test_tokens_lie_where_their_patches_are():
    """Before anything mixes, the map of a patch embedding is what each patch alone gives."""
    network = Network(plain("vit_tiny_patch16_224", img_size=64))
    images = torch.rand(1, 3, 64, 64)
    maps = network.maps(images, "patch_embed")
    other = images.clone()
    other[..., 16:32, 48:64] += 1  # the patch at row 1, column 3
    changed = (network.maps(other, "patch_embed") != maps).any(1)[0]
    assert changed.nonzero().tolist() == [[1, 3]]
    assert network.receptive_field("patch_embed", (1, 3), (64, 64)) == Box(48, 16, 64, 32)


@pytest.mark.parametrize(
    ("name", "options", "size", "first", "then"),
    [
        ("vit_tiny_patch16_224", {"img_size": 64}, (64, 64), "patch_embed", "blocks.0"),
        ("vit_small_patch14_reg4_dinov2", {"img_size": 56}, (56, 56), "norm_pre", "blocks.0"),
        ("mixer_s32_224", {"img_size": 96}, (96, 96), "stem", "blocks.0"),
    ],
)
def test_patches_see_themselves_until_tokens_meet(name, options, size, first, then):
    found = surveyed(plain(name, **options), size)
    assert isinstance(found[first].field, Field)
    assert found[first].field.height.size == found[first].field.height.stride
    assert found[then].field is WHOLE
    assert found["logits"].field is WHOLE


def test_the_token_that_has_no_place_is_recorded_by_its_name():
    network = Network(plain("vit_small_patch14_reg4_dinov2", img_size=56))
    images = torch.rand(1, 3, 56, 56)
    value = network.record(images, "blocks.2")["blocks.2"]
    found = network.record(images, "blocks.2@cls", "blocks.2@register4", "blocks.2:7@1,2")
    assert torch.equal(found["blocks.2@cls"], value[:, 0])
    assert torch.equal(found["blocks.2@register4"], value[:, 4])
    assert torch.equal(found["blocks.2:7@1,2"], value[:, 5 + 1 * 4 + 2, 7])
    with pytest.raises(LookupError, match="has no token 'register5'"):
        network.record(images, "blocks.2@register5")


# ---- the survey itself


@pytest.mark.parametrize("make", [tv.resnet50, tv.vgg16], ids=["resnet50", "vgg16"])
def test_a_survey_needs_neither_weights_nor_their_copies_and_little_time(make, unchanged):
    with torch.device("meta"):  # there are no values, so nothing could have been computed or copied
        module = make()
    survey(module, (3, 224, 224), torch.float32, torch.device("cpu"))
    start = time.perf_counter()
    found = survey(module, (3, 224, 224), torch.float32, torch.device("cpu"))
    assert time.perf_counter() - start < 2  # 0.03 s and 0.15 s on a quiet machine
    assert found["logits"].shape == (1000,)


def test_a_survey_leaves_the_network_as_it_was(unchanged):
    module = tv.resnet18()
    module.train()
    with unchanged(module):
        found = surveyed(module, (64, 64))
    assert found["conv1"].parameters == 64 * 3 * 49
    assert found["conv1"].operations == 2 * 64 * 3 * 49 * 32 * 32
    assert found["logits"].parameters == sum(p.numel() for p in module.parameters())


def test_a_network_whose_way_depends_on_values_is_surveyed_by_a_real_pass():
    def function(net, x):
        return net.second(x) if x.sum().item() > -1e9 else x

    found = surveyed(Does(function), (16, 16))
    assert found["logits"].field == Field(Axis(5, 1, -2), Axis(5, 1, -2))


def test_a_network_that_does_not_run_at_a_size_says_so():
    with pytest.raises(ValueError, match=r"does not run on an input of 3 × 8 × 8 \(channels × height × width\)"):
        surveyed(tv.alexnet(), (8, 8))
