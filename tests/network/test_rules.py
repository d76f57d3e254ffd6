"""Functions replaced inside one run: found however a network calls them, and the network knows nothing of it."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import phosphene as ph
from phosphene.network import Network, Rules, functions

IMAGES = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


class _Guided(torch.autograd.Function):
    """Springenberg et al. 2015: a signal passes where the input was positive and the signal is."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, signal):
        (x,) = ctx.saved_tensors
        return signal * (x > 0) * (signal > 0)


class _Deconvnet(torch.autograd.Function):
    """Zeiler and Fergus 2014: a signal passes where it is positive."""

    @staticmethod
    def forward(ctx, x):
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, signal):
        return signal * (signal > 0)


def guided(x, inplace=False):
    return _Guided.apply(x)


def deconvnet(x, inplace=False):
    return _Deconvnet.apply(x)


def rules(rule=guided, name="guided backprop") -> Rules:
    return Rules(name, "ReLU", dict.fromkeys(functions("relu"), rule))


class Net(nn.Module):
    """Two convolutions and two ReLUs, called the way `act` does."""

    def __init__(self, act) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 5, 3, padding=1)
        self.head = nn.Linear(5, 4)
        self.act = act

    def forward(self, x):
        return self.head(self.act(self.b(self.act(self.a(x)))).mean((2, 3)))


class Residual(Net):
    """An in-place ReLU whose input something else holds: it must see the change."""

    def forward(self, x):
        held = self.a(x)
        y = self.b(F.relu_(held))
        return self.head((F.relu(y) + held[:, :5]).mean((2, 3)))


WAYS = {
    "module": nn.ReLU(),
    "in-place module": nn.ReLU(inplace=True),
    "F.relu": F.relu,
    "F.relu in place by keyword": lambda x: F.relu(x, inplace=True),
    "F.relu in place by position": lambda x: F.relu(x, True),
    "F.relu with everything by keyword": lambda x: F.relu(input=x, inplace=True),
    "torch.relu": torch.relu,
    "the method": lambda x: x.relu(),
    "the in-place method": lambda x: x.relu_(),
    "torch.relu_": torch.relu_,
    "F.relu_": F.relu_,
}


def build(kind=Net, act=F.relu) -> nn.Module:
    torch.manual_seed(3)
    return kind(act).double()


def by_hand(module: nn.Module, images, residual: bool = False, guide: bool = True):
    """d logits[:, 2].sum() / d images, each step written out: forward, then backward through every layer."""
    weight = {name: p.detach() for name, p in module.named_parameters()}
    one = F.conv2d(images, weight["a.weight"], weight["a.bias"], padding=1)
    first = one.clamp(min=0)
    two = F.conv2d(first, weight["b.weight"], weight["b.bias"], padding=1)
    pixels = images.shape[2] * images.shape[3]
    signal = (weight["head.weight"][2] / pixels)[None, :, None, None].expand_as(two)
    skip = signal.clone()
    signal = signal * (two > 0) * ((signal > 0) if guide else 1)
    signal = F.conv_transpose2d(signal, weight["b.weight"], padding=1)
    if residual:
        signal = signal + F.pad(skip, (0, 0, 0, 0, 0, 1))
    signal = signal * (one > 0) * ((signal > 0) if guide else 1)
    return F.conv_transpose2d(signal, weight["a.weight"], padding=1)


def gradient(module: nn.Module, rule: Rules | None):
    images = IMAGES.double().requires_grad_()
    scores = Network(module).record(images, "logits", rules=rule)["logits"]
    return scores.detach(), torch.autograd.grad(scores[:, 2].sum(), images)[0]


@pytest.mark.parametrize("way", WAYS)
def test_a_rule_meets_every_way_to_call_relu_and_equals_the_computation_by_hand(way, unchanged):
    module = build(act=WAYS[way])
    with unchanged(module):
        scores, found = gradient(module, rules())
    torch.testing.assert_close(found, by_hand(module, IMAGES.double()))
    torch.testing.assert_close(scores, module(IMAGES.double()).detach(), rtol=0, atol=0)
    assert not torch.allclose(found, by_hand(module, IMAGES.double(), guide=False))


