"""Relevance equals the rules written out as sums, and none of it is lost on the way through any network."""

import threading
from pathlib import Path

import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision.models as tv
from torch import nn

import phosphene as ph
from phosphene.attribution.relevance import COMPOSITES, composite
from phosphene.attribution.relevance.lrp import parts_of_score
from phosphene.picture import Text

CAT = Path(ph.__file__).parent / "photos" / "cat.jpg"
RULES = {  # text -> how the rule shares relevance, written out
    "epsilon:0.01": "epsilon", "gamma:0.3": "gamma", "zplus": "zplus", "alphabeta:2:1": "alphabeta",
    "wsquare": "wsquare", "flat": "flat",
}  # fmt: skip


def small():
    torch.manual_seed(3)
    layers = [nn.Conv2d(2, 3, 3, padding=1, stride=2), nn.ReLU(), nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(36, 5)).double()


def share(name, x, w, b, relevance):
    """The relevance of inputs x (J,) from that of outputs (K,), contribution by contribution; w is (K, J)."""
    z = x * w  # (K, J)
    total = z.sum(1) + b
    found = torch.zeros_like(x)
    for k in range(len(total)):
        if name == "epsilon":
            found += z[k] / (total[k] + 0.01 * (1 if total[k] >= 0 else -1)) * relevance[k]
        elif name == "gamma":
            grown = [w[k] + 0.3 * part for part in (w[k].clamp(min=0), w[k].clamp(max=0))]
            up = total[k] > 0
            own = torch.where((x >= 0) == up, x * grown[0], x * grown[1])
            bias = b[k] + 0.3 * (b[k].clamp(min=0) if up else b[k].clamp(max=0))
            found += own / (own.sum() + bias) * relevance[k]
        elif name in ("zplus", "alphabeta"):
            positive, negative = z[k].clamp(min=0), z[k].clamp(max=0)
            above = positive / (positive.sum() + b[k].clamp(min=0))
            below = negative / (negative.sum() + b[k].clamp(max=0))
            found += (above if name == "zplus" else 2 * above - below) * relevance[k]
        else:
            weights = w[k].square() if name == "wsquare" else (w[k] != 0).to(x)
            found += weights / weights.sum() * relevance[k]
    return found


@pytest.mark.parametrize(("text", "name"), RULES.items())
def test_a_rule_equals_its_formula_written_out(text, name):
    module = small()
    x = torch.randn(1, 2, 9, 9, dtype=torch.float64)
    values = [x]
    for layer in module:
        values.append(layer(values[-1]))
    relevance = torch.zeros(5, dtype=torch.float64)
    relevance[2] = values[-1][0, 2].detach()
    for layer, given in reversed(list(zip(module, values, strict=False))):
        if not hasattr(layer, "weight"):
            continue  # an activation hands all on; flattening only moves
        given = given.detach()

        def linear(y, layer=layer, given=given):
            if isinstance(layer, nn.Linear):
                return F.linear(y.view_as(given), layer.weight)[0]
            return F.conv2d(y.view_as(given), layer.weight, None, layer.stride, layer.padding)[0].flatten()

        own = torch.autograd.functional.jacobian(linear, given.flatten()).detach()  # the layer as a matrix
        bias = layer.bias.detach().repeat_interleave(len(own) // len(layer.bias))
        relevance = share(name, given.flatten(), own, bias, relevance)
    found = ph.lrp(ph.Network(module), x, "logits:2", rule=text)
    torch.testing.assert_close(
        found.values[0].flatten(), relevance, rtol=1e-4, atol=1e-4 * float(relevance.abs().max())
    )


def small_vgg(batch_norm):
    """VGG's form at a size that tests can pay."""
    features = tv.vgg.make_layers([8, "M", 16, "M", 32, 32, "M", 32, "M"], batch_norm)
    layers = [
        *features,
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 64),
        nn.ReLU(True),
        nn.Dropout(),
        nn.Linear(64, 10),
    ]
    return nn.Sequential(*layers)


