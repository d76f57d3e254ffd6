"""Learning into a folder: train, keep what a stop would lose, evaluate, and write the weights with their card."""

from __future__ import annotations

import contextlib
import datetime
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..picture import counted
from ..picture.film import write_film
from .abilities import Samples, Solves
from .checkpoints.card import Card, machine, versions
from .checkpoints.folder import save, write
from .checkpoints.former import former_run, json_like, steps_of
from .checkpoints.held_out import HELD_OUT, held_out_bytes, known_of, some_places
from .checkpoints.nearest import COUNT as NEIGHBOURS
from .checkpoints.nearest import NEAREST, nearest_bytes
from .checkpoints.resuming import RESUME, go_on, resume_bytes
from .learned import Learned, learned
from .pictures.tiles import is_image
from .pictures.views import frame
from .reference import gates
from .registry import make
from .sets.dataset import DataSet
from .sets.own import SIZE, data_set
from .system import System
from .training.loop import DivergedError
from .training.recipe import Recipe
from .training.state import State
from .training.train import fabric_for, steps_within, to_json, training

EVERY_S = 30.0  # between two files to go on from
FRAMES = 32  # of the film of training, more of them early, where more changes
PATIENCE = 1.5  # times the minutes that were asked for, after which training stops where it is
FILM, PER_SECOND = "training.webp", 6.0


@dataclass(frozen=True)
class Learning:
    """Training after a step (`instrument.stepping.Step`); `result` is there with the last one."""

    step: int
    steps: int
    progress: str
    result: Learned | None = None
    system: System | None = field(default=None, repr=False)
    held_out: torch.Tensor | None = field(default=None, repr=False)

    def frame(self) -> np.ndarray | None:
        """What the system makes now, (h, w, 3); None where it makes no images."""
        if self.system is None or self.held_out is None:
            return None
        self.system.eval()
        return frame(self.system, self.held_out)


def fit(name: str, data: Any = "digits", out: str | os.PathLike[str] = "learned", **options: Any) -> Learned:
    """Trains the system of that name and writes it into the folder `out`; gives its numbers and its sheet.

    `data` is 'digits', 'mnist', 'fashion-mnist', 'cifar10', or one's own images: what the atlas takes. The options are
    those of `fitting`, such as `minutes=5`, `steps=`, `seed=0`, `settings={"codes": 2}`.
    """
    *_, last = fitting(name, data, out, **options)
    assert last.result is not None  # of the last step
    return last.result


def fitting(
    name: str,
    data: Any = "digits",
    out: str | os.PathLike[str] = "learned",
    *,
    minutes: float | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    size: int = SIZE,
    colour: bool | None = None,
    device: str | None = None,
    devices: int = 1,
    resume: bool = False,
    **recipe: Any,
) -> Iterator[Learning]:
    """The same, step by step.

    `minutes` is the time that training may take; how many steps that makes is found by a rehearsal before it begins.
    `size` and `colour` say what one's own images are made into. `settings` are the system's own, `recipe` those of
    `Recipe`: `steps`, `batch`, `rate`. With `resume` a run that was stopped goes on, to the same weights as one run.
    Raises ValueError for a folder with something else in it, and for settings that don't fit; `DivergedError` where a
    loss is no finite number. The folder then holds what training can go on from.
    """
    folder = Path(out).expanduser()
    system = make(name, **(settings or {}))
    plan = replace(system.recipe, **_known(system, recipe))
    former = former_run(folder, resume)
    if minutes is not None and not minutes > 0:
        raise ValueError(f"minutes are above 0, not {minutes:g}")
    held = system.divided(data_set(data, size, colour))
    system = system.suited(held.train, seed)
    shown = held.test.batch(some_places(len(held.test), system.shown)).x
    if isinstance(system, Solves):
        begun = time.monotonic()
        system.solve(held.train)
        yield _finished(system, held, plan, seed, folder, 0, (time.monotonic() - begun) / 60, {}, shown)
        return
    examples = system.learns_from(held.train)
    fabric = fabric_for(plan, device, devices)
    run = {"system": system.name, "config": asdict(system.config), "data": held.account()["sha256"], "seed": seed}
    run |= {"recipe": to_json(plan), "minutes": 0.0}
    if former is not None:
        plan = replace(plan, steps=steps_of(former, run, folder))
    elif minutes is not None:
        plan = replace(plan, steps=steps_within(minutes, system, examples, plan, seed, fabric))
    run = json_like({**run, "recipe": to_json(plan)})
    state, steps = training(system, examples, plan, seed, fabric)
    spent = 0.0
    if former is not None:
        go_on(folder, state)
        spent = float(former["minutes"])
    folder.mkdir(parents=True, exist_ok=True)
    begun = last = time.monotonic()

    def keep() -> None:
        done = {**run, "minutes": spent + (time.monotonic() - begun) / 60}
        write(folder / RESUME, resume_bytes(state, done))

    film = _Film(folder, plan.steps, former is not None)
    film.add(state, system, shown)
    try:
        for _ in steps:
            film.add(state, system, shown)
            yield Learning(state.step, plan.steps, state.progress, system=system, held_out=shown)
            now = time.monotonic()
            if now - last > EVERY_S and state.step < plan.steps:
                keep()
                last = now
            if minutes is not None and spent * 60 + now - begun > PATIENCE * 60 * minutes:
                break
    except DivergedError as error:
        before = f"; {folder} holds the training up to a step before" if (folder / RESUME).exists() else ""
        raise DivergedError(f"{error}{before}") from error
    except BaseException:  # Ctrl-C, or whoever asked for the steps left
        if state.step:
            keep()
        raise
    if state.averages is not None:
        system.load_state_dict(state.averages.values)
    system.to("cpu")
    curves = {player: curve.points for player, curve in state.losses.items()}
    notes = []
    if state.step < plan.steps:
        notes.append(f"training stopped at step {state.step:,} of {plan.steps:,}, after {PATIENCE:g} × its minutes")
    took = spent + (time.monotonic() - begun) / 60
    yield _finished(system, held, plan, seed, folder, state.step, took, curves, shown, notes, str(fabric.device), film)
    with contextlib.suppress(FileNotFoundError):
        (folder / RESUME).unlink()


