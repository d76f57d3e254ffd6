"""Transfer: a network learns the classes of a folder, into a folder that opens like any network.

1. read every photo once, and compute its features: what the network's layer of scores reads
2. split the photos by their hashes, and see whether four of them can be learned by heart
3. frozen: learn the new layer of scores on the features (`probe`)
4. whole, where it is asked for: find a learning rate, then learn all weights from augmented photos (`system`)
5. measure on the held-out photos, explain the worst of them, write weights and card
"""

from __future__ import annotations

import contextlib
import datetime
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...network import Labels, Network, load
from ...network.heads import noise
from ...network.running.outputs import log_probabilities, probabilities
from ...picture import counted
from ..checkpoints.card import Card, machine, versions
from ..checkpoints.folder import save, write
from ..checkpoints.former import former_run, json_like, steps_of
from ..checkpoints.resuming import RESUME, go_on, resume_bytes
from ..sets.pixels import Pixels
from ..system import System
from ..training.loop import DivergedError
from ..training.recipe import Recipe
from ..training.state import State
from ..training.train import fabric_for, steps_within, to_json, training
from .base import openings
from .changes import checked_kind
from .early import early_look, one_of_each
from .features import features, is_linear, scores
from .head import head_of, score_layer, set_head, with_head
from .photo_examples import PhotoExamples, kept, larger
from .photos import Seen, photo_folder
from .preview import Augmented, preview_of
from .probe import PENALTY, Scale, check_finite, probe_for
from .range_test import STEPS as RANGE_STEPS
from .range_test import at_rate, range_test
from .results import TransferredNetwork
from .split import HELD_OUT
from .system import Transfer, TransferConfig, json_of
from .worst import FILE, explained, worst_of

EVERY_S = 30.0  # between two files to go on from
PATIENCE = 1.5  # times the minutes that were asked for, after which training stops where it is
EPOCHS, LEAST = 30, 100  # passes over the photos, and steps, of a whole network that has the time
FINDER = 1 / 3  # of the minutes at most for the learning-rate finder
AFTER = 2.5  # times what reading a photo and computing its features takes: what each held-out photo costs at the end
PREVIEW = "augmentation.webp"


@dataclass(frozen=True)
class Moment:
    """A transfer after a step (`instrument.stepping.Step`). `notice` is a sentence to be read before it goes on."""

    step: int
    steps: int | None
    progress: str
    notice: str = ""
    result: TransferredNetwork | None = field(default=None, repr=False)


def transfer(
    network: Network, folder: Any, out: str | os.PathLike[str] = "transferred", minutes: float | None = 5,
    classes: Sequence[str] | None = None, **options: Any,
) -> TransferredNetwork:  # fmt: skip
    """The network with the classes of a folder's sub-folders, learned in at most so many minutes; written into `out`.

    It is a `Network`: instruments, the report and the microscope take it, and `load(out)` opens it again. `.accuracy`
    is its share of right answers on photos that it has not learned from, `.right` the same with its interval, and
    `phosphene.learning.learned(out)` the sheet. `network` itself stays as it is. `classes` chooses sub-folders, in the
    order that their scores have. The options are those of `transferring`, such as `whole=True`, `augment="drawing"`,
    `seed=0`.
    """
    *_, last = transferring(network, folder, out, minutes, classes, **options)
    assert last.result is not None  # of the last step
    return last.result


def transferring(
    network: Network, folder: Any, out: str | os.PathLike[str] = "transferred", minutes: float | None = 5,
    classes: Sequence[str] | None = None, *, whole: bool = False, augment: str = "photo", rate: float | None = None,
    batch: int = 16, steps: int | None = None, penalty: float = PENALTY, held_out: float = HELD_OUT, fold: int = 0,
    seed: int = 0, device: str | None = None, resume: bool = False,
) -> Iterator[Moment]:  # fmt: skip
    """The same, step by step.

    Frozen, only the new layer of scores learns, on features that are computed once; `penalty` is C of its logistic
    regression. With `whole` all weights learn after that, the body at a tenth of the head's `rate`, which the finder
    chooses if it is not given; from photos that are augmented as `augment` says (photo, drawing, none), `batch` at a
    time, in `steps` or in as many as fit into `minutes`. `held_out` is the share of photos to measure on, and
    `fold` which one, from 0. With `resume`
    a run that was stopped goes on, to the same weights as one run.

    Raises ValueError, LookupError or FileNotFoundError, in a sentence, for a network without a layer of scores, for a
    folder without two classes of two photos each, and for an `out` that holds something else.
    """
    work = _Work(network, folder, Path(out).expanduser(), minutes, classes, whole, augment, rate, batch, steps, penalty,
                 held_out, fold, seed, device, resume)  # fmt: skip
    yield from work.run()