NETWORKS = {
    "vgg_bn": lambda: small_vgg(batch_norm=True),
    "resnet18": tv.resnet18,
    "densenet121": tv.densenet121,
    "googlenet": lambda: tv.googlenet(init_weights=False, aux_logits=False),
    "mobilenet_v2": tv.mobilenet_v2,
    "mobilenet_v3_small": tv.mobilenet_v3_small,
    "regnet_y_400mf": tv.regnet_y_400mf,
    "shufflenet_v2_x0_5": tv.shufflenet_v2_x0_5,
    "efficientnet_lite0": lambda: timm.create_model("tf_efficientnet_lite0"),
    "convnext_atto": lambda: timm.create_model("convnext_atto"),
    "vit": lambda: timm.create_model("vit_tiny_patch16_224", img_size=64, depth=2),
    "torchvision_vit": lambda: tv.VisionTransformer(64, 16, 2, 4, 48, 96, num_classes=10),
    "swin": lambda: tv.SwinTransformer([4, 4], 24, [1, 1], [2, 4], [4, 4]),
}


def stirred(make):
    """The network with every parameter and statistic away from what it begins with."""
    torch.manual_seed(0)
    module = make().double().eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
    for parameter in module.parameters():
        if parameter.ndim == 1 or not parameter.any():
            parameter.data.add_(torch.randn_like(parameter) * 0.1)
    return module


@pytest.mark.parametrize("rule", ["epsilon", "gamma", "composite"])
@pytest.mark.parametrize("name", NETWORKS)
def test_relevance_in_pixels_and_biases_sums_to_the_score(name, rule, unchanged):
    module = stirred(NETWORKS[name])
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with unchanged(module):
        found = ph.lrp(ph.Network(module), x, "logits:3", rule=rule)
    with torch.no_grad():
        torch.testing.assert_close(found.scores, module(x)[:, 3])
    scale = found.scores.abs().amax()
    assert float(found.gap.abs().amax()) < 1e-6 * float(scale)
    assert float(found.absorbed.abs().amin()) > 0


@pytest.mark.parametrize("name", ["vgg_bn", "resnet18", "googlenet"])
@pytest.mark.parametrize("rule", ["zplus", "composite"])
def test_all_relevance_reaches_the_pixels_where_biases_leave_it(name, rule):
    module = stirred(NETWORKS[name])
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    found = ph.lrp(ph.Network(module), x, "logits:3", rule=rule, bias="share")
    torch.testing.assert_close(found.values.flatten(1).sum(1), found.scores, rtol=1e-5, atol=1e-5)


def test_relevance_is_conserved_without_biases():
    module = stirred(tv.resnet18)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.zero_()
            part.bias.data.zero_()
    module.fc.bias.data.zero_()
    found = ph.lrp(ph.Network(module), torch.randn(2, 3, 64, 64, dtype=torch.float64), "logits:3", rule="epsilon:1e-9")
    torch.testing.assert_close(found.values.flatten(1).sum(1), found.scores, rtol=1e-5, atol=0)


class Written(nn.Module):
    """The same network in modules or in functions, in place or not, with a skip, a gate and a concatenation."""

    def __init__(self, how):
        super().__init__()
        self.how = how
        self.first, self.second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.norm, self.gate, self.head = nn.BatchNorm2d(6), nn.Conv2d(6, 6, 1), nn.Linear(12, 4)

    def forward(self, x):
        relu = {
            "module": nn.ReLU(),
            "function": F.relu,
            "in place": nn.ReLU(inplace=True),
            "method": lambda y: y.relu(),
            "clamp": lambda y: y.clamp(min=0),
            "clamp_": lambda y: y.clamp_(min=0),
        }[self.how]
        x = relu(self.first(x))
        y = self.norm(self.second(x))
        if self.how == "in place":
            y += x
        elif self.how == "method":
            y = y.add(x)
        else:
            y = y + x
        y = relu(y)
        gated = y * torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True)))
        both = torch.cat([y, gated], 1) if self.how != "clamp" else torch.concat((y, gated), dim=1)
        return self.head(both.mean((2, 3)) if self.how != "function" else F.adaptive_avg_pool2d(both, 1).flatten(1))


@pytest.mark.parametrize("rule", ["epsilon", "gamma", "zplus", "epsilon-gamma-box"])
def test_it_does_not_matter_how_a_network_is_written(rule):
    x, found = torch.rand(1, 3, 12, 12, dtype=torch.float64), {}
    for how in ("module", "function", "in place", "method", "clamp", "clamp_"):
        torch.manual_seed(0)
        module = Written(how).double().eval()
        module.norm.running_mean.normal_()
        found[how] = ph.lrp(ph.Network(module), x, "logits:1", rule=rule)
        assert abs(float(found[how].gap)) < 1e-8
    for other in found.values():
        torch.testing.assert_close(other.values, found["module"].values)


