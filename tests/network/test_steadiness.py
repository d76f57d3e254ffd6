"""Answers that depend on chance, or on the rest of the batch, are found by trying; an image's values are its own."""

import random

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import phosphene as ph
from phosphene.atlas.search.features import features_of
from phosphene.inspection.checkup.photos import SHIPPED
from phosphene.network.running.steadiness import TRIES, joined
from phosphene.picture import photos as files


class Small(nn.Module):
    """A small classifier; sub-classes put something between its two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Linear(8, 3)

    def between(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.two(self.between(self.one(x))).relu().mean((2, 3)))


class FreeNorm(Small):
    """A batch norm without running statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(8, track_running_stats=False)

    def between(self, x: Tensor) -> Tensor:
        return self.norm(x).relu()


class RangeOfBatch(Small):
    def between(self, x: Tensor) -> Tensor:
        return (x - x.min()) / (x.max() - x.min())


class AttentionOverBatch(Small):
    def between(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        return ((flat @ flat.T / flat.shape[1]).softmax(1) @ flat).view_as(x) + x


class ReadsCount(Small):
    def between(self, x: Tensor) -> Tensor:
        return x / x.shape[0]


class Centred(Small):
    """Less the mean over the batch: of one image alone nothing would be left, so it is halved."""

    def between(self, x: Tensor) -> Tensor:
        return x - 0.5 * x.mean(0, keepdim=True)


class RightInTheEnd(Small):
    """The batch changes a value inside, whatever the answers are."""

    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Identity()

    def between(self, x: Tensor) -> Tensor:
        return x + 0 * self.part(x * x.max())


class Dropout(Small):
    def between(self, x: Tensor) -> Tensor:
        return F.dropout(x, 0.5)


class RareDepth(Small):
    """A block that Python's own generator leaves out now and then."""

    def between(self, x: Tensor) -> Tensor:
        return x if random.random() < 0.2 else x.relu()


class Noise(Small):
    def between(self, x: Tensor) -> Tensor:
        return x + 1e-6 * torch.randn_like(x)


class OwnGenerator(Small):
    def __init__(self) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(0)

    def between(self, x: Tensor) -> Tensor:
        return x * (torch.rand(x.shape, generator=self.generator) < 0.5)


class Crop(Small):
    def between(self, x: Tensor) -> Tensor:
        at = int(torch.randint(0, 8, ()))
        return x[:, :, at : at + 8, at : at + 8]


class Gumbel(Small):
    def between(self, x: Tensor) -> Tensor:
        return x * F.gumbel_softmax(x, dim=1)


class Counting(Small):
    """Other answers each time without any random number."""

    calls = 0

    def between(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * (1 + self.calls % 7)


class DrawsForNothing(Small):
    def between(self, x: Tensor) -> Tensor:
        skip = bool(torch.rand(()) < 0.5)
        return x if skip and self.training else x.relu()


class OneImageOnly(Small):
    def between(self, x: Tensor) -> Tensor:
        return x.view(1, 8, 14, 14).relu()


COUPLED = (FreeNorm, RangeOfBatch, AttentionOverBatch, ReadsCount, Centred)
RANDOM = (Dropout, RareDepth, Noise, OwnGenerator, Crop, Gumbel, Counting)
STEADY = (Small, DrawsForNothing, OneImageOnly)


def network(kind: type[Small]) -> ph.Network:
    return ph.Network(kind(), ph.Preprocessing.plain(16))


def photos(count: int) -> Tensor:
    x = torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    return x * torch.linspace(0.3, 2, count).view(-1, 1, 1, 1)


@pytest.mark.parametrize("kind", STEADY)
def test_nothing_is_said_against_steady_networks(kind: type[Small]) -> None:
    tried = network(kind).steadiness()
    assert tried.random == tried.coupled == ()


@pytest.mark.parametrize("kind", RANDOM)
def test_chance_is_found_and_named(kind: type[Small]) -> None:
    net = network(kind)
    tried = net.steadiness()
    assert tried.random
    assert not tried.is_random("one")
    assert tried.is_random("two")
    assert tried.is_random("logits")
    finding = next(found for found in ph.check(net).findings if found.check == "steadiness")
    assert finding.verdict == "warning"
    assert "at random" in finding.sentence
    assert tried.random[0] in finding.sentence


@pytest.mark.parametrize("kind", [*COUPLED, RightInTheEnd])
def test_what_the_batch_changes_is_found_and_named(kind: type[Small]) -> None:
    net = network(kind)
    tried = net.steadiness()
    assert tried.random == ()
    assert tried.coupled
    finding = next(found for found in ph.check(net).findings if found.check == "steadiness")
    assert finding.verdict == "warning"
    assert "other photos of its batch" in finding.sentence


def test_the_trial_is_made_once_for_the_same_weights() -> None:
    net = network(Small)
    first = net.steadiness()
    assert net.steadiness() is first
    with torch.no_grad():
        net.module.one.weight.mul_(2)
    assert net.steadiness() is not first


def test_a_network_that_draws_for_nothing_is_tried_many_times() -> None:
    class Seldom(Small):
        calls = 0

        def between(self, x: Tensor) -> Tensor:
            self.calls += 1
            torch.rand(())
            return x if self.calls < TRIES else 2 * x

    assert network(Seldom).steadiness().random


@pytest.mark.parametrize("kind", COUPLED)
def test_values_of_several_images_are_those_of_each_alone(kind: type[Small]) -> None:
    net, x = network(kind), photos(3)
    alone = torch.cat([net.module(one).detach() for one in x.split(1)])
    assert not torch.allclose(net.module(x), alone, atol=1e-3)
    torch.testing.assert_close(net.record(x, "logits")["logits"], alone)
    torch.testing.assert_close(net.maps(x, "two"), torch.cat([net.maps(one, "two") for one in x.split(1)]))


@pytest.mark.parametrize("kind", COUPLED)
def test_instruments_answer_for_each_image_as_if_it_was_alone(kind: type[Small]) -> None:
    net, x = network(kind), photos(3)
    one_by_one = x.split(1)
    several = {
        "gradient": lambda x: ph.gradient(net, x, "logits:1").values,
        "guided": lambda x: ph.guided(net, x, "logits:1").values,
        "lrp": lambda x: ph.lrp(net, x, "logits:1", rule="epsilon").values,
        "grad_cam": lambda x: ph.grad_cam(net, x, "logits:1", layer="two").values,
        "occlusion": lambda x: ph.occlusion(net, x, "logits:1", window=4, stride=4).drops,
        "activations": lambda x: torch.from_numpy(ph.activations(net, x, "two").values),
        "fgsm": lambda x: ph.adversarial(net, x.clamp(0, 1), 1, method="fgsm", epsilon=0.05).images,
    }
    for name, run in several.items():
        expected = torch.cat([run(one) for one in one_by_one])
        torch.testing.assert_close(run(x), expected, msg=lambda words, name=name: f"{name}: {words}")


@pytest.mark.parametrize("kind", COUPLED)
def test_how_many_go_through_at_once_changes_nothing(kind: type[Small]) -> None:
    net, x = network(kind), photos(1)
    for run in (
        lambda batch: ph.integrated_gradients(net, x, "logits:1", steps=6, batch=batch).values,
        lambda batch: ph.rise(net, x, "logits:1", masks=12, batch=batch).values,
        lambda batch: ph.score_cam(net, x, "logits:1", layer="two", batch=batch).values,
        lambda batch: ph.smooth_grad(net, x, "logits:1", samples=5, batch=batch).values,
        lambda batch: ph.occlusion(net, x, "logits:1", window=8, stride=4, batch=batch).drops,
    ):
        torch.testing.assert_close(run(4), run(1))


@pytest.mark.parametrize("kind", COUPLED)
def test_occlusion_is_what_covering_each_part_of_the_one_image_gives(kind: type[Small]) -> None:
    net, x = network(kind), photos(1)
    expected = torch.zeros(2, 2)
    with torch.no_grad():
        for i in range(2):
            for j in range(2):
                covered = x.clone()
                covered[:, :, 8 * i : 8 * i + 8, 8 * j : 8 * j + 8] = 0
                expected[i, j] = net.module(x)[0, 1] - net.module(covered)[0, 1]
    found = ph.occlusion(net, x, "logits:1", window=8, stride=8, fill="zero").drops[0]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("kind", RANDOM)
def test_what_promises_exactness_refuses_chance_in_a_sentence(kind: type[Small], tmp_path) -> None:
    net, x = network(kind), photos(1)
    for run in (
        lambda: ph.occlusion(net, x, "logits:1", window=8),
        lambda: ph.occlusion(net, x, "two:1", window=8),
        lambda: ph.cam(net, x, "logits:1"),
        lambda: ph.integrated_gradients(net, x, "logits:1"),
        lambda: ph.Atlas.build(net, "skimage", tmp_path / "a.atlas", layers=["two"]),
    ):
        with pytest.raises(ValueError, match="answers at random: the same image gives other values each time, from "):
            run()


def test_what_is_computed_before_chance_comes_in_is_answered() -> None:
    net, x = network(Dropout), photos(1)
    assert torch.isfinite(ph.occlusion(net, x, "one:1", window=8).drops).all()


def test_values_in_all_kinds_of_containers_are_joined() -> None:
    one, two = torch.zeros(1, 2), torch.ones(1, 2)
    assert joined([(one, [one]), (two, [two])])[1][0].tolist() == [[0, 0], [1, 1]]
    assert joined([{"a": one, "b": None}, {"a": two, "b": None}])["a"].shape == (2, 2)
    assert joined([torch.zeros(4, 1, 2), torch.ones(4, 1, 2)], 1).shape == (4, 2, 2)
    assert joined([torch.tensor(1.0), torch.tensor(2.0)]).tolist() == [1, 2]


def test_an_atlas_keeps_what_each_image_gives_alone(tmp_path) -> None:
    net = network(FreeNorm)
    atlas = ph.Atlas.build(net, str(SHIPPED), tmp_path / "a.atlas", layers=["two"], features=["two"], batch=2)
    alone = [net.maps(ph.read(photo), "two")[0, 1].max() for photo in files(SHIPPED)]
    values = [patch["value"] for patch in atlas.patches("two:1").to_dict()["patches"]]
    assert sorted(values) == pytest.approx(sorted(map(float, alone)), rel=1e-5)
    vectors = features_of(net, atlas.sweep("two", features=True), "two", files(SHIPPED))
    expected = torch.cat([net.maps(ph.read(photo), "two").mean((2, 3)) for photo in files(SHIPPED)])
    torch.testing.assert_close(torch.from_numpy(vectors), expected)