def _known(system: System, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The stated settings of the recipe. TypeError for others."""
    names = list(vars(Recipe()))
    for name in recipe:
        if name not in names:
            raise TypeError(f"learning {system.name} has no setting {name!r}; the recipe's are {', '.join(names)}")
    return {name: value for name, value in recipe.items() if value is not None}


def _finished(
    system: System, held: DataSet, plan: Recipe, seed: int, folder: Path, steps: int, minutes: float,
    losses: Mapping[str, Any], shown: torch.Tensor, notes: list[str] | None = None, device: str = "cpu",
    film: _Film | None = None,
) -> Learning:  # fmt: skip
    """Evaluates the system and writes it, with its card."""
    system.eval()
    with torch.no_grad():
        numbers = system.evaluate(held.test)
    card = Card(
        system=system.name,
        config=json_like(asdict(system.config)),
        data=held.account(),
        recipe=to_json(plan) if steps else {},
        seed=seed,
        steps=steps,
        minutes=round(minutes, 3),
        numbers=numbers,
        gates=tuple(gates(system.references, held.name, numbers)),
        losses=json_like(losses),
        notes=(*(notes or ()), *system.remarks(numbers)),
        versions=versions(),
        machine=machine(device),
        date=datetime.date.today().isoformat(),
    )
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / HELD_OUT, held_out_bytes(shown, known_of(held.test, some_places(len(held.test), system.shown))))
    if isinstance(system, Samples) and is_image(system.shape):
        write(folder / NEAREST, nearest_bytes(system.sample(NEIGHBOURS, seed=0), held.train))
    save(system, card, folder)
    if film is not None:
        film.write()
    progress = f"learned from {counted(len(held.train), 'example')}"
    return Learning(max(steps, 1), max(steps, 1), progress, learned(folder), system, shown)


class _Film:
    """Frames of what the system makes, more of them early, and the film of them."""

    def __init__(self, folder: Path, steps: int, going_on: bool) -> None:
        self.folder, self.frames = folder, []
        shares = np.linspace(0, 1, FRAMES)
        self.steps = {round(float(steps**share)) if share else 0 for share in shares} if not going_on else set()

    frames: list[np.ndarray]

    def add(self, state: State, system: System, shown: torch.Tensor) -> None:
        if state.step in self.steps:
            system.eval()
            pixels = frame(system, shown)
            if pixels is not None:
                self.frames.append(pixels)

    def write(self) -> None:
        if len(self.frames) > 1:
            write_film(self.folder / FILM, self.frames, PER_SECOND)