def test_normalisation_is_folded_into_the_layer_before_it():
    torch.manual_seed(0)
    convolution, norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    norm.weight.data.normal_()
    norm.bias.data.normal_()
    tail = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    folded = torch.nn.utils.fusion.fuse_conv_bn_eval(convolution.eval(), norm.eval())
    x = torch.randn(1, 3, 9, 9).double()
    for rule in ("gamma", "zplus", "epsilon-gamma-box"):
        apart, one = (
            ph.lrp(ph.Network(nn.Sequential(*parts, tail).double().eval()), x, "logits:0", rule=rule)
            for parts in ((convolution, norm), (folded,))
        )
        torch.testing.assert_close(apart.values, one.values)


def test_with_epsilon_of_zero_it_is_the_input_times_the_gradient():
    network, x = ph.Network(stirred(tv.resnet18)), torch.randn(1, 3, 64, 64, dtype=torch.float64)
    found = ph.lrp(network, x, "logits:7", rule="epsilon:0").values
    expected = x * ph.gradient(network, x, "logits:7").values
    assert float((found - expected).norm() / expected.norm()) < 1e-8


def test_attention_held_constant_makes_a_transformer_linear_in_its_values():
    module = stirred(NETWORKS["vit"])
    x = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    ours = ph.lrp(ph.Network(module), x, "logits:3", rule="epsilon:0")

    def held(q, k, v, **kwargs):
        return (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1).detach() @ v

    class Passed(nn.Module):
        def forward(self, y):
            return y * (F.gelu(y) / y).detach()

    class Norm(nn.LayerNorm):
        def forward(self, y):
            return (y - y.mean(-1, keepdim=True)) / (y.var(-1, correction=0, keepdim=True) + self.eps).sqrt().detach() \
                * self.weight + self.bias  # fmt: skip

    for block in module.blocks:
        block.mlp.act = Passed()
    for part in module.modules():
        if isinstance(part, nn.LayerNorm):
            part.__class__ = Norm
    original, F.scaled_dot_product_attention = F.scaled_dot_product_attention, held
    try:
        leaf = x.clone().requires_grad_()
        module(leaf)[0, 3].backward()
    finally:
        F.scaled_dot_product_attention = original
    torch.testing.assert_close(ours.values, x * leaf.grad, rtol=1e-6, atol=1e-12)


def zennit_relevance(module, x, target, make, canonizers=()):
    attribution = pytest.importorskip("zennit.attribution")
    with make(canonizers=list(canonizers)).context(module) as ruled:
        given = x.clone().requires_grad_()
        out = ruled(given)
        seed = torch.zeros_like(out)
        seed[:, target] = out[:, target].detach()
        (found,) = torch.autograd.grad(out, given, seed)
    assert attribution
    return found


def peer(rule):
    core = pytest.importorskip("zennit.composites")
    rules = pytest.importorskip("zennit.rules")
    types = pytest.importorskip("zennit.types")

    def make(canonizers):
        base = {
            "epsilon": rules.Epsilon(1e-6), "gamma": rules.Gamma(0.25), "zplus": rules.ZPlus(),
            "alphabeta": rules.AlphaBeta(2, 1),
        }  # fmt: skip
        if rule in base:
            own = [(types.Convolution, base[rule]), (types.Linear, base[rule])]
            return core.LayerMapComposite([*own, *core.layer_map_base()], canonizers)
        if rule == "composite":
            return core.EpsilonPlusFlat(canonizers=canonizers)
        low, high = torch.zeros(1, 3, 1, 1).double(), torch.ones(1, 3, 1, 1).double()
        return core.EpsilonGammaBox(low, high, canonizers=canonizers)

    return make


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rule", ["epsilon", "gamma", "zplus", "alphabeta", "composite", "epsilon-gamma-box"])
def test_equal_to_zennit_where_that_sees_the_network(rule):
    zennit = pytest.importorskip("zennit.canonizers")
    x = torch.rand(2, 3, 64, 64, dtype=torch.float64)
    for batch_norm, canonizers in ((False, []), (True, [zennit.SequentialMergeBatchNorm()])):
        module = stirred(lambda norm=batch_norm: small_vgg(norm))
        found = ph.lrp(ph.Network(module), x, "logits:3", rule=rule).values
        expected = zennit_relevance(module, x, 3, peer(rule), canonizers)
        assert float((found - expected).norm() / expected.norm()) < 1e-4  # it keeps 1e-6 back where it pools


