"""The loop: one for every system that learns in steps.

    for each batch:
        for player, loss in system.steps(batch):
            the player's weights descend the loss

Nothing here knows how many players there are, what a batch holds or what a loss means.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from ...network.opening.source import undisturbed
from .order import Order, seed_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from ..sets.examples import Examples
    from ..system import System
    from .recipe import Recipe
    from .state import State


class DivergedError(ArithmeticError):
    """A loss was no finite number."""


def moves(
    system: System, examples: Examples, recipe: Recipe, seed: int, fabric: Fabric, state: State
) -> Iterator[State]:
    """Trains the system from the state on, and yields the state after every step.

    Raises `DivergedError` where a loss is no finite number, before that loss moves any weight.
    """
    weights = {player: list(parameters) for player, parameters in system.players().items()}
    order = Order(len(examples), recipe.batch, seed)
    while state.step < recipe.steps:
        system.train()
        with undisturbed(seed_of(state.step, seed)):
            places = order.places(state.step)[fabric.global_rank :: fabric.world_size]
            game = system.steps(fabric.to_device(examples.batch(places)))
            rate = recipe.rate_at(state.step)
            while (move := _next(game, fabric)) is not None:
                player, loss = move
                value = _checked(loss, player, state.step)
                system.zero_grad(set_to_none=True)
                fabric.backward(loss)
                _average_over_devices(weights[player], fabric)
                if recipe.clip is not None:
                    clip_grad_norm_(weights[player], recipe.clip)
                state.optimisers[player].step(rate)
                state.note(player, value)
            if state.averages is not None:
                state.averages.update()
        state.step += 1
        yield state


def _next(game: Iterator[tuple[str, Tensor]], fabric: Fabric) -> tuple[str, Tensor] | None:
    """The next move; the forward passes before it run at the recipe's precision, the descent after it does not."""
    with fabric.autocast():
        return next(game, None)


def _checked(loss: Any, player: str, step: int) -> float:
    if not isinstance(loss, Tensor) or loss.ndim:
        raise TypeError(f"a loss is a tensor of one number; {player!r} came with {type(loss).__name__} at step {step}")
    value = float(loss.detach())
    if not math.isfinite(value):
        raise DivergedError(f"the loss of {player!r} is {value} at step {step:,}; a smaller learning rate may help")
    return value


def _average_over_devices(weights: list[nn.Parameter], fabric: Fabric) -> None:
    """Each device has seen a part of the batch; the gradient is the mean over all."""
    if fabric.world_size == 1:
        return
    gradients = [parameter.grad for parameter in weights if parameter.grad is not None]
    if not gradients:
        return
    mean = fabric.all_reduce(torch.cat([gradient.flatten() for gradient in gradients]), reduce_op="mean")
    assert isinstance(mean, Tensor)
    for gradient, part in zip(gradients, mean.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
