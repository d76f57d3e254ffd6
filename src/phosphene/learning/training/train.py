"""Training as a whole: on a device, for a number of steps or minutes, and with the averaged weights in the end."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from ..abilities import Solves
from .loop import moves
from .state import State

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from ..sets.examples import Examples
    from ..system import System
    from .recipe import Recipe

Fitted = TypeVar("Fitted", bound="System")
TRIED_STEPS, TRIED_SECONDS = 12, 4.0  # of a rehearsal that tells how long a step takes
MARGIN = 0.94  # of the time that is asked for is planned; the rest is for checkpoints and evaluation


def fabric_for(recipe: Recipe, device: str | None = None, devices: int = 1, strategy: str = "auto") -> Fabric:
    """Lightning Fabric for these devices: 'cpu', 'cuda', 'mps', or None for the best that is there.

    LookupError where Fabric is not installed.
    """
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise LookupError(
            "systems learn on Lightning Fabric, which is not installed; pip install 'phosphene[learning]'"
        ) from error
    precision = {"32": "32-true", "bf16": "bf16-mixed"}[recipe.precision]
    made = Fabric(accelerator=device or "auto", devices=devices, precision=precision, strategy=strategy)  # type: ignore[arg-type]
    made.launch()
    return made


def training(
    system: System, examples: Examples, recipe: Recipe, seed: int, fabric: Fabric
) -> tuple[State, Iterator[State]]:
    """The state before the first step, to restore another one into, and the steps from there on.

    After the last step the system has the averaged weights, where the recipe wants an average.
    """
    system.to(fabric.device)
    state = State(system, recipe)

    def steps() -> Iterator[State]:
        yield from moves(system, examples, recipe, seed, fabric, state)

    return state, steps()


def fitted(system: Fitted, examples: Examples, recipe: Recipe, seed: int, device: str | None = None) -> Fitted:
    """The system after all steps of the recipe, or solved in closed form; in evaluation mode."""
    learned = system.suited(examples, seed)
    if isinstance(learned, Solves):
        learned.solve(examples)
        return learned.eval()
    state, steps = training(learned, learned.learns_from(examples), recipe, seed, fabric_for(recipe, device))
    for _ in steps:
        pass
    if state.averages is not None:
        learned.load_state_dict(state.averages.values)
    return learned.eval()


def steps_within(minutes: float, system: System, examples: Examples, recipe: Recipe, seed: int, fabric: Fabric) -> int:
    """How many steps fit into the time, by a rehearsal on a copy; at most those of the recipe.

    The number is settled before training begins, so that its schedule and its order are those of any run of as many
    steps, however fast the machine is later.
    """
    rehearsed = copy.deepcopy(system)
    _, steps = training(rehearsed, examples, replace(recipe, steps=TRIED_STEPS), seed, fabric)
    begun, times = time.perf_counter(), [0.0]
    for _ in steps:
        times.append(time.perf_counter() - begun)
        if times[-1] > TRIED_SECONDS:
            break
    warm = min(2, len(times) - 2)  # the first steps also warm up
    seconds = (times[-1] - times[warm]) / (len(times) - 1 - warm)
    return max(1, min(recipe.steps, int(minutes * 60 * MARGIN / seconds)))


def to_json(recipe: Recipe) -> dict[str, Any]:
    """The recipe as a card holds it."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(recipe).items()}