@pytest.mark.filterwarnings("ignore")
def test_equal_to_zennit_through_skips():
    zennit = pytest.importorskip("zennit.torchvision")
    module = stirred(tv.resnet18)
    x = 1000 * torch.rand(1, 3, 64, 64, dtype=torch.float64)  # its stabilisers at sums are small beside such values
    for rule in ("epsilon", "composite"):
        found = ph.lrp(ph.Network(module), x, "logits:3", rule=rule).values
        expected = zennit_relevance(module, x, 3, peer(rule), [zennit.ResNetCanonizer()])
        assert float((found - expected).norm() / expected.norm()) < 1e-4


def test_several_targets_of_one_image_and_threads():
    network, x = ph.Network(stirred(tv.resnet18)), torch.randn(1, 3, 64, 64, dtype=torch.float64)
    names = [f"logits:{index}" for index in range(11)]
    together = ph.lrp(network, x, names)
    found = {}

    def one(name):
        found[name] = ph.lrp(network, x, name)

    threads = [threading.Thread(target=one, args=(name,)) for name in names[:4]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, name in enumerate(names[:4]):
        torch.testing.assert_close(together.values[index], found[name].values[0])
        torch.testing.assert_close(together.absorbed[index], found[name].absorbed[0])


def test_zero_outside_the_receptive_field_of_a_unit():
    network, x = ph.Network(stirred(tv.resnet18)), torch.randn(1, 3, 96, 96, dtype=torch.float64)
    box = network.receptive_field("layer2:5", (6, 7), 96)
    found = ph.lrp(network, x, "layer2:5@6,7").maps[0].clone()
    found[int(box.top) : int(box.bottom), int(box.left) : int(box.right)] = 0
    assert not found.any()


def test_patterns_of_names_choose_layers():
    network, x = ph.Network(stirred(tv.resnet18)), torch.randn(1, 3, 64, 64, dtype=torch.float64)
    found = ph.lrp(network, x, "logits:3", rule="first=zbox,layer4.*=epsilon:0.5,convolution=gamma:0.1")
    assert found.rules["conv1"] == "zbox"
    assert found.rules["layer1.0.conv1"] == "gamma:0.1"
    assert found.rules["layer4.1.conv2"] == "epsilon:0.5"
    assert found.rules["fc"] == "epsilon:1e-06"


@pytest.mark.parametrize(
    ("rule", "error", "said"),
    [
        ("gama", LookupError, "near it: gamma"),
        ("first=flt", LookupError, "near it: flat"),
        ("gamma:x", ValueError, "write it as gamma:0.25"),
        ("alphabeta:3:1", ValueError, "less the second is 1"),
        ("layer9.*=flat", LookupError, "fits layer9"),
        ("convolution=zbox", ValueError, "first=zbox"),
        ("first=flat,linear", ValueError, "LAYER=RULE"),
    ],
)
def test_a_wrong_rule_gets_a_sentence(rule, error, said):
    network = ph.Network(tv.resnet18())
    with pytest.raises(error, match=said):
        ph.lrp(network, torch.rand(1, 3, 64, 64), "logits:3", rule=rule)


def test_wrong_options_and_targets_get_a_sentence():
    network, x = ph.Network(tv.resnet18()), torch.rand(1, 3, 64, 64)
    with pytest.raises(ValueError, match="absorb, share"):
        ph.lrp(network, x, "logits:3", bias="spread")
    with pytest.raises(ValueError, match="ask for logits"):
        ph.lrp(network, x, "probabilities:3")
    with pytest.raises(ValueError, match="nearly cancel"):
        ph.lrp(ph.load(), ph.read(CAT), "logits:285", rule="epsilon-gamma-box", bias="share")
    last = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Softmax(1)))
    with pytest.raises(ValueError, match="held constant"):
        ph.lrp(last, x, "logits:3")
    with pytest.raises(LookupError, match="no layer with weights"):
        ph.lrp(ph.Network(nn.Sequential(nn.AvgPool2d(2), nn.Flatten())), x, "logits:3")


def test_every_named_composite_is_read_as_it_is_written():
    for name, text in COMPOSITES.items():
        assert composite(name) == composite(text)
        assert composite(str(composite(name))) == composite(name)


