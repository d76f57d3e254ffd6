"""The cascade: copies are randomised, the network is not; maps notice what they should."""

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.attribution.trials.likeness import spearman
from phosphene.attribution.trials.randomised import descending, parametrised, parts, randomised, stages
from phosphene.network.running.weights import plain_copy
from phosphene.picture import Text


class Residual(nn.Module):
    """Modules registered in another order than they are computed in, one shared, one with statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 5)
        self.again = nn.Conv2d(6, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.stem = nn.Conv2d(3, 6, 3, padding=1)

    def forward(self, x):
        x = self.norm(self.stem(x)).relu()
        x = x + self.again(x).relu()
        return self.head(x.mean((2, 3)))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    module = Residual().double().eval()
    nn.init.uniform_(module.norm.weight)
    nn.init.uniform_(module.norm.bias)
    module.norm.running_var.copy_(torch.rand(6) + 0.5)
    module.norm.running_mean.copy_(torch.randn(6))
    return ph.Network(module, ph.Preprocessing.plain(24))


def images(count=1):
    return torch.rand(count, 3, 24, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_layers_are_taken_as_they_are_computed_the_last_alone(network):
    assert parametrised(network) == ["stem", "norm", "again", "head"]
    assert [stage.modules for stage in stages(network, 2)] == [("head",), ("again", "norm", "stem")]
    assert [stage.name for stage in stages(network, 9)] == ["head", "again", "norm", "stem"]
    assert [stage.modules for stage in stages(network, 1)] == [("head", "again", "norm", "stem")]


@pytest.mark.parametrize("how", ["permute", "normal"])
def test_the_network_stays_as_it_is(network, how, unchanged):
    with unchanged(network.module):
        ph.cascade(network, images(), methods="gradient", depths=3, how=how)
        ph.cascade(network, images(), methods="gradient", depths=3, how=how, order="independent")
        assert not network.module.training


def test_permuted_weights_are_the_same_numbers_in_other_places(network):
    other = randomised(network, ["stem", "norm"])
    for name, tensor in network.module.state_dict().items():
        found = other.module.state_dict()[name]
        changed = name.startswith(("stem", "norm")) and tensor.ndim > 0
        assert torch.equal(tensor, found) != changed, name
        torch.testing.assert_close(tensor.flatten().sort().values, found.flatten().sort().values)


def test_statistics_move_with_the_channel_that_they_belong_to(network):
    other = randomised(network, ["norm"]).module.norm
    norm = network.module.norm
    where = [norm.running_var.tolist().index(value) for value in other.running_var.tolist()]
    assert torch.equal(other.running_mean, norm.running_mean[where])


def test_normal_weights_have_the_mean_and_spread_of_the_old_ones():
    torch.manual_seed(0)
    net = ph.Network(nn.Sequential(nn.Conv2d(3, 64, 9), nn.ReLU()), ph.Preprocessing.plain(12))
    old, new = (each.module[0].weight.detach() for each in (net, randomised(net, ["0"], how="normal")))
    assert float(new.std()) == pytest.approx(float(old.std()), rel=0.03)
    assert float(new.mean()) == pytest.approx(float(old.mean()), abs=0.03 * float(old.std()))
    assert abs(float(spearman(old[None], new[None])[0])) < 0.05


def test_what_a_layer_gets_depends_on_its_name_and_the_seed_alone(network):
    one = randomised(network, ["head"], seed=3).module.head.weight
    assert torch.equal(one, randomised(network, ["stem", "head"], seed=3).module.head.weight)
    assert not torch.equal(one, randomised(network, ["head"], seed=4).module.head.weight)


@pytest.mark.parametrize("cumulative", [True, False])
def test_a_descent_passes_through_the_copies_made_one_by_one(network, cumulative):
    steps = stages(network, 4)
    for index, found in enumerate(descending(network, steps, cumulative=cumulative, seed=2)):
        among = steps[: index + 1] if cumulative else steps[index : index + 1]
        expected = randomised(network, [name for stage in among for name in stage.modules], seed=2)
        for name, tensor in expected.module.state_dict().items():
            assert torch.equal(tensor, found.module.state_dict()[name]), (index, name)


def test_each_number_is_that_of_the_methods_own_maps(network):
    x = images(2)
    found = ph.cascade(network, x, "logits:2", methods="gradient,guided", depths=3, seed=5)
    assert found.spearman.shape == found.magnitudes.shape == found.ssim.shape == (2, 3, 2)
    steps = stages(network, 3)
    other = randomised(network, [name for stage in steps[:2] for name in stage.modules], seed=5)
    trained, random = ph.guided(network, x, "logits:2"), ph.guided(other, x, "logits:2")
    np.testing.assert_allclose(found.magnitudes[1, 1], spearman(trained.maps, random.maps).numpy())
    np.testing.assert_allclose(found.spearman[1, 1], spearman(trained.values.sum(1), random.values.sum(1)).numpy())
    expected = other.record(x, "probabilities")["probabilities"][:, 2]
    np.testing.assert_allclose(found.probabilities[2], expected.detach().numpy())
    torch.testing.assert_close(found.maps[1][2].double(), random.maps[0], atol=1e-6, rtol=1e-5)


def test_the_target_is_the_trained_networks(network):
    best = int(network.record(images(), "logits")["logits"].argmax())
    assert ph.cascade(network, images(), methods="gradient", depths=2).targets == (f"logits:{best}",)


def test_weights_that_are_all_alike_can_not_be_shuffled():
    """Where each layer has one number, randomising changes nothing, so every similarity is 1."""
    module = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.Conv2d(4, 2, 3, bias=False), nn.Flatten())
    for part in (module[0], module[2]):
        nn.init.constant_(part.weight, 0.1)
    net = ph.Network(module.double(), ph.Preprocessing.plain(8))
    found = ph.cascade(net, torch.rand(1, 3, 8, 8).double(), "logits:0", methods="gradient", depths=2)
    # a gradient of one value is constant in its middle but not at its border, so that it has ranks
    np.testing.assert_allclose(found.magnitudes, 1, atol=1e-9)
    np.testing.assert_allclose(found.ssim, 1, atol=1e-9)


def test_a_random_network_changes_as_much_as_a_random_network_does(network):
    """Two random networks are no more alike than a third is to either: the cascade starts where it ends."""
    names = parametrised(network)
    values = []
    for seed in range(6):
        one, other = (randomised(network, names, seed=10 * seed + k) for k in (1, 2))
        found = ph.cascade(one, images(), "logits:1", methods="gradient", depths=1, seed=seed)
        pair = spearman(*(ph.gradient(net, images(), "logits:1").maps for net in (one, other)))
        values.append(float(found.magnitudes[0, 0, 0]) - float(pair[0]))
    assert abs(np.mean(values)) < 0.25


def test_guided_backprop_notices_the_last_layer_less_than_the_gradient():
    network = ph.load()
    photo = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    found = ph.cascade(network, photo, methods="gradient,guided", depths=2)
    assert found.magnitudes[1, 0, 0] > 0.95 > 0.7 > found.magnitudes[0, 0, 0]


def test_a_method_that_can_not_answer_is_named_and_left_out():
    smooth = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
                        ph.Preprocessing.plain(12))  # fmt: skip
    found = ph.cascade(smooth, torch.rand(1, 3, 12, 12), methods="gradient,guided", depths=2)
    assert found.methods == ("gradient",)
    assert "found no ReLU" in found.refused["guided backprop"]
    assert "guided backprop" in found.to_dict()["refused"]
    with pytest.raises(ValueError, match="found no ReLU"):
        ph.cascade(smooth, torch.rand(1, 3, 12, 12), methods="guided")


def test_several_targets_of_one_image_and_a_picture(network, tmp_path):
    found = ph.cascade(network, images(), ["logits:0", "logits:3"], methods=["gradient", "deconvnet"], depths=3)
    assert found.magnitudes.shape == (2, 3, 2)
    assert found.probabilities.shape == (4, 2)
    said = found.picture()
    assert "deconvnet" in said.caption
    assert found.save(tmp_path / "a.png").read_bytes() == found.save(tmp_path / "b.png").read_bytes()
    assert found.to_dict()["stages"][0] == {"deepest": "head", "modules": 1}


def test_a_unit_inside_is_asked_too(network):
    found = ph.cascade(network, images(), "again:2", methods="gradient", depths=2)
    assert np.isnan(found.probabilities).all()
    assert found.picture().caption


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"methods": "gradint"}, LookupError, "near it: gradient"),
        ({"methods": "gradient,gradient"}, ValueError, "named twice"),
        ({"methods": "edges"}, ValueError, "is a baseline"),
        ({"methods": ""}, ValueError, "no method was named"),
        ({"order": "upwards"}, ValueError, "cascading or independent"),
        ({"how": "zero"}, ValueError, "permute or normal"),
        ({"depths": 0}, ValueError, "at least one stage"),
    ],
)
def test_a_wrong_option_gets_a_sentence(network, options, error, said):
    with pytest.raises(error, match=said):
        ph.cascade(network, images(), **{"methods": "gradient", **options})


def test_a_caller_in_inference_mode_gets_the_same(network):
    how = {"methods": "gradient,lrp", "depths": 2}
    expected = ph.cascade(network, images(), "logits:1", **how)
    with torch.inference_mode():
        found = ph.cascade(network, images(), "logits:1", **how)
    np.testing.assert_array_equal(found.spearman, expected.spearman)


# ---- the order of use


class Body(nn.Module):
    """Positions of its own, and layers that are used without calling it."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.randn(1, 4, 4, 4))
        self.second, self.first = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(3, 4, 4, 4)

    def features(self, x):
        return self.second(self.first(x) + self.positions).relu()


