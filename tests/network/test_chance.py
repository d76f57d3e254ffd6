"""A network that draws random numbers does so from a stream of its own."""

import random
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import phosphene as ph
from phosphene.network.running import chance


class Drawing(nn.Module):
    """Draws from all three of the process's generators."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = 1 + random.random() + float(np.random.rand())
        return scale * self.head(F.dropout(self.conv(x).relu().mean((2, 3)), 0.5))


@pytest.fixture
def network() -> ph.Network:
    torch.manual_seed(0)
    return ph.Network(Drawing(), ph.Preprocessing.plain(16))


def numbers() -> tuple[float, float, float]:
    return random.random(), float(np.random.randn()), float(torch.rand(()))


def seed() -> None:
    random.seed(1)
    np.random.seed(1)
    np.random.randn()  # a second number waits, which must not be lost
    torch.manual_seed(1)


def test_no_generator_of_the_process_moves(network: ph.Network) -> None:
    x = torch.rand(2, 3, 16, 16)
    for run in (
        lambda: network.record(x, "logits"),
        lambda: network.layers(20),
        lambda: ph.gradient(network, x, "logits:1"),
        lambda: ph.check(network),
        lambda: ph.adversarial(network, x[:1], method="pgd", steps=2),
    ):
        seed()
        expected = numbers()
        seed()
        run()
        assert numbers() == expected


def test_a_random_network_goes_on_answering_at_random(network: ph.Network) -> None:
    x = torch.rand(1, 3, 16, 16)
    answers = [network.record(x, "logits")["logits"] for _ in range(3)]
    assert not torch.equal(answers[0], answers[1])
    assert not torch.equal(answers[1], answers[2])


def test_generators_come_back_after_an_error_and_after_runs_in_several_threads() -> None:
    seed()
    expected = numbers()
    seed()
    with pytest.raises(ZeroDivisionError), chance.own_chance(), chance.own_chance():
        numbers()[0] / 0
    ready, go = threading.Event(), threading.Event()

    def other() -> None:
        with chance.own_chance():
            ready.set()
            go.wait()
            numbers()

    thread = threading.Thread(target=other)
    thread.start()
    ready.wait()
    with chance.own_chance():
        numbers()
    go.set()
    thread.join()
    assert numbers() == expected


@pytest.mark.parametrize("draw", [random.random, np.random.rand, lambda: torch.rand(())])
def test_a_number_that_was_drawn_shows_in_the_states(draw) -> None:
    with chance.own_chance():
        before = chance.states()
        assert not chance.moved(before, chance.states())
        draw()
        assert chance.moved(before, chance.states())