def test_a_caller_in_inference_mode_gets_the_same():
    network, x = ph.Network(small()), torch.randn(1, 2, 9, 9, dtype=torch.float64)
    expected = ph.lrp(network, x, "logits:1")
    with torch.inference_mode():
        found = ph.lrp(network, x, "logits:1")
    torch.testing.assert_close(found.values.clone(), expected.values, rtol=0, atol=0)
    torch.testing.assert_close(found.absorbed.clone(), expected.absorbed, rtol=0, atol=0)


def test_what_biases_keep_is_each_images_own_where_images_are_not_the_first_dimension():
    class SequenceFirst(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches, self.mix, self.head = nn.Conv2d(3, 16, 8, 8), nn.Linear(16, 16), nn.Linear(16, 5)

        def forward(self, x):
            tokens = self.patches(x).flatten(2).permute(2, 0, 1)
            return self.head(self.mix(tokens).relu().mean(0))

    torch.manual_seed(0)
    network, x = ph.Network(SequenceFirst().double().eval()), torch.randn(2, 3, 32, 32, dtype=torch.float64)
    both = ph.lrp(network, x, "logits:1")
    alone = torch.cat([ph.lrp(network, x[i : i + 1], "logits:1").absorbed for i in range(2)])
    torch.testing.assert_close(both.absorbed, alone, rtol=0, atol=1e-12)
    torch.testing.assert_close(both.gap, torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-9)


class WrittenInto(nn.Module):
    """Writes into a value that a convolution has taken, as networks with activations before their convolutions do."""

    def __init__(self, in_place):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.second, self.head, self.in_place = nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 3), in_place

    def forward(self, x):
        x = self.norm(self.first(x))
        y = self.second(x)
        x = F.relu_(x) if self.in_place else F.relu(x)
        return self.head((x + y).mean((2, 3)))


@pytest.mark.parametrize("rule", ["composite", "zplus", "epsilon-gamma-box", "alphabeta"])
def test_a_value_written_into_after_a_layer_took_it_is_the_one_it_took(rule):
    torch.manual_seed(0)
    module = WrittenInto(True).double().eval()
    plain = WrittenInto(False).double().eval()
    plain.load_state_dict(module.state_dict())
    x = torch.randn(2, 3, 9, 9, dtype=torch.float64)
    found, expected = (ph.lrp(ph.Network(each), x, "logits:1", rule=rule) for each in (module, plain))
    assert torch.equal(found.values, expected.values)
    assert found.values.any()
    torch.testing.assert_close(found.absorbed, expected.absorbed)


def test_a_layer_that_a_norm_follows_is_shared_out_once(monkeypatch):
    calls = []
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(196, 3)).eval()
    x = torch.rand(1, 3, 9, 9)
    network = ph.Network(module)
    rule = composite("zplus").table[0][1]
    portions = type(rule).portions
    monkeypatch.setattr(type(rule), "portions", lambda *given: calls.append(given[1]) or portions(*given))
    ph.lrp(network, x, "logits:1", rule="zplus")
    assert len(calls) == 2  # of the convolution with its norm, and of the linear layer


# ---- how much of the score the pixels hold


def written(found):
    return " ".join(mark.string for mark in found.picture().drawing.marks if isinstance(mark, Text))


def lead(x, w, b, relevance):
    """zplus with biases left to the inputs: an output without a positive contribution gives all its inputs the same."""
    found = torch.zeros_like(x)
    for k in range(len(w)):
        positive = (x * w[k]).clamp(min=0)
        seen = (w[k] != 0).to(x)
        share = positive / positive.sum() if positive.sum() > 1e-5 else seen / seen.sum()
        found += share * relevance[k]
    return found