@pytest.mark.parametrize("guide", [True, False])
def test_what_a_rule_returns_in_place_is_seen_by_all_who_hold_the_tensor(guide):
    module = build(Residual)
    scores, found = gradient(module, rules() if guide else None)
    torch.testing.assert_close(found, by_hand(module, IMAGES.double(), residual=True, guide=guide))
    torch.testing.assert_close(scores, module(IMAGES.double()).detach(), rtol=0, atol=0)


def test_without_rules_the_gradient_is_autograds_by_hand():
    module = build()
    torch.testing.assert_close(gradient(module, None)[1], by_hand(module, IMAGES.double(), guide=False))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (guided, [[0, 0, 0], [6, 0, 0], [0, 0, 3]]),
        (deconvnet, [[0, 3, 0], [6, 0, 1], [2, 0, 3]]),
        (None, [[-2, 0, -1], [6, 0, 0], [0, -1, 3]]),
    ],
)
def test_the_three_ways_back_through_a_relu_differ_as_in_springenbergs_figure(rule, expected):
    x = torch.tensor([[[[1.0, -1, 5], [2, -5, -7], [-3, 2, 4]]]], requires_grad=True)
    signal = torch.tensor([[[[-2.0, 3, -1], [6, -3, 1], [2, -1, 3]]]])
    network = Network(nn.Sequential(nn.ReLU()))
    out = network.record(x, "0", rules=rule and rules(rule))["0"]
    assert out.tolist() == [[[[1, 0, 5], [2, 0, 0], [0, 2, 4]]]]
    assert torch.autograd.grad(out, x, signal)[0][0, 0].tolist() == expected


def test_rules_that_meet_nothing_raise_and_say_what_there_is():
    class Transformerish(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, x):
            for _ in range(25):
                x = F.gelu(self.conv(x)[:, :3])
            return F.silu(x).mean((2, 3))

    with pytest.raises(LookupError) as error:
        Network(Transformerish()).record(IMAGES, "logits", rules=rules())
    assert str(error.value) == "guided backprop found no ReLU in this network; it has 25 GELU, 1 SiLU"


def test_rules_on_a_network_without_activations_say_so():
    with pytest.raises(LookupError, match="no activation function that Phosphene knows"):
        Network(nn.Sequential(nn.Conv2d(3, 2, 1))).record(IMAGES, "logits", rules=rules())


def test_an_error_inside_a_rule_reaches_the_caller_as_it_is(unchanged):
    def wrong(x, inplace=False):
        raise ZeroDivisionError("in the rule")

    module = build()
    with unchanged(module), pytest.raises(ZeroDivisionError, match="in the rule"):
        Network(module).record(IMAGES.double(), "logits", rules=rules(wrong))


def test_rules_hold_for_their_run_only():
    module = build()
    network = Network(module)
    images = IMAGES.double()
    zero = Rules("nothing", "ReLU", dict.fromkeys(functions("relu"), lambda x, inplace=False: x * 0))
    plain = network.record(images, "logits")["logits"]
    assert not torch.equal(network.record(images, "logits", rules=zero)["logits"], plain)
    assert torch.equal(network.record(images, "logits")["logits"], plain)
    assert torch.equal(module(images).detach(), plain)


def test_a_rule_may_call_the_function_that_it_stands_for():
    twice = Rules("twice", "ReLU", dict.fromkeys(functions("relu"), lambda x, inplace=False: F.relu(x) * 2))
    assert Network(nn.Sequential(nn.ReLU())).record(IMAGES, "logits", rules=twice)["logits"].equal(IMAGES * 2)


def test_functions_finds_every_home_of_a_name():
    found = set(functions("relu"))
    assert {F.relu, F.relu_, torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_} <= found
    assert functions("no_such_function") == ()


def test_functions_that_another_package_has_replaced_are_not_ruled(monkeypatch):
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)).eval()
    network, own = ph.Network(module, ph.Preprocessing.plain(8)), torch.relu
    before = ph.guided(network, torch.ones(1, 3, 8, 8), "logits:1").values
    monkeypatch.setattr(torch, "relu", lambda x: own(x))
    for method in (ph.guided, ph.lrp):
        with pytest.raises(ValueError, match=f"and {__name__} has put others in their place in this process"):
            method(network, torch.ones(1, 3, 8, 8), "logits:1")
    monkeypatch.undo()
    assert torch.equal(ph.guided(network, torch.ones(1, 3, 8, 8), "logits:1").values, before)