class _Work:
    """One transfer, part by part; each part is a generator of moments."""

    def __init__(
        self, network: Network, source: Any, out: Path, minutes: float | None, classes: Sequence[str] | None,
        whole: bool, augment: str, rate: float | None, batch: int, steps: int | None, penalty: float, held_out: float,
        fold: int, seed: int, device: str | None, resume: bool,
    ) -> None:  # fmt: skip
        if not isinstance(network, Network):
            raise TypeError(
                f"transfer begins with a phosphene.Network, not {type(network).__name__}; ph.load opens one"
            )
        if minutes is not None and not minutes > 0:
            raise ValueError(f"minutes are above 0, not {minutes:g}")
        self.out, self.former = out, former_run(out, resume)
        self.begun, self.minutes = time.monotonic(), minutes
        self.whole, self.augment, self.rate, self.steps = whole, checked_kind(augment), rate, steps
        self.penalty, self.share, self.fold, self.seed, self.batch = penalty, held_out, fold, seed, batch
        Recipe(steps=1 if steps is None else steps, batch=batch, rate=1e-3 if rate is None else rate)  # checks them
        self.plan = replace(Transfer.recipe, batch=batch)
        self.fabric = fabric_for(Transfer.recipe, device)
        self.network = network
        self.layer = score_layer(network)
        if isinstance(network, TransferredNetwork):  # what was taken out of it stays out
            self.layer = replace(self.layer, after=(*self.layer.after, *network.card.config["layer"]["after"]))
        self.photos = photo_folder(source, classes)
        count = len(self.photos.classes)
        self.module = with_head(network, self.layer, count).to(self.fabric.device)
        self.head = network.head if network.head in ("probabilities", "log-probabilities") else "softmax"
        self.linear = is_linear(self.module, self.layer, Network(self.module, network.preprocessing, head=self.head))
        if not self.linear and (self.head != "softmax" or not whole):
            raise ValueError(
                f"what {network.name} answers is not linear in what its layer {self.layer.name!r} reads: it changes "
                "its scores afterwards. Give the network that returns the scores themselves"
                + ("" if self.head != "softmax" else ", or let all weights learn: whole=True (--whole)")
            )
        self.stated: dict[str, Any] = {"early": "", "rates": None}
        self.notes: list[str] = []
        self.curves: dict[str, list[Any]] = {}
        self.per_photo = 0.0  # seconds that reading one and computing its features took
        self.spent = float(self.former["minutes"]) if self.former else 0.0

    @property
    def way(self) -> Any:
        return self.network.preprocessing

    def run(self) -> Iterator[Moment]:
        going_on = self.former is not None and self.former["stage"] == "network"
        yield from self._read(with_features=self.linear and not going_on)
        self.learned, self.held = self.photos.split(self.share, self.fold)
        self.notes += self.photos.notes()
        if going_on:
            assert self.former is not None
            self.stated = dict(self.former["stated"])
        else:
            yield self._look()
            if self.linear:
                yield from self._frozen()
        if self.whole:
            yield from self._whole(going_on)
        yield from self._finish()

    # ---- 1. photos and features

    def _read(self, with_features: bool) -> Iterator[Moment]:
        """Reads the photos: features of all, and what is kept of them for a whole network."""
        large, device = larger(self.way), self.fabric.device
        vectors: list[Tensor] = []
        pixels = Pixels(3, large.size) if self.whole else None

        def prepare(photo: Any) -> tuple[Any, Any]:
            x = self.network.preprocessing.prepare(photo) if with_features else None
            return x, kept(photo, large) if pixels is not None else None

        self.network._check_photos()
        dtype, told = next(self.module.parameters()).dtype, False
        begun = time.monotonic()
        for seen, values, done, total in self.photos.read(prepare):
            if with_features and values:
                x = torch.cat([value[0] for value in values]).to(device, dtype)
                vectors.append(features(self.module, self.layer, x).cpu().float())
            for _, image in values:
                if pixels is not None:
                    pixels.add(image)
            self.per_photo = (time.monotonic() - begun) / done
            notice = ""
            if total and not told and done >= 2 * len(seen) and done < total:
                told, left = True, self.per_photo * (total - done)
                doing = "reading photos and computing their features" if with_features else "reading photos"
                notice = f"{doing}: {total:,} photos, about {_time(left)} more"
                if self.minutes is not None and left > 60 * self.minutes:
                    notice += f", longer than the {self.minutes:g} minutes asked for"
            yield Moment(done, total, "photos", notice)
        self.features = torch.cat(vectors) if vectors else None
        self.images = None if pixels is None else torch.from_numpy(pixels.all())
        if self.features is not None:
            check_finite(self.features, [one.key for one in self.photos.photos], self.network.name)

    # ---- 2. an early look

    def _look(self) -> Moment:
        """Whether a few photos can be learned by heart, and how much there is to learn from."""
        labels = self.photos.labels(self.learned)
        some = [self.learned[at] for at in one_of_each(labels.tolist())]
        targets = self.photos.labels(some)
        if self.whole:
            assert self.images is not None
            examples = PhotoExamples(self.images[some], targets, "none", self.way)
            x = examples.batch(torch.arange(len(some))).x
            fine, sentence = early_look(self.module, x.to(self.fabric.device), targets, self.head, rates=1)
        else:
            assert self.features is not None
            scale = Scale.of(self.features[self.learned])
            x = scale.examples(self.features[some], targets).x
            linear = probe_for(x, len(self.photos.classes), self.penalty).linear
            fine, sentence = early_look(linear, x, targets, "softmax", rates=3)
        self.stated["early"] = sentence
        if not fine:
            self.notes.append(sentence)
        parts = f"{counted(len(self.learned), 'photo')} to learn from, {len(self.held):,} held out"
        return Moment(1, 1, "early look", f"{parts}; {sentence}")

    # ---- 3. the new layer alone

    def _frozen(self) -> Iterator[Moment]:
        """Learns the layer of scores on the features, and puts it into the network."""
        assert self.features is not None
        scale = Scale.of(self.features[self.learned])
        examples = scale.examples(self.features[self.learned], self.photos.labels(self.learned))
        probe = probe_for(examples.x, len(self.photos.classes), self.penalty)
        plan = probe.recipe if self.whole or self.steps is None else replace(probe.recipe, steps=self.steps)
        yield from self._learn(probe, examples, plan, "head")
        weight, bias = scale.raw(probe)
        set_head(head_of(self.module, self.layer), weight, bias)

    # ---- 4. all weights

    def _whole(self, going_on: bool) -> Iterator[Moment]:
        """Learns all weights from augmented photos."""
        assert self.images is not None
        examples = PhotoExamples(
            self.images[torch.tensor(self.learned)], self.photos.labels(self.learned), self.augment, self.way
        )
        system = Transfer(self._config(None), self.module)
        for weight in system.parameters():
            weight.requires_grad_(weight.is_floating_point())
        longest = self.steps or max(LEAST, EPOCHS * len(examples) // min(self.batch, len(examples)))
        plan = replace(self.plan, steps=longest)
        if going_on:
            assert self.former is not None
            plan = replace(
                at_rate(plan, float(self.former["recipe"]["rate"])), steps=int(self.former["recipe"]["steps"])
            )
        else:
            if self.augment != "none":
                yield self._preview(examples)
            plan = yield from self._planned(system, examples, plan)
        yield from self._learn(system, examples, plan, "network")
        self.module = system.module

    def _preview(self, examples: PhotoExamples) -> Moment:
        """Writes a picture of augmented photos before any is learned from."""
        self.out.mkdir(parents=True, exist_ok=True)
        some = examples.images[torch.tensor(one_of_each(examples.labels.tolist()))]
        names = [self.photos.photos[self.learned[at]].key for at in one_of_each(examples.labels.tolist())]
        shown: Augmented = preview_of(some, names, self.augment, self.way, self.seed)
        shown.save(self.out / PREVIEW)
        return Moment(1, 1, "augmentation", f"{self.out / PREVIEW} shows what augmentation makes of photos")

    def _planned(self, system: Transfer, examples: PhotoExamples, plan: Recipe) -> Any:
        """The recipe with its rate and its number of steps; says how long that will take."""
        left = None if self.minutes is None else max(0.1 * self.minutes, self.minutes - self._minutes())
        measured = left is not None and (self.steps is None or self.rate is None)
        fitting = steps_within(left, system, examples, replace(plan, steps=10**9), self.seed, self.fabric) if (
            measured and left is not None) else None  # fmt: skip
        if self.rate is not None:
            plan = at_rate(plan, self.rate)
        elif fitting is not None and fitting * FINDER < RANGE_STEPS:
            self.notes.append(
                f"the learning-rate finder was left out, as it would have taken more than {FINDER:.0%} of the minutes; "
                f"the rate is {plan.rate:g}"
            )
        else:
            tests = []
            for test in range_test(system, examples, plan, self.seed, self.fabric):
                tests.append(test)
                yield Moment(len(tests), RANGE_STEPS, "learning-rate finder")
            test = tests[-1]
            self.stated["rates"] = test.to_dict()
            plan = at_rate(plan, test.chosen)
            fitting = None if fitting is None else fitting - RANGE_STEPS
        if fitting is not None and self.steps is None:
            after = AFTER * self.per_photo * len(self.held)
            assert left is not None
            share = max(0.1, 1 - after / (60 * left))
            plan = replace(plan, steps=max(1, min(plan.steps, int(fitting * share))))
        took = "" if fitting is None or left is None else f", about {_time(60 * left * plan.steps / max(1, fitting))}"
        passes = plan.steps * min(plan.batch, len(examples)) / len(examples)
        words = f"learning all weights: {counted(plan.steps, 'step')} of {min(plan.batch, len(examples))} photos, "
        yield Moment(
            0, plan.steps, "all weights", f"{words}each photo {passes:.3g} times, at rate {plan.rate:.2g}{took}"
        )
        return plan

    # ---- the loop, with what a stop would lose

    def _learn(self, system: System, examples: Any, plan: Recipe, stage: str) -> Iterator[Moment]:
        run = self._account(plan, stage)
        former = self.former if self.former is not None and self.former["stage"] == stage else None
        state, steps = training(system, examples, plan, self.seed, self.fabric)
        if former is not None:
            if steps_of(former, run, self.out) != plan.steps:
                raise ValueError(f"the training in {self.out} had {former['recipe']['steps']} steps, not {plan.steps}")
            _check_same(former, run, self.out)
            go_on(self.out, state)
        self.out.mkdir(parents=True, exist_ok=True)
        last = time.monotonic()
        self._keep(run, state)
        try:
            for _ in steps:
                yield Moment(state.step, plan.steps, f"{stage}: {state.progress}")
                now = time.monotonic()
                if now - last > EVERY_S and state.step < plan.steps:
                    self._keep(run, state)
                    last = now
                if stage == "network" and self.minutes is not None and self._minutes() > PATIENCE * self.minutes:
                    self.notes.append(
                        f"training stopped at step {state.step:,} of {plan.steps:,}, after {PATIENCE:g} × its minutes"
                    )
                    break
        except DivergedError as error:
            raise DivergedError(f"{error}; {self.out} holds the training up to a step before") from error
        except BaseException:  # Ctrl-C, or whoever asked for the steps left
            if state.step:
                self._keep(run, state)
            raise
        system.eval()
        ((_, curve),) = state.losses.items()  # one player
        self.curves[stage] = curve.points
        self.final = plan, state.step

    def _account(self, plan: Recipe, stage: str) -> dict[str, Any]:
        """What a run that goes on has to have in common with this one."""
        data = {"train": self.photos.hash_of(self.learned), "test": self.photos.hash_of(self.held)}
        settings = {
            "whole": self.whole, "augment": self.augment, "penalty": self.penalty, "held_out": self.share, "fold": self.fold,
            "network": self.network.fingerprint,
        }  # fmt: skip
        return json_like({
            "system": Transfer.name, "config": asdict(self._config(None)), "data": data, "seed": self.seed,
            "recipe": to_json(plan), "stage": stage, "settings": settings,
        })  # fmt: skip

    def _keep(self, run: Mapping[str, Any], state: State) -> None:
        done = {**run, "minutes": self._minutes(), "stated": self.stated}
        write(self.out / RESUME, resume_bytes(state, done))

    def _minutes(self) -> float:
        return self.spent + (time.monotonic() - self.begun) / 60

    def _config(self, base: Mapping[str, Any] | None) -> TransferConfig:
        channels = self.network.channels or self.way.channels
        return TransferConfig(
            (channels, *self.way.size), base, json_of(self.layer), self.photos.classes, self.way.to_dict(), self.head,
            self.whole,
        )  # fmt: skip

    # ---- 5. the end

    def _finish(self) -> Iterator[Moment]:
        module = self.module.to("cpu").eval()
        labels = Labels(self.photos.classes)
        network = Network(module, self.way, labels, head=self.head)
        held = [self.photos.photos[at] for at in self.held]
        answers = yield from self._answers(network, held)
        truths = self.photos.labels(self.held)
        likely = probabilities(answers, self.head)
        losses = -log_probabilities(answers, self.head).gather(1, truths[:, None])[:, 0]
        given = answers.argmax(1)
        if not torch.isfinite(losses).all():
            raise ValueError("the network's scores are NaN or infinite after learning; a smaller rate may help")
        confusion = torch.zeros(len(labels), len(labels), dtype=torch.long)
        confusion.index_put_((truths, given), torch.ones(len(held), dtype=torch.long), accumulate=True)
        order = worst_of(losses, given == truths)
        photos = [self.photos.photo(held[at]) for at in order]
        worst, why = explained(network, photos, given[order].tolist(), truths[order].tolist())
        yield Moment(1, 1, "explaining the worst photos")
        stated = [
            {
                "name": photo.name, "key": held[at].key, "path": photo.path, "truth": int(truths[at]),
                "answer": int(given[at]), "answered": float(likely[at, given[at]]),
                "true": float(likely[at, truths[at]]),
                "loss": float(losses[at]), "right": bool(given[at] == truths[at]),
            }
            for at, photo in zip(order, photos, strict=True)
        ]  # fmt: skip
        of_class = confusion.diag().double() / confusion.sum(1)
        numbers = {
            "accuracy": float(confusion.diag().sum()) / len(held), "mean of classes": float(of_class.mean()),
            "cross entropy": float(losses.double().mean()),
        }  # fmt: skip
        base, note = self._base(module)
        config = self._config(base)
        if note:
            self.notes.append(note)
        plan, done = self.final
        card = Card(
            system=Transfer.name, config=json_like(asdict(config)),
            data={**self.photos.account(self.share, self.fold, self.learned, self.held)},
            recipe={**to_json(plan), "augment": self.augment if self.whole else "none", "penalty": self.penalty},
            seed=self.seed, steps=done, minutes=round(self._minutes(), 3), numbers=numbers,
            losses=json_like(self.curves),
            notes=tuple(note for note in self.notes if note not in self.photos.notes()),
            outcome=json_like({
                "base": self.network.name, "fingerprint": self.network.fingerprint, "confusion": confusion.tolist(),
                "worst": stated, "why": why, **self.stated,
            }),
            versions=versions(), machine=machine(str(self.fabric.device)), date=datetime.date.today().isoformat(),
        )  # fmt: skip
        self.out.mkdir(parents=True, exist_ok=True)
        write(self.out / FILE, worst.to_bytes())
        card = save(Transfer(config, module), card, self.out)
        with contextlib.suppress(FileNotFoundError):
            (self.out / RESUME).unlink()
        spec = str(self.out)
        result = TransferredNetwork(
            module, self.way, labels, head=self.head, spec=spec,
            opening={"spec": spec} if base else {}, card=card,
        )  # fmt: skip
        yield Moment(1, 1, f"right for {result.right} of held-out photos", result=result)

    def _answers(self, network: Network, held: Sequence[Seen]) -> Any:
        """The scores (n, classes) of the held-out photos."""
        rows: list[Tensor] = []
        done = 0
        for seen, values in self.photos.again(held, network.preprocessing.prepare):
            x = torch.cat(values).to(network.device, network.dtype)
            with torch.no_grad():
                rows.append(scores(network.module, x).float())
            done += len(seen)
            yield Moment(done, len(held), "measuring")
        return torch.cat(rows)

    def _base(self, module: Any) -> tuple[dict[str, Any] | None, str]:
        """How a card names the base network: by what, filled with these weights, answers the same bit for bit."""
        x = noise((self.network.channels or 3, *self.way.size)).to(next(module.parameters()).dtype)
        with torch.no_grad():
            expected = scores(module, x)
        refusal = "it was built in Python"
        for base in openings(self.network):
            try:
                again = with_head(load(**base), self.layer, len(self.photos.classes))
                again.load_state_dict(module.state_dict())
                with torch.no_grad():
                    if torch.equal(scores(again.eval(), x), expected):
                        return json_like(base), ""
            except (ValueError, LookupError, OSError, RuntimeError, TypeError, AttributeError) as error:
                refusal = str(error).splitlines()[0]
        return None, (
            f"the base network has no name that opens it again ({refusal}); ph.load({str(self.out)!r}, "
            "architecture=network) opens this one, with the network or module that it began with"
        )


def _check_same(former: Mapping[str, Any], run: Mapping[str, Any], folder: Path) -> None:
    """ValueError where a setting is another than the stopped run's."""
    for name, value in run["settings"].items():
        if former["settings"].get(name) != value:
            raise ValueError(f"the training in {folder} was with {name} {former['settings'].get(name)}, not {value}")


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
