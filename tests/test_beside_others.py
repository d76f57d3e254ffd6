"""Where other libraries do the same thing, they and Phosphene agree; where they don't, what they return is known.

TorchLens sees functions as Phosphene does, by other means: an independent way to the same numbers. It wraps PyTorch's
functions at its first trace; every test takes the wrappers off again.
"""

import copy

import pytest
import torch
import torchvision.models as tv
from torch import nn

import phosphene as ph

NETWORKS = {
    "resnet18": lambda: tv.resnet18(),
    "googlenet": lambda: tv.googlenet(init_weights=False, aux_logits=False),
}
IMAGE = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) - 0.5


def built(name: str) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS[name]().eval().requires_grad_(False)


@pytest.fixture
def lens():
    lens = pytest.importorskip("torchlens", reason="torchlens is not installed")
    yield lens
    from torchlens.backends.torch.wrappers import unwrap_torch

    unwrap_torch()
    assert torch.relu is torch._C._VariableFunctions.relu


def traced(lens, module, image, **options):
    return lens.trace(module, image, capture=lens.options.CaptureOptions(unwrap_when_done=True, **options))


@pytest.mark.parametrize(("name", "known"), [("resnet18", 65), ("googlenet", 218)])
def test_torchlens_finds_the_same_shapes_and_receptive_fields(lens, name, known):
    """Of every module's value. TorchLens needs the values kept for this, and says where it does not know a field."""
    module = built(name)
    trace = traced(lens, module, IMAGE, inference_only=True)
    layers = {layer.name: layer for layer in ph.Network(module).layers(size=64) if layer.module}
    compared = 0
    for path, _ in module.named_modules():
        if path not in layers:
            continue
        value = trace.ops[trace.modules[path].calls[0].output_ops[0]]
        assert tuple(value.shape[1:]) == layers[path].shape, path
        axes = {axis.input_axis: axis for axis in value.receptive_field.axes or () if axis.kind == "windowed"}
        if set(axes) != {2, 3}:
            continue
        field = layers[path].field
        for mine, its in ((field.height, axes[2]), (field.width, axes[3])):
            assert (mine.size, mine.stride, mine.start + (mine.size - 1) / 2) == (its.size, its.jump, its.center0), path
        compared += 1
    assert compared >= known


def test_torchlens_records_the_same_values(lens):
    module = built("resnet18")
    names = ["layer1.0", "layer2.1.bn2", "avgpool"]
    trace = traced(lens, module, IMAGE, layers_to_save=names, inference_only=True)
    values = ph.Network(module).record(IMAGE, *names)
    for name in names:
        assert torch.equal(values[name], trace[name].out), name


@pytest.mark.parametrize("name", ["resnet18", "googlenet"])
def test_torchlens_finds_the_same_guided_backprop_and_deconvnet(lens, name):
    module = built(name)
    network = ph.Network(module)
    for ours, its in ((ph.guided, lens.attribution.guided_backprop), (ph.deconvnet, lens.attribution.deconvolution)):
        values = ours(network, IMAGE, "logits:7").values
        assert torch.allclose(
            its(module, IMAGE, target=7).values, values, atol=1e-5 * float(values.abs().max()), rtol=0
        )


def test_torchlens_finds_the_same_occlusion(lens):
    """Its map is the mean over the windows that cover a pixel."""
    module = built("resnet18")
    window, stride = 16, 8
    drops = ph.occlusion(ph.Network(module), IMAGE, "logits:7", window=window, stride=stride, fill="zero").drops
    total, count = torch.zeros(2, 64, 64)
    for row, line in enumerate(drops[0]):
        for column, drop in enumerate(line):
            covered = slice(row * stride, row * stride + window), slice(column * stride, column * stride + window)
            total[covered] += drop
            count[covered] += 1
    its = lens.attribution.occlusion_map(module, IMAGE, target=7, window=(window,) * 2, strides=(stride,) * 2).values
    expected = (total / count).expand(3, 64, 64)
    assert torch.allclose(its[0], expected, rtol=0, atol=1e-5 * float(module(IMAGE)[0, 7].abs() + drops.abs().max()))


def test_libraries_that_stand_on_modules_return_the_plain_gradient_of_functional_relus():
    """GoogLeNet's ReLUs are functions: captum's and zennit's guided backprop has none to change, and says nothing."""
    attr, zennit = pytest.importorskip("captum.attr"), pytest.importorskip("zennit")
    from zennit.attribution import Gradient
    from zennit.composites import GuidedBackprop

    assert zennit
    module = built("googlenet")
    network = ph.Network(module)
    gradient, guided = ph.gradient(network, IMAGE, "logits:7").values, ph.guided(network, IMAGE, "logits:7").values
    assert (guided - gradient).abs().max() > 0.1 * gradient.abs().max()
    with pytest.warns(UserWarning, match="backward hooks on ReLU"):  # which it says of every network
        captums = attr.GuidedBackprop(copy.deepcopy(module)).attribute(IMAGE.clone().requires_grad_(), target=7)
    with Gradient(copy.deepcopy(module), GuidedBackprop()) as attributor:
        _, zennits = attributor(IMAGE.clone(), torch.eye(1000)[[7]])
    assert torch.equal(captums, gradient)
    assert torch.allclose(zennits, gradient, atol=1e-6 * float(gradient.abs().max()), rtol=0)