class Lora(nn.Linear):
    """A linear layer with two small matrices added to its weights, and a copy that nothing uses."""

    def __init__(self, inputs, outputs) -> None:
        super().__init__(inputs, outputs)
        self.down, self.up = nn.Linear(inputs, 2, bias=False), nn.Linear(2, outputs, bias=False)
        self.copy = nn.Linear(inputs, outputs)

    def forward(self, x):
        return nn.functional.linear(x, self.weight + self.up.weight @ self.down.weight, self.bias)


class Whole(nn.Module):
    def __init__(self, head, answer) -> None:
        super().__init__()
        self.head, self.body, self.answer = head, Body(), answer

    def forward(self, x):
        return self.answer(self, self.body.features(x).mean((2, 3)))


def functional(m, x):
    for weight in (m.head[1], m.head[0]):
        x = torch.tanh(x @ weight.to(x.dtype).T)
    return x


BODY = ["body", "body.first", "body.second"]
ORDERS = {  # the head, how it is used, and its names in the order of use, after the body's
    "its forward": (nn.Linear(4, 3), lambda m, x: m.head.forward(x), ["head"], ()),
    "its weights": (nn.Linear(4, 3), lambda m, x: nn.functional.linear(x, m.head.weight, m.head.bias), ["head"], ()),
    "its weights as numbers": (nn.Linear(4, 3), lambda m, x: x @ m.head.weight.data.T, ["head"], ()),
    "a list": (nn.ParameterList([torch.randn(3, 4), torch.randn(4, 4)]), functional, ["head.1", "head.0"], ()),
    "small matrices": (Lora(4, 3), lambda m, x: m.head(x), ["head", "head.down", "head.up"], ("head.copy",)),
    "a norm of its weights": (nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), lambda m, x: m.head(x),
                              ["head"], ()),
    "two of three": (nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)]),
                     lambda m, x: m.head[2](m.head[1](x)), ["head.1", "head.2"], ("head.0",)),
    "without gradients": (nn.Linear(4, 3), lambda m, x: m.head(x.detach()).detach(), ["head"], ()),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDERS)
