"""Parts whose inside can't be seen run and are recorded; what would need their inside is refused in one sentence."""

import warnings

import pytest
import torch
from torch import nn

import phosphene as ph


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.conv(x)).relu() + x


def chain(part: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, 3, padding=1), part, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    return nn.Sequential(*layers)


def opened(module: nn.Module) -> ph.Network:
    return ph.Network(module, ph.Preprocessing.plain(16))


def images() -> torch.Tensor:
    return torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=["scripted", "traced"])
def part(request):
    torch.manual_seed(0)
    inner = Inner().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is on its way out, but people have it
        if request.param == "scripted":
            return torch.jit.script(inner)
        return torch.jit.trace(inner, torch.rand(1, 4, 16, 16))


def test_a_scripted_part_is_a_layer_without_an_inside(part):
    network = opened(chain(part).eval())
    assert [layer.name for layer in network.layers()] == ["0", "1", "2", "3", "4", "5", "logits"]
    assert str(network.layer("0").field) == "3 × 3 px, every 1 × 1 px"
    assert network.receptive_field("1") is ph.UNKNOWN
    assert torch.equal(network.record(images(), "1")["1"], network.module[:2](images()))
    with pytest.raises(LookupError, match=r"layer '1\.conv' is not in Sequential"):
        network.record(images(), "1.conv")


def test_gradients_and_occlusion_pass_through_a_scripted_part(part):
    module = chain(part).eval()
    network, x = opened(module), images().requires_grad_()
    (expected,) = torch.autograd.grad(module(x)[0, 1], x)
    torch.testing.assert_close(ph.gradient(network, images(), "logits:1").values, expected)
    fill = torch.zeros(3)
    drops = ph.occlusion(network, images(), "logits:1", window=8, stride=8, fill="zero").drops
    for row in range(2):
        for column in range(2):
            masked = images()
            masked[..., 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = fill[0]
            drop = module(images())[0, 1] - module(masked)[0, 1]
            torch.testing.assert_close(drops[0, row, column], drop.detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", [ph.guided, ph.deconvnet, ph.lrp])
def test_a_method_that_rules_functions_does_not_pretend_to_rule_a_scripted_part(part, method):
    with pytest.raises(ValueError, match=r"the inside of '1', a scripted part, can't be seen; give the network with"):
        method(opened(chain(part).eval()), images(), "logits:1")


def test_a_scripted_part_in_training_mode_is_evaluated_and_left_as_it_was():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = torch.jit.script(Inner())
    module = chain(part).train()
    network = opened(module)
    first, again = (network.record(images(), "logits")["logits"] for _ in range(2))
    assert torch.equal(first, again)
    assert all(each.training for each in module.modules())


def test_a_part_compiled_in_place_is_seen_as_it_was_before(unchanged):
    module = chain(Inner()).eval()
    names = [layer.name for layer in opened(module).layers()]
    values = opened(module).record(images(), "1.conv", "1.relu", "logits")
    module[1].compile(backend="eager")
    with unchanged(module):
        network = opened(module)
        assert [layer.name for layer in network.layers()] == names
        again = network.record(images(), "1.conv", "1.relu", "logits")
        assert torch.equal(network.record(images(), "1.conv")["1.conv"], values["1.conv"])
    for name, value in values.items():
        assert torch.equal(again[name], value)


def test_no_gradient_comes_back_through_a_quantised_part():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.ao.quantization.quantize_dynamic(chain(Inner()).eval(), {nn.Linear})
    network = opened(module)
    assert network.layer("5").shape == (3,)
    with torch.no_grad():
        assert torch.equal(network.record(images(), "logits")["logits"], module(images()))
    for method in (ph.gradient, ph.guided, ph.lrp, ph.grad_cam):
        with pytest.raises(
            ValueError, match=r"no gradient comes back through '5', a quantised Linear; open the network"
        ):
            method(network, images(), "logits:1")
    assert ph.occlusion(network, images(), "logits:1", window=8, stride=8).drops.abs().max() > 0
    assert ph.gradient(network, images(), "1.conv:0@3,3").values.abs().max() > 0


def doubled(x: torch.Tensor) -> torch.Tensor:
    return torch.relu(x) * 2


class Calling(nn.Module):
    """An eager network with a ReLU of its own, which also calls a scripted function."""

    def __init__(self):
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.function = torch.jit.script(doubled)
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(self.function(torch.relu(self.conv(x))).mean((2, 3)))


def test_a_scripted_function_is_a_value_without_an_inside():
    torch.manual_seed(0)
    module, x = Calling().eval(), images()
    before = torch.jit.ScriptFunction.__call__
    network = opened(module)
    assert [layer.name for layer in network.layers()] == ["conv", "relu", "doubled", "mean", "fc", "logits"]
    assert torch.equal(network.record(x, "doubled")["doubled"], doubled(torch.relu(module.conv(x))))
    assert torch.jit.ScriptFunction.__call__ is before
    x.requires_grad_()
    (right,) = torch.autograd.grad(module(x)[0, 1], x)
    assert torch.equal(ph.gradient(network, x.detach(), "logits:1").values, right)


@pytest.mark.parametrize("method", [ph.guided, ph.deconvnet, ph.lrp])
def test_a_method_that_rules_functions_does_not_pretend_to_rule_a_scripted_function(method):
    with pytest.raises(ValueError, match="the inside of 'doubled', a scripted function, can't be seen"):
        method(opened(Calling().eval()), images(), "logits:1")
