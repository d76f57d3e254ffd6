"""The course of a transfer: its time, the loop with what a stop would lose, and what its card will say of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checkpoints.folder import write
from ..checkpoints.former import json_like, steps_of
from ..checkpoints.resuming import RESUME, go_on, resume_bytes
from ..training.loop import DivergedError
from ..training.train import to_json, training
from .moment import Moment

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from ..system import System
    from ..training.recipe import Recipe
    from ..training.state import State

EVERY_S = 30.0  # between two files to go on from
PATIENCE = 1.5  # times the minutes that were asked for, after which training stops where it is
HEAD, NETWORK = "head", "network"  # the two trainings


@dataclass
class Course:
    """One transfer into the folder `out`; `former` is the run that it goes on with, and `same` what both must share."""

    out: Path
    former: Mapping[str, Any] | None
    minutes: float | None
    seed: int
    fabric: Fabric
    same: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    stated: dict[str, Any] = field(
        default_factory=lambda: {"early": "", "rates": None, "frozen": None, "notes": [], "curves": {}}
    )
    recipe: Recipe | None = None  # of what learned last, and its steps
    steps: int = 0
    begun: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> float:
        """Minutes, those before a stop included."""
        before = float(self.former["minutes"]) if self.former is not None else 0.0
        return before + (time.monotonic() - self.begun) / 60

    @property
    def left(self) -> float | None:
        """Minutes; a tenth of all at least."""
        return None if self.minutes is None else max(0.1 * self.minutes, self.minutes - self.spent)

    def note(self, sentence: str) -> None:
        """Has the card say it."""
        self.stated["notes"].append(sentence)

    def goes_on_with(self, stage: str) -> bool:
        """Whether it goes on with that training of the stopped run. ValueError where a setting is another."""
        if self.former is None or self.former["stage"] != stage:
            return False
        for name, value in json_like(self.settings).items():
            if (former := self.former["settings"].get(name)) != value:
                raise ValueError(f"the training in {self.out} was with {name} {former}, not {value}")
        return True

    def learn(self, system: System, examples: Any, plan: Recipe, stage: str) -> Iterator[Moment]:
        """The loop; a file to go on from is written before the first step, every half minute, and at a stop."""
        run = json_like({**self.same, "settings": self.settings, "recipe": to_json(plan), "stage": stage})
        state, steps = training(system, examples, plan, self.seed, self.fabric)
        if self.goes_on_with(stage):
            assert self.former is not None
            if (former := steps_of(self.former, run, self.out)) != plan.steps:
                raise ValueError(f"the training in {self.out} had {former} steps, not {plan.steps}")
            go_on(self.out, state)
        self.out.mkdir(parents=True, exist_ok=True)
        self._keep(run, state)
        last = time.monotonic()
        try:
            for _ in steps:
                yield Moment(state.step, plan.steps, f"{stage}: {state.progress}")
                if time.monotonic() - last > EVERY_S and state.step < plan.steps:
                    self._keep(run, state)
                    last = time.monotonic()
                if stage == NETWORK and self.minutes is not None and self.spent > PATIENCE * self.minutes:
                    left_out = f"{state.step:,} of {plan.steps:,}, after {PATIENCE:g} × its minutes"
                    self.note(f"training stopped at step {left_out}")
                    break
        except DivergedError as error:
            raise DivergedError(f"{error}; {self.out} holds the training up to a step before") from error
        except BaseException:  # Ctrl-C, or whoever asked for the steps left
            if state.step:
                self._keep(run, state)
            raise
        system.eval()
        ((_, curve),) = state.losses.items()  # one player
        self.stated["curves"][stage] = curve.points
        self.recipe, self.steps = plan, state.step

    def _keep(self, run: Mapping[str, Any], state: State) -> None:
        write(self.out / RESUME, resume_bytes(state, {**run, "minutes": self.spent, "stated": self.stated}))