def test_weights_come_in_the_order_in_which_values_are_computed_with_them(name, unchanged):
    torch.manual_seed(0)
    head, answer, right, unused = ORDERS[name]
    module = Whole(head, answer).eval()
    network = ph.Network(module, ph.Preprocessing.plain(16))
    with unchanged(module):
        found = parts(network)
    assert [one for one in found.used if one.startswith("body")] == BODY
    assert list(found.used[:3]) == BODY
    assert sorted(found.used[3:]) == sorted(right) if len(right) > 2 else list(found.used[3:]) == right
    assert found.unused == unused
    random = randomised(network, parametrised(network), seed=1).module
    plain = plain_copy(module)
    changed = [key for key, one in random.named_parameters() if not torch.equal(one, plain.get_parameter(key))]
    assert changed == [key for key, one in plain.named_parameters() if one.numel() > 1]


def test_a_weight_that_two_layers_share_is_reached_from_the_top():
    first, last = nn.Conv2d(3, 3, 1, bias=False), nn.Linear(3, 3)
    middle = nn.Conv2d(3, 3, 3, padding=1)
    module = nn.Sequential(first, middle, nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)

    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = module

        def forward(self, x):
            return self.body(x) @ self.body[0].weight.flatten(1)

    found = parts(ph.Network(Shared().eval(), ph.Preprocessing.plain(16)))
    assert found.used == ("body.1", "body.4", "body.0")


def test_parts_that_nothing_uses_go_with_the_last_stage_and_are_named():
    torch.manual_seed(0)
    head, answer, _, _ = ORDERS["two of three"]
    network = ph.Network(Whole(head, answer).eval(), ph.Preprocessing.plain(16))
    found = ph.cascade(network, torch.rand(1, 3, 16, 16), "logits:1", methods="gradient", depths=9)
    assert found.stages == ("head.2", "head.1", "body.second", "body.first", "body")
    assert found.sizes == (1, 1, 1, 1, 2)
    assert found.unused == ("head.0",)
    words = " ".join(mark.string for mark in found.picture().drawing.marks if isinstance(mark, Text))
    assert "No value is computed with the weights of head.0" in words
