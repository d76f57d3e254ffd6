"""One loop trains every kind of system, as a plain loop would, and goes on after a stop as if there had been none."""

import copy
from dataclasses import replace

import pytest
import torch
from learning_toys import Alike, Clouds, Frames, Gathers, Listens, Often, Ring, Scenes, ThreePlayers, Tones
from torch import nn

from phosphene.learning import Config, System
from phosphene.learning.sets.classics import classic
from phosphene.learning.sets.examples import TensorExamples
from phosphene.learning.training.loop import DivergedError
from phosphene.learning.training.order import Order
from phosphene.learning.training.recipe import Recipe
from phosphene.learning.training.train import fabric_for, fitted, training

pytest.importorskip("lightning_fabric", reason="the extra 'learning' is not installed")

ring = Ring()


def trained(kind, examples, seed=0, **recipe):
    return fitted(kind(Config()), examples, replace(kind.recipe, **recipe), seed)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_three_players_move_in_turn_each_with_its_own_weights():
    system = trained(ThreePlayers, ring, steps=5)
    assert system.moves == ["critic", "generator", "encoder"] * 5
    untrained = ThreePlayers(Config()).shaped(ring.shape)
    first = ThreePlayers(Config()).shaped(ring.shape)
    state, steps = training(first, ring, replace(ThreePlayers.recipe, steps=1, average=None), 0, fabric_for(Recipe()))
    next(steps)
    for name in ("encoder", "generator", "critic"):
        assert not same(getattr(first, name), getattr(untrained, name))
        assert state.losses[name].count == 1


def test_a_player_may_move_several_times_and_another_never():
    state, steps = training(Often(Config()).shaped((2,)), ring, replace(Often.recipe, steps=4), 0, fabric_for(Recipe()))
    for _ in steps:
        pass
    assert {player: curve.count for player, curve in state.losses.items()} == {
        "encoder": 0,
        "generator": 4,
        "critic": 12,
    }


def test_the_loop_takes_the_steps_of_a_plain_loop():
    """The same batches, the same random numbers: the same weights, bit for bit."""
    recipe = replace(ThreePlayers.recipe, steps=6, average=None)
    system = fitted(ThreePlayers(Config()), ring, recipe, 3)
    plain = ThreePlayers(Config()).shaped(ring.shape, 3)
    adams = {name: torch.optim.Adam(weights, 2e-3) for name, weights in plain.players().items()}
    order = Order(len(ring), 32, 3)
    for step in range(6):
        with torch.random.fork_rng():
            torch.manual_seed((3 * 1_000_003 + step) * 2 + 1)
            for player, loss in plain.steps(ring.batch(order.places(step))):
                plain.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(list(plain.players()[player]), 5.0)
                adams[player].step()
    assert same(system, plain)


@pytest.mark.parametrize("stop", [1, 17, 39])
def test_training_that_was_stopped_goes_on_as_if_it_had_not_been(stop):
    recipe, fabric = replace(ThreePlayers.recipe, schedule="cosine", warmup=0.1), fabric_for(Recipe())
    whole = ThreePlayers(Config()).shaped((2,), 1)
    whole_state, steps = training(whole, ring, recipe, 1, fabric)
    for _ in steps:
        pass
    before = ThreePlayers(Config()).shaped((2,), 1)
    state, steps = training(before, ring, recipe, 1, fabric)
    for _ in range(stop):
        next(steps)
    tensors, numbers = copy.deepcopy(state.tensors()), copy.deepcopy(state.numbers())
    after = ThreePlayers(Config()).shaped((2,), 99)  # other first weights, which are replaced
    state, steps = training(after, ring, recipe, 1, fabric)
    state.restore(tensors, numbers)
    for _ in steps:
        pass
    assert same(whole, after)
    assert all(
        torch.equal(a, b) for a, b in zip(*(s.averages.values.values() for s in (whole_state, state)), strict=True)
    )
    assert whole_state.numbers() == state.numbers()


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    assert same(trained(ThreePlayers, ring, seed=5, steps=5), trained(ThreePlayers, ring, seed=5, steps=5))
    assert not same(trained(ThreePlayers, ring, seed=5, steps=5), trained(ThreePlayers, ring, seed=6, steps=5))


def test_random_numbers_outside_are_left_as_they_were():
    before = torch.get_rng_state()
    trained(ThreePlayers, ring, steps=3)
    assert torch.equal(before, torch.get_rng_state())


