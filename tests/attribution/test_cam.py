"""Class activation maps add up to the score; Grad-CAM and its kin equal slow rewrites of their formulas and peers."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision.models as tv
from torch import nn

import phosphene as ph
from phosphene.attribution.cam.class_map import stretched
from phosphene.attribution.cam.grad_cam import axiom_weighted, gradient_weighted, place_weighted, plus_plus_weighted

F64 = torch.float64


def close(found, expected, scale=1.0, atol=1e-9):
    torch.testing.assert_close(found, expected, rtol=0, atol=atol * float(scale))


# ---- class activation maps

HEADED = {  # network -> its last maps and its linear layer, read off its own code
    "resnet18": (tv.resnet18, lambda m, x: nn.Sequential(*list(m.children())[:-2])(x), lambda m: m.fc),
    "densenet121": (tv.densenet121, lambda m, x: m.features(x).relu(), lambda m: m.classifier),
    "mobilenet_v2": (tv.mobilenet_v2, lambda m, x: m.features(x), lambda m: m.classifier[1]),
    "efficientnet_b0": (tv.efficientnet_b0, lambda m, x: m.features(x), lambda m: m.classifier[1]),
    "lite0": (lambda: timm.create_model("tf_efficientnet_lite0"), lambda m, x: m.forward_features(x),
              lambda m: m.classifier),
    "resnet10t": (lambda: timm.create_model("resnet10t"), lambda m, x: m.forward_features(x), lambda m: m.fc),
    "swin": (lambda: tv.SwinTransformer([4, 4], 24, [1, 1], [2, 4], [4, 4]),
             lambda m, x: m.permute(m.norm(m.features(x))), lambda m: m.head),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADED)
def test_a_map_is_the_weights_times_the_last_maps_and_adds_up_to_the_score(name, unchanged):
    torch.manual_seed(0)
    make, features, linear = HEADED[name]
    module = make().to(F64).eval()
    x = torch.randn(2, 3, 64, 64, dtype=F64)
    with unchanged(module):
        found = ph.cam(ph.Network(module), x, ["logits:7", "logits:3"])
    with torch.no_grad():
        maps, scores, head = features(module, x), module(x), linear(module)
    scale = float(scores.abs().max())
    close(found.raw, torch.einsum("nc,nchw->nhw", head.weight[[7, 3]], maps), scale)
    close(found.bias, head.bias[[7, 3]].detach(), scale)
    close(found.raw.mean((1, 2)) + found.bias, scores[[0, 1], [7, 3]], scale)


def test_googlenet_adds_up(unchanged):
    torch.manual_seed(0)
    module = tv.googlenet(init_weights=False, aux_logits=False).to(F64).eval()
    x = torch.randn(1, 3, 64, 64, dtype=F64)
    with unchanged(module):
        found = ph.cam(ph.Network(module), x, "logits:7")
    close(found.raw.mean((1, 2)) + found.bias, module(x)[:, 7].detach())
    close(found.bias, module.fc.bias[7:8].detach())


def test_where_maps_are_pooled_last_the_map_is_the_class_own():
    torch.manual_seed(0)
    module = tv.squeezenet1_1().to(F64).eval()
    x = torch.randn(1, 3, 64, 64, dtype=F64)
    found = ph.cam(ph.Network(module), x, ["logits:3", "logits:9"])
    with torch.no_grad():
        own = module.classifier[:3](module.features(x))[0, [3, 9]]
    close(found.raw, own, own.abs().max())
    close(found.raw.mean((1, 2)), found.scores, own.abs().max())
    assert found.bias.abs().max() <= 1e-12


class Headed(nn.Module):
    """Two convolutions and a head written as a function."""

    def __init__(self, head):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(6, 5, 3, padding=1))
        self.linear, self.last, self.head = nn.Linear(5, 4), nn.Conv2d(5, 4, 1), head

    def forward(self, x):
        return self.head(self, self.body(x))


LINEAR_HEADS = {
    "mean": lambda m, f: m.linear(f.relu().mean((2, 3))),
    "two means": lambda m, f: m.linear(f.relu().mean(3).mean(2)),
    "flattened": lambda m, f: m.linear(f.relu().flatten(2).mean(-1)),
    "sum": lambda m, f: m.linear(f.relu().sum((2, 3)) / 64),
    "window": lambda m, f: m.linear(F.avg_pool2d(f.relu_(), 8).view(f.shape[0], -1)),
    "dropped": lambda m, f: F.linear(F.dropout(F.adaptive_avg_pool2d(f, 1).flatten(1), 0.5, m.training),
                                     m.linear.weight, m.linear.bias),
    "convolution after": lambda m, f: m.last(F.adaptive_avg_pool2d(f.relu(), 1)).flatten(1),
    "convolution before": lambda m, f: m.last(f.relu()).mean((2, 3)),
    "channels last": lambda m, f: m.linear(f.permute(0, 2, 3, 1).mean((1, 2))),
    "weighted by place": lambda m, f: m.linear((f * torch.linspace(0, 1, 8, dtype=f.dtype)).mean((2, 3))),
    "two linear layers": lambda m, f: F.linear(m.linear(f.mean((2, 3))), m.linear.weight[:, :4]),
}  # fmt: skip
OTHER_HEADS = {
    "max": lambda m, f: m.linear(f.amax((2, 3))),
    "corner": lambda m, f: m.linear(f[:, :, 0, 0]),
    "quarter": lambda m, f: m.linear(F.adaptive_avg_pool2d(f, 2)[:, :, 0, 1]),
    "hidden layer": lambda m, f: F.linear(F.silu(m.linear(f.mean((2, 3)))), m.linear.weight[:, :4]),
    "norm after": lambda m, f: m.linear(F.layer_norm(f.mean((2, 3)), (5,))),
    "softmax": lambda m, f: m.linear(f.mean((2, 3))).softmax(1),
    "square": lambda m, f: m.linear(f.mean((2, 3)) ** 2),
    "gated": lambda m, f: m.linear(f.mean((2, 3))) * f.mean((1, 2, 3))[:, None],
}


@pytest.mark.parametrize("name", LINEAR_HEADS)
@pytest.mark.parametrize("dtype", [F64, torch.float32])
def test_any_way_to_write_a_mean_and_a_linear_map_is_found(name, dtype, unchanged):
    torch.manual_seed(0)
    module = Headed(LINEAR_HEADS[name]).to(dtype)
    x = torch.randn(3, 3, 16, 16, dtype=dtype)
    with unchanged(module):
        found = ph.cam(ph.Network(module), x, "logits:2")
    assert found.raw.shape == (3, 8, 8)
    scores = module.eval()(x)[:, 2].detach()
    close(found.raw.mean((1, 2)) + found.bias, scores, 1, 1e-9 if dtype == F64 else 1e-5)
    assert found.bias.std() < (1e-12 if dtype == F64 else 1e-5)  # one bias, whatever the image


BIASES = {  # what each head adds that no place has a part in, from its own weights
    "convolution after": lambda m: m.last.bias[2],
    "convolution before": lambda m: 0 * m.linear.bias[2],  # the map holds it: it is the class's own
    "two linear layers": lambda m: m.linear.weight[2, :4] @ m.linear.bias,
}


@pytest.mark.parametrize("name", LINEAR_HEADS)
def test_the_bias_is_the_one_of_the_weights(name):
    torch.manual_seed(0)
    module = Headed(LINEAR_HEADS[name]).to(F64)
    x = torch.randn(2, 3, 16, 16, dtype=F64)
    found = ph.cam(ph.Network(module), x, ["logits:2", "logits:2"])
    with torch.no_grad():
        own = BIASES.get(name, lambda m: m.linear.bias[2])(module)
    close(found.bias, own.expand(2))


def test_a_score_that_its_maps_and_bias_do_not_add_up_to_is_refused():
    jumping = Headed(lambda m, f: m.linear(f.mean((2, 3))) + (f.abs().amax((1, 2, 3)) > 1e-6)[:, None])
    with pytest.raises(ValueError, match="something that is not linear follows body"):
        ph.cam(ph.Network(jumping.to(F64)), torch.randn(1, 3, 16, 16, dtype=F64), "logits:2")


def test_the_bias_is_found_where_a_module_returns_the_maps_beside_what_it_made_of_them():
    class Body(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.norm = nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)

        def forward(self, x):
            maps = self.norm(self.convolution(x))
            return {"last": maps, "pooled": maps.mean((2, 3))}

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = Body(), nn.Linear(5, 4)

        def forward(self, x):
            return self.head(self.body(x)["pooled"])

    torch.manual_seed(0)
    module = Whole().to(F64).eval()
    found = ph.cam(ph.Network(module), torch.randn(1, 3, 16, 16, dtype=F64), "logits:1")
    close(found.bias[0], module.head.bias[1].detach())
    close(found.raw.mean((1, 2)) + found.bias, found.scores)


@pytest.mark.parametrize("name", OTHER_HEADS)
@pytest.mark.parametrize("dtype", [F64, torch.float32])
def test_any_other_head_is_refused(name, dtype):
    torch.manual_seed(0)
    network = ph.Network(Headed(OTHER_HEADS[name]).to(dtype))
    x = torch.randn(2, 3, 16, 16, dtype=dtype)
    with pytest.raises(ValueError, match=r"global average pooling and a linear layer.* use grad_cam$"):
        ph.cam(network, x, "logits:2")
    assert ph.grad_cam(network, x, "logits:2").raw.min() >= 0


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (tv.alexnet, "does not take all places of avgpool alike"),
        (tv.mobilenet_v3_small, "a Hardswish follows features"),
        (lambda: timm.create_model("convnext_atto"), "not linear follows"),
        (lambda: timm.create_model("vit_tiny_patch16_224", img_size=64, depth=2), "does not take all places"),
    ],
)
def test_networks_with_other_heads_are_refused(make, why):
    torch.manual_seed(0)
    with pytest.raises(ValueError, match=f"{why}.*: use grad_cam$"):
        ph.cam(ph.Network(make()), torch.randn(1, 3, 64, 64), "logits:2")


@pytest.mark.parametrize("activation", [torch.sigmoid, F.silu, lambda x: x.softmax(1)])
def test_only_what_lies_between_the_maps_and_the_target_counts(activation):
    torch.manual_seed(0)
    after = Headed(lambda m, f: activation(m.linear(f.relu().mean((2, 3)))))
    x = torch.randn(2, 3, 16, 16)
    found = ph.cam(ph.Network(after), x, "linear:2")
    close(found.raw.mean((1, 2)) + found.bias, found.scores, 1, 1e-5)
    with pytest.raises(ValueError, match="in Headed "):
        ph.cam(ph.Network(after), x, "logits:2")
    beside = Headed(lambda m, f: (m.linear(f.relu().mean((2, 3))), activation(m.linear(f.mean((2, 3)))))[0])
    beside.load_state_dict(after.state_dict())
    assert torch.equal(ph.cam(ph.Network(beside), x, "logits:2").raw, found.raw)


def test_an_activation_that_bends_too_little_to_be_seen_is_named():
    torch.manual_seed(0)
    network = ph.Network(Headed(lambda m, f: torch.tanh(1e-3 * m.linear(f.mean((2, 3))))))
    with pytest.raises(ValueError, match="a tanh follows body"):
        ph.cam(network, torch.randn(1, 3, 16, 16), "logits:2")


def test_a_probability_is_refused_and_the_score_named():
    network = ph.Network(Headed(LINEAR_HEADS["mean"]))
    with pytest.raises(ValueError, match="ask for 'logits:2', or use grad_cam"):
        ph.cam(network, torch.randn(1, 3, 16, 16), "probabilities:2")


# ---- Grad-CAM and its kin


def tiny(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.ReLU(inplace=True), nn.Conv2d(6, 5, 3, padding=1),
        nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(5, 7, 3, padding=1), nn.Tanh(), nn.Flatten(),
        nn.Linear(7 * 16, 4),
    ).to(F64)  # fmt: skip


def by_places(name, maps, gradients):
    """The formulas, number by number."""
    channels, height, width = maps.shape
    places = [(i, j) for i in range(height) for j in range(width)]
    found = torch.zeros(height, width, dtype=maps.dtype)
    for k in range(channels):
        a, g = maps[k], gradients[k]
        whole = sum(a[p] for p in places)
        if name == "grad_cam":
            weight = sum(g[p] for p in places) / len(places)
        elif name == "x_grad_cam":
            weight = sum(g[p] * a[p] for p in places) / whole if whole != 0 else 0.0
        elif name == "grad_cam_plus_plus":
            weight = 0.0
            for p in places:
                below = 2 * g[p] ** 2 + g[p] ** 3 * whole
                weight = weight + (g[p] ** 2 / below * max(g[p], 0.0) if below != 0 else 0.0)
        for p in places:
            found[p] += (max(g[p], 0.0) if name == "layer_cam" else weight) * a[p]
    return found.clamp(min=0)


@pytest.mark.parametrize("name", ["grad_cam", "grad_cam_plus_plus", "x_grad_cam", "layer_cam"])
@pytest.mark.parametrize(("layer", "end"), [("2", 3), ("3", 4), ("6", 7), (None, 7)])
def test_equal_to_the_formula_number_by_number(name, layer, end, unchanged):
    module = tiny()
    x = torch.randn(2, 3, 16, 16, dtype=F64)
    with unchanged(module):
        found = getattr(ph, name)(ph.Network(module), x, ["logits:1", "logits:3"], layer=layer)
    clean = [nn.ReLU() if isinstance(part, nn.ReLU) else part for part in module]  # nothing in place
    maps = nn.Sequential(*clean[:end])(x).detach().requires_grad_()
    scores = nn.Sequential(*clean[end:])(maps)
    (gradients,) = torch.autograd.grad(scores[0, 1] + scores[1, 3], maps)
    expected = torch.stack([by_places(name, a, g) for a, g in zip(maps.detach(), gradients, strict=True)])
    close(found.raw, expected, expected.abs().max())
    close(found.scores, scores.detach()[[0, 1], [1, 3]])
    assert found.layer == (layer or "6")


def test_grad_cam_is_the_positive_part_of_the_class_activation_map():
    torch.manual_seed(0)
    network = ph.Network(tv.resnet18().to(F64))
    x = torch.randn(1, 3, 64, 64, dtype=F64)
    exact, found = ph.cam(network, x, "logits:7"), ph.grad_cam(network, x, "logits:7")
    close(found.raw * exact.raw[0].numel(), exact.raw.relu(), exact.raw.abs().max())
    assert found.layer == exact.layer == "layer4"


def test_several_targets_of_one_image_and_a_batch_equal_calls_one_by_one():
    network = ph.Network(tiny())
    x = torch.randn(3, 3, 16, 16, dtype=F64)
    targets = ["logits:1", "logits:3", "logits:0"]
    for method in (ph.grad_cam, ph.grad_cam_plus_plus, ph.layer_cam, ph.x_grad_cam, ph.score_cam):
        batch, several = method(network, x, targets), method(network, x[:1], targets)
        for index, target in enumerate(targets):
            close(batch.values[index], method(network, x[index : index + 1], target).values[0])
            close(several.values[index], method(network, x[:1], target).values[0])
            close(several.scores[index], method(network, x[:1], target).scores[0])


def test_several_targets_of_one_image_have_their_own_class_activation_maps():
    network = ph.Network(Headed(LINEAR_HEADS["mean"]).to(F64))
    x = torch.randn(1, 3, 16, 16, dtype=F64)
    several = ph.cam(network, x, ["logits:1", "logits:3"])
    for index, target in enumerate(("logits:1", "logits:3")):
        close(several.values[index], ph.cam(network, x, target).values[0])


def test_a_unit_inside_is_asked_about_at_a_layer_before_it():
    module = tiny()
    network = ph.Network(module)
    x = torch.randn(1, 3, 16, 16, dtype=F64)
    found = ph.grad_cam(network, x, "5:2@1,2")
    assert found.layer == "4"
    maps = module[:5](x).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(module[5](maps)[0, 2, 1, 2], maps)
    close(found.raw, gradient_weighted(maps.detach(), gradient))


def test_the_maps_of_several_layers_are_joined_each_by_its_largest_number():
    network = ph.Network(tiny())
    x = torch.randn(2, 3, 16, 16, dtype=F64)
    joined = ph.layer_cam(network, x, "logits:1", layer="3,5")
    parts = [ph.layer_cam(network, x, "logits:1", layer=name) for name in ("3", "5")]
    expected = sum(part.values / part.raw.amax((1, 2), keepdim=True) for part in parts) / 2
    close(joined.values, expected)
    assert joined.raw.shape == (2, 8, 8)
    assert joined.layer == "3, 5"
    close(ph.layer_cam(network, x, "logits:1", layer=["3", "5"]).values, expected)
    close(ph.layer_cam(network, x, "logits:1", layer="3+5").values, expected)


@pytest.mark.parametrize("batch", [0, 2.5, True])
def test_a_batch_that_is_no_number_of_images_is_refused(batch):
    with pytest.raises(ValueError, match=f"batch is a whole number, at least 1, not {batch}"):
        ph.score_cam(ph.Network(tiny()), torch.randn(1, 3, 16, 16, dtype=F64), "logits:1", batch=batch)


def test_score_cam_equals_running_every_masked_image(unchanged):
    module = tiny()
    x = torch.randn(2, 3, 16, 16, dtype=F64)
    network = ph.Network(module)
    with unchanged(module):
        found = ph.score_cam(network, x, ["logits:1", "logits:3"], layer="4", batch=2)
    maps = module[:5](x).detach()
    for index, target in enumerate((1, 3)):
        scores = []
        for a in maps[index]:
            mask = stretched(a[None], (16, 16))[0]
            span = mask.max() - mask.min()
            mask = (mask - mask.min()) / span if span > 0 else torch.zeros_like(mask)
            scores.append(module(x[index : index + 1] * mask)[0, target].detach())
        weights = torch.stack(scores).exp() / torch.stack(scores).exp().sum()
        close(found.raw[index], sum(w * a for w, a in zip(weights, maps[index], strict=True)).relu())


def test_guided_grad_cam_is_guided_backprop_times_grad_cam():
    network = ph.Network(tiny())
    x = torch.randn(1, 3, 16, 16, dtype=F64)
    found = ph.guided_grad_cam(network, x, ["logits:1", "logits:2"], layer="4")
    fine, coarse = (
        ph.guided(network, x, ["logits:1", "logits:2"]),
        ph.grad_cam(network, x, ["logits:1", "logits:2"], layer="4"),
    )
    close(found.values, fine.values * coarse.values[:, None])
    assert found.values.abs().max() > 0


def test_guided_grad_cam_is_refused_without_rectifiers():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    with pytest.raises(LookupError, match="found no ReLU in this network; it has 1 SiLU"):
        ph.guided_grad_cam(ph.Network(module), torch.rand(1, 3, 16, 16), "logits:1")


# ---- where the last grid is


@pytest.mark.parametrize(
    ("make", "layer", "grid"),
    [
        (lambda: timm.create_model("vit_tiny_patch16_224", img_size=64, depth=2), "blocks.1.norm1", (4, 4)),
        (lambda: timm.create_model("deit_tiny_distilled_patch16_224", img_size=64, depth=2), "blocks.1.norm1", (4, 4)),
        (lambda: tv.SwinTransformer([4, 4], 24, [1, 1], [2, 4], [4, 4]), "permute", (8, 8)),
        (lambda: tv.DenseNet(8, (2, 2), 16), "relu", (8, 8)),
        (tv.squeezenet1_1, "classifier.2", (3, 3)),
        (tv.alexnet, "avgpool", (6, 6)),
    ],
)
def test_the_last_layer_on_whose_places_the_class_hangs_is_found(make, layer, grid, unchanged):
    torch.manual_seed(0)
    module = make()
    with unchanged(module):
        found = ph.layer_cam(ph.Network(module), torch.randn(2, 3, 64, 64), "logits:7")
    assert found.layer == layer
    assert found.raw.shape == (2, *grid)
    assert found.values.shape == (2, 64, 64)
    assert float(found.raw.max()) > 0


def test_vision_transformers_last_block_is_found_where_its_head_is_not_zero():
    module = tv.VisionTransformer(64, 16, 2, 2, 32, 64)
    torch.manual_seed(0)
    nn.init.normal_(module.heads.head.weight)
    found = ph.grad_cam(ph.Network(module), torch.randn(1, 3, 64, 64), "logits:7")
    assert found.layer == "encoder.layers.encoder_layer_1.ln_1"
    assert found.raw.shape == (1, 4, 4)


# ---- where maps lie


def test_a_map_is_stretched_evenly():
    found = ph.grad_cam(ph.Network(tiny()), torch.randn(2, 3, 16, 16, dtype=F64), "logits:1", layer="4")
    raw, rows = found.raw, torch.linspace(-0.375, 3.375, 16, dtype=F64).clamp(0, 3)  # row i of 4 at (i + 1/2) 4
    below = rows.floor().clamp(max=2).long()
    share = rows - below
    spread = raw[:, below] * (1 - share)[:, None] + raw[:, below + 1] * share[:, None]
    spread = spread[:, :, below] * (1 - share) + spread[:, :, below + 1] * share
    close(found.values, spread)


@pytest.mark.parametrize("method", [ph.cam, ph.grad_cam, ph.layer_cam, ph.score_cam])
def test_a_shifted_image_shifts_the_map(method):
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 4, stride=4, bias=False), nn.ReLU(), nn.Conv2d(8, 8, 1, bias=False), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    ).to(F64)  # fmt: skip
    x = torch.zeros(2, 3, 48, 48, dtype=F64)
    patch = torch.randn(3, 16, 16, dtype=F64)
    x[0, :, 8:24, 8:24] = patch
    x[1, :, 16:32, 20:36] = patch
    found = method(ph.Network(module), x, "logits:1")
    assert float(found.raw.abs().max()) > 0
    close(found.raw[1], found.raw[0].roll((2, 3), (0, 1)), found.raw.abs().max())
    close(found.values[1], found.values[0].roll((8, 12), (0, 1)), found.raw.abs().max())


# ---- peers


def test_equal_to_torch_cam():
    methods = pytest.importorskip("torchcam.methods")
    torch.manual_seed(0)
    module = tv.resnet18().to(F64).eval()
    network, x = ph.Network(module), torch.randn(2, 3, 64, 64, dtype=F64)
    pairs = [
        (methods.CAM, {"fc_layer": "fc"}, ph.cam(network, x, "logits:7").raw.relu()),
        (methods.GradCAM, {}, ph.grad_cam(network, x, "logits:7").raw),
        (methods.XGradCAM, {}, ph.x_grad_cam(network, x, "logits:7").raw),
        (methods.LayerCAM, {}, ph.layer_cam(network, x, "logits:7").raw),
    ]
    for kind, options, own in pairs:
        with kind(module, "layer4", **options) as extractor:
            maps = extractor(7, module(x.clone().requires_grad_()), normalized=False)[0].detach().relu()
        close(own / own.amax((1, 2), keepdim=True), maps / maps.amax((1, 2), keepdim=True), 1, 1e-6)


@pytest.mark.parametrize(
    ("kind", "own"), [("GradCAM", ph.grad_cam), ("GradCAMPlusPlus", ph.grad_cam_plus_plus), ("XGradCAM", ph.x_grad_cam)]
)
def test_equal_to_pytorch_grad_cam(kind, own):
    peer = pytest.importorskip("pytorch_grad_cam")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    module = tiny().eval()
    module[-1].weight.data *= 1e4  # it adds 1e-6 to Grad-CAM++'s denominators: small beside such gradients
    x = torch.randn(1, 3, 16, 16, dtype=F64)
    with getattr(peer, kind)(module, [module[5]]) as other:
        expected = torch.from_numpy(other(x, [ClassifierOutputTarget(1)])).double()
    found = F.interpolate(own(ph.Network(module), x, "logits:1", layer="5").raw[:, None], (16, 16), mode="bilinear")[
        :, 0
    ]
    low, high = found.amin(), found.amax()
    close((found - low) / (high - low), expected, 1, 1e-4)  # its numbers come back through OpenCV


def test_equal_to_pytorch_grad_cam_on_a_transformer():
    peer = pytest.importorskip("pytorch_grad_cam")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    torch.manual_seed(0)
    module = timm.create_model("vit_tiny_patch16_224", img_size=64, depth=2).eval()
    x = torch.randn(1, 3, 64, 64)

    def grid(tokens):
        return tokens[:, 1:].unflatten(1, (4, 4)).movedim(-1, 1)

    with peer.GradCAM(module, [module.blocks[-1].norm1], reshape_transform=grid) as other:
        expected = torch.from_numpy(other(x, [ClassifierOutputTarget(7)]))
    found = ph.grad_cam(ph.Network(module), x, "logits:7").values
    low, high = found.amin(), found.amax()
    close((found - low) / (high - low), expected, 1, 1e-3)  # its numbers lie in [0, 1] and come back through OpenCV


def test_equal_to_captum():
    attr = pytest.importorskip("captum.attr")
    module = tiny().eval()
    x = torch.randn(2, 3, 16, 16, dtype=F64)
    expected = attr.LayerGradCam(module, module[4]).attribute(x, 1, relu_attributions=True)[:, 0].detach()
    close(ph.grad_cam(ph.Network(module), x, "logits:1", layer="4").raw, expected)


# ---- threads, refusals, pictures


def test_threads_don_t_mix(unchanged):
    module = tiny()
    network = ph.Network(module)
    images = torch.randn(8, 3, 16, 16, dtype=F64).split(1)
    expected = [ph.grad_cam(network, x, "logits:1").raw for x in images]
    with unchanged(module), ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda x: ph.grad_cam(network, x, "logits:1").raw, images))
    for one, other in zip(found, expected, strict=True):
        close(one, other)


@pytest.mark.parametrize(
    ("layer", "error", "said"),
    [
        ("8", ValueError, "8 of Sequential is 4 an image and has no grid of places"),
        ("33", LookupError, "layer '33' is not in Sequential"),
        (" , ", ValueError, "no layer was given"),
    ],
)
def test_a_layer_that_won_t_do_gets_a_sentence(layer, error, said):
    network = ph.Network(tiny())
    for method in (ph.grad_cam, ph.score_cam, ph.guided_grad_cam):
        with pytest.raises(error, match=said):
            method(network, torch.randn(1, 3, 16, 16, dtype=F64), "logits:1", layer=layer)


def test_a_network_without_maps_gets_a_sentence():
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 4))
    with pytest.raises(LookupError, match="computes nothing with a grid of places before logits"):
        ph.grad_cam(ph.Network(module), torch.rand(1, 3, 8, 8), "logits:1")


def test_a_unit_that_nothing_moves_has_a_map_of_zeros():
    module = tiny()
    nn.init.zeros_(module[-1].weight)
    found = ph.grad_cam(ph.Network(module), torch.randn(1, 3, 16, 16, dtype=F64), "logits:1")
    assert not found.raw.any()


def test_quotients_by_zero_are_zero():
    maps, gradients = torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3, 3)
    maps[0, 0], gradients[0, 1] = torch.eye(3), 1.0
    for formula in (gradient_weighted, plus_plus_weighted, axiom_weighted, place_weighted):
        assert torch.isfinite(formula(maps, gradients)).all()


def test_the_picture_and_the_numbers_say_the_layer():
    network = ph.Network(tiny())
    x = torch.rand(2, 3, 16, 16, dtype=F64)
    found = ph.grad_cam(network, x, "logits:1", layer="4")
    assert "Grad-CAM at 4" in found.picture().caption
    told = found.to_dict()
    assert told["layer"] == "4"
    assert "bias" not in told
    exact = ph.cam(ph.Network(Headed(LINEAR_HEADS["mean"])), torch.rand(1, 3, 16, 16), "logits:1")
    assert len(exact.to_dict()["bias"]) == 1
    assert exact.signed


def test_an_image_of_one_colour_hides_no_head_that_bends():
    class Squared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.linear = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 4)

        def forward(self, x):
            return self.linear(self.convolution(x).mean((2, 3)) ** 2)

    torch.manual_seed(0)
    with pytest.raises(ValueError, match="something that is not linear"):
        ph.cam(ph.Network(Squared().eval()), torch.zeros(1, 3, 16, 16), "logits:1")


def test_a_layer_after_the_target_is_refused():
    torch.manual_seed(0)
    network = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU()).eval())
    x = torch.randn(1, 3, 12, 12)
    with pytest.raises(ValueError, match="2 is computed after 0, which does not hang on it"):
        ph.grad_cam(network, x, "0:1", layer="2")
    assert ph.grad_cam(network, x, "2:1", layer="0").layer == "0"
    assert ph.grad_cam(network, x, "2:1", layer="2").layer == "2"


def test_a_network_that_keeps_no_gradient_is_refused():
    class Frozen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())

        def forward(self, x):
            with torch.no_grad():
                return self.body(x)

    network, x = ph.Network(Frozen().eval()), torch.rand(1, 3, 12, 12)
    for method in (ph.grad_cam, ph.cam, ph.smooth_grad, ph.integrated_gradients):
        with pytest.raises(ValueError, match="no gradient comes back from logits"):
            method(network, x, "logits:1")