def test_outputs_that_no_input_speaks_for_share_alike_where_biases_are_left_to_the_inputs():
    torch.manual_seed(5)
    layers = [nn.Conv2d(2, 6, 3, groups=2), nn.ReLU(), nn.Conv2d(6, 6, 3, groups=6), nn.ReLU(), nn.Flatten()]
    module = nn.Sequential(*layers, nn.Linear(150, 3, bias=False)).double()
    module[0].bias.data -= 0.4
    module[2].bias.data += 0.5
    x = torch.randn(1, 2, 9, 9, dtype=torch.float64)
    values = [x]
    for layer in module:
        values.append(layer(values[-1]))
    relevance = torch.zeros(3, dtype=torch.float64)
    relevance[1] = values[-1][0, 1].detach()
    bare = 0
    for layer, given in reversed(list(zip(module, values, strict=False))):
        if not hasattr(layer, "weight"):
            continue
        given = given.detach()

        def linear(y, layer=layer, given=given):
            if isinstance(layer, nn.Linear):
                return layer(y.view_as(given))[0]
            return F.conv2d(y.view_as(given), layer.weight, None, groups=layer.groups)[0].flatten()

        own = torch.autograd.functional.jacobian(linear, given.flatten()).detach()
        if isinstance(layer, nn.Linear):
            total = own @ given.flatten()
            relevance = sum(
                given.flatten() * own[k] / (total[k] + 1e-6 * total[k].sign()) * relevance[k] for k in range(3)
            )
        else:
            contributions = (given.flatten() * own).clamp(min=0).sum(1)
            bare += int(((contributions == 0) & (relevance.abs() > 1e-9)).sum())
            relevance = lead(given.flatten(), own, None, relevance)
    assert bare > 3  # else nothing was tried
    rule = "convolution=zplus,linear=epsilon"
    for bias in ("share", "safe"):
        found = ph.lrp(ph.Network(module), x, "logits:1", rule=rule, bias=bias)
        torch.testing.assert_close(
            found.values[0].flatten(), relevance, rtol=2e-3, atol=1e-4 * float(relevance.abs().max())
        )  # the rule's 1e-6 beside small sums


@pytest.mark.parametrize("name", ["vgg_bn", "resnet18", "mobilenet_v2", "efficientnet_lite0", "vit", "swin"])
def test_the_default_holds_the_score_and_takes_no_part_in_sums_that_cancel(name):
    module = stirred(NETWORKS[name])
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    found = ph.lrp(ph.Network(module), x, "logits:3")
    assert found.rule == "composite-share"
    assert float(found.gap.abs().amax()) < 1e-6 * float(found.scores.abs().amax())
    if name in ("vit", "swin"):  # linear layers under epsilon keep what biases get
        before = ph.lrp(ph.Network(module), x, "logits:3", rule="composite")
        torch.testing.assert_close(found.values, before.values)
    else:
        before = ph.lrp(ph.Network(module), x, "logits:3", rule="composite")
        last = module[-1].bias[3].detach() if name == "vgg_bn" else 0.0  # nothing of the image is in it
        held, held_before = (one.values.flatten(1).sum(1) / (one.scores - last) for one in (found, before))
        assert (held > held_before).all()
        assert held.amin().item() > 0.1


def test_composite_keeps_what_biases_get_as_ever():
    network, x = ph.Network(small()), torch.randn(1, 2, 9, 9, dtype=torch.float64)
    plain = ph.lrp(network, x, "logits:2", rule="composite")
    assert torch.equal(plain.values, ph.lrp(network, x, "logits:2", rule="composite", bias="absorb").values)
    safe = ph.lrp(network, x, "logits:2", rule="composite", bias="safe")
    assert torch.equal(safe.values, ph.lrp(network, x, "logits:2").values)
    assert not torch.allclose(safe.values, plain.values)


def test_relevance_says_how_much_of_the_score_it_holds():
    network, x = ph.Network(small().float()), torch.randn(1, 2, 9, 9)
    relevance = ph.lrp(network, x, "logits:2", rule="composite")
    pixels = float(relevance.values.sum() / relevance.scores[0])
    kept = float(relevance.absorbed[0] / relevance.scores[0])
    said = relevance.note(0)
    assert said == parts_of_score(pixels, kept, 0.0, 1.0)
    assert said in written(ph.why(network, x, "logits:2", method="lrp:rule=composite"))
    assert said in written(relevance)


def test_shares_of_a_score_are_told_in_percent_or_as_numbers():
    assert parts_of_score(0.71, 0.29, 0.0, 1.0) == "the pixels hold 71 % of the score, biases kept 29 %"
    assert (
        parts_of_score(-0.0004, 1.5, 0.5, 2.0) == "the pixels hold -0.02 % of the score, biases kept 75 %, 25 % is lost"
    )
    assert parts_of_score(3.0, -2.99, 0.0, 0.01) == "the pixels hold 3.00 of the score 0.0100, biases kept −2.99"