def test_pairs_need_no_special_case():
    digits = classic("digits").train
    system = trained(Alike, digits)
    with torch.no_grad():
        codes = system.body(digits.batch(torch.arange(400)).x)
    same_class = digits.labels[:400, None] == digits.labels[None, :400]
    apart = torch.cdist(codes, codes)
    assert apart[same_class].mean() < 0.6 * apart[~same_class].mean()


@pytest.mark.parametrize(
    ("kind", "examples", "number", "holds"),
    [
        (Listens, Tones(), "accuracy", lambda value: value > 0.9),
        (Gathers, Clouds(), "accuracy", lambda value: value > 0.85),
        (Frames, Scenes(), "error", lambda value: value < 1.0),
    ],
    ids=["sound", "sets of points", "boxes"],
)
def test_sound_sets_of_points_and_boxes_need_no_special_case(kind, examples, number, holds):
    assert holds(trained(kind, examples).evaluate(examples)[number])


def test_each_epoch_takes_every_example_once():
    order = Order(count=10, batch=3, seed=0)
    epochs = [torch.cat([order.places(3 * epoch + turn) for turn in range(3)]) for epoch in range(2)]
    assert all(len(set(epoch.tolist())) == 9 for epoch in epochs)
    assert not torch.equal(*epochs)
    assert torch.equal(Order(10, 3, 0).places(4), order.places(4))


def test_averaged_weights_are_the_averages():
    recipe = replace(ThreePlayers.recipe, average=0.5, steps=30)
    system, fabric = ThreePlayers(Config()).shaped((2,)), fabric_for(Recipe())
    state, steps = training(system, ring, recipe, 0, fabric)
    mean = {name: value.clone() for name, value in system.state_dict().items()}
    for count, _ in enumerate(steps, 1):
        decay = min(0.5, (1 + count) / (10 + count))
        for name, value in system.state_dict().items():
            mean[name] = decay * mean[name] + (1 - decay) * value
    assert all(torch.allclose(mean[name], value, atol=1e-6) for name, value in state.averages.values.items())
    assert same(fitted(ThreePlayers(Config()), ring, recipe, 0), _with(system, state.averages.values))


def _with(system, values):
    system.load_state_dict(values)
    return system


class Blows(System):
    name = title = "blows"
    recipe = Recipe(steps=10, batch=4)

    def build(self, shape):
        self.weight = nn.Parameter(torch.ones(2))
        self.count = 0

    def steps(self, batch):
        self.count += 1
        yield "network", (self.weight * batch.x).sum() * (float("nan") if self.count == 4 else 1.0)

    def evaluate(self, examples):
        return {}


def test_a_loss_that_is_no_number_moves_no_weight():
    system = Blows(Config()).shaped((2,))
    _, steps = training(system, ring, Blows.recipe, 0, fabric_for(Recipe()))
    for _ in range(3):
        next(steps)
    before = system.weight.clone()
    with pytest.raises(DivergedError, match="the loss of 'network' is nan at step 3; a smaller learning rate may help"):
        next(steps)
    assert torch.equal(before, system.weight)


def test_bf16_runs_forward_passes_at_half_precision_and_keeps_weights_whole():
    kinds = []

    class Watching(Alike):
        def steps(self, batch):
            a, _, _ = batch
            kinds.append(self.body(a).dtype)
            yield from super().steps(batch)

    system = trained(Watching, classic("digits").train, steps=2, precision="bf16")
    assert kinds == [torch.bfloat16] * 2
    assert all(parameter.dtype == torch.float32 for parameter in system.parameters())


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ({"rate": -1}, "rate, the learning rate, is above 0"),
        ({"steps": 0}, "steps is at least 1"),
        ({"schedule": "linear"}, "schedule is 'constant' or 'cosine', not 'linear'"),
        ({"average": 1.0}, "average is a decay"),
        ({"precision": "16"}, "precision is '32' or 'bf16'"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(recipe, sentence):
    with pytest.raises(ValueError, match=sentence):
        Recipe(**recipe)


def test_a_curve_of_losses_stays_short_and_is_of_means():
    from phosphene.learning.training.state import POINTS, Losses

    curve = Losses()
    for step in range(10_000):
        curve.add(step, float(step))
    assert len(curve.points) < POINTS
    step, loss = curve.points[10]
    assert loss == pytest.approx(step - (curve.stretch - 1) / 2)


def test_weights_of_examples_in_bytes_are_numbers_from_0_to_1():
    examples = TensorExamples(torch.tensor([[[[0, 128, 255]]]], dtype=torch.uint8))
    assert torch.allclose(examples.batch(torch.tensor([0])).x, torch.tensor([[[[0, 128 / 255, 1]]]]))
