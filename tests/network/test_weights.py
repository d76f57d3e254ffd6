"""Weights are read as the network uses them, and reading changes nothing."""

import copy
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

import phosphene as ph
from phosphene.attribution.trials.randomised import parametrised, randomised
from phosphene.network.running.weights import weight_of


def old(norm: str) -> Callable[[nn.Module], nn.Module]:
    def put(module: nn.Module) -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return getattr(nn.utils, norm)(module)

    return put


def pruned(module: nn.Module) -> nn.Module:
    prune.l1_unstructured(module, "weight", 0.5)
    with torch.no_grad():
        module.weight_orig.mul_(2)  # as loading would: what the hook made last is out of date
    return module


WAYS = {
    "spectral norm": parametrizations.spectral_norm,
    "weight norm": parametrizations.weight_norm,
    "older spectral norm": old("spectral_norm"),
    "older weight norm": old("weight_norm"),
    "pruned": pruned,
    "plain": lambda module: module,
}


def made(way: str) -> nn.Sequential:
    torch.manual_seed(0)
    first = WAYS[way](nn.Conv2d(3, 6, 3))
    return nn.Sequential(first, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)).train()


def used(module: nn.Module) -> torch.Tensor:
    """The weights that a convolution computes with: what it answers to a single 1 at each place of each channel."""
    places = torch.eye(27).view(27, 3, 3, 3)
    bias = module.bias.detach()
    with torch.no_grad():
        return (module.eval()(places)[:, :, 0, 0] - bias).T.reshape(6, 3, 3, 3)


def values(module: nn.Module) -> dict[str, torch.Tensor]:
    """Weights and buffers, and the weights that hooks leave as attributes."""
    attributes = {
        f"{name}.{key}": value
        for name, part in module.named_modules()
        for key, value in part.__dict__.items()
        if isinstance(value, torch.Tensor)
    }
    return {key: value.detach().clone() for key, value in {**module.state_dict(), **attributes}.items()}


def same(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> bool:
    return before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("way", WAYS)
def test_a_weight_is_read_as_the_network_uses_it(way: str) -> None:
    module = made(way)
    before = values(module)
    read = weight_of(module, module[0])
    assert read is not None
    assert same(before, values(module))
    assert module.training
    torch.testing.assert_close(read, used(module[0]))


@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_reads_weights_changes_them(way: str, unchanged) -> None:
    module = made(way)
    network = ph.Network(module, ph.Preprocessing.plain(32))
    before, x = values(module), torch.rand(1, 3, 32, 32)
    with unchanged(module):
        ph.filters(network)
        ph.draw(network).picture()
        ph.anatomy(network, x, "0").picture()
        ph.gradient(network, x, "logits:1")
        ph.lrp(network, x, "logits:1")
        ph.occlusion(network, x, "logits:1")
        ph.check(network).picture()
        assert network.fingerprint
        for name, value in values(module).items():
            assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("way", WAYS)
def test_filters_are_those_that_the_network_uses(way: str) -> None:
    module = made(way)
    shown = torch.from_numpy(ph.filters(ph.Network(module)).weights)
    torch.testing.assert_close(shown, used(module[0]))


@pytest.mark.parametrize("way", WAYS)
def test_a_randomised_copy_holds_the_weights_that_were_used_in_other_places(way: str) -> None:
    module = made(way)
    network = ph.Network(module, ph.Preprocessing.plain(32))
    before = values(module)
    names = parametrised(network)
    assert names == ["0", "4"]
    copied = randomised(network, names)
    assert same(before, values(module))
    weights = used(module[0])
    there = copied.module[0].weight.detach()
    assert not torch.equal(there, weights)
    torch.testing.assert_close(there.flatten().sort().values, weights.flatten().sort().values)
    torch.testing.assert_close(used(copied.module[0]), there)
    assert (
        randomised(network, [])
        .record(torch.ones(1, 3, 32, 32), "logits")["logits"]
        .equal(network.record(torch.ones(1, 3, 32, 32), "logits")["logits"])
    )


def test_a_module_without_weights_has_none_to_read() -> None:
    module = nn.Sequential(nn.ReLU())
    assert weight_of(module, module[0]) is None


def test_a_network_can_still_be_copied_after_a_gradient_ran_through_an_older_norm() -> None:
    module = made("older spectral norm")
    network = ph.Network(module, ph.Preprocessing.plain(32))
    ph.gradient(network, torch.rand(1, 3, 32, 32), "logits:1")
    copy.deepcopy(module)
