"""The end of a transfer: measured on the held-out photos, explained on the worst, and written with its card."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor, nn

from ...network import Labels, Network
from ...network.running.outputs import log_probabilities, probabilities
from ..checkpoints.card import Card, machine, versions
from ..checkpoints.folder import save, write
from ..checkpoints.former import json_like
from ..checkpoints.resuming import RESUME
from ..training.train import to_json
from .base import name_of_base
from .course import Course
from .features import scores
from .moment import Moment
from .photos import PhotoFolder, Seen
from .results import TransferredNetwork
from .system import Transfer, TransferConfig
from .worst import FILE, explained, worst_of


def ending(
    course: Course, network: Network, module: nn.Module, config: TransferConfig, photos: PhotoFolder,
    held: Sequence[int], data: Mapping[str, Any], recipe: Mapping[str, Any],
) -> Generator[Moment]:  # fmt: skip
    """Measures and writes `module`, which was made of `network`; the last moment has the result.

    `held` are the numbers of the photos to measure on, `data` and `recipe` what the card says of photos and settings.
    """
    module = module.to("cpu").eval()
    labels = Labels(config.classes)
    learned = Network(module, network.preprocessing, labels, head=config.head)  # type: ignore[arg-type]
    seen = [photos.photos[at] for at in held]
    answers = yield from _answers(learned, photos, seen)
    yield Moment(1, 1, "explaining the worst photos")
    measured, worst, numbers = _measured(learned, photos, seen, answers, photos.labels(held))
    if config.whole and course.stated["frozen"] is not None:
        numbers["accuracy of the frozen network"] = course.stated["frozen"] / len(held)
    base, note = name_of_base(network, module, config)
    if note:
        course.note(f"{note}; ph.load({str(course.out)!r}, architecture=network) opens this one with it")
    config = replace(config, base=base)
    plan = course.recipe
    assert plan is not None
    stated = course.stated
    card = Card(
        system=Transfer.name, config=json_like(asdict(config)), data=data, recipe={**to_json(plan), **recipe},
        seed=course.seed, steps=course.steps, minutes=round(course.spent, 3), numbers=numbers,
        losses=json_like(stated["curves"]), notes=tuple(stated["notes"]),
        outcome=json_like({
            "base": network.name, "fingerprint": network.fingerprint, "early": stated["early"],
            "rates": stated["rates"], "frozen": stated["frozen"], **measured,
        }),
        versions=versions(), machine=machine(str(course.fabric.device)), date=datetime.date.today().isoformat(),
    )  # fmt: skip
    course.out.mkdir(parents=True, exist_ok=True)
    write(course.out / FILE, worst)
    card = save(Transfer(config, module), card, course.out)
    with contextlib.suppress(FileNotFoundError):
        (course.out / RESUME).unlink()
    spec = str(course.out)
    result = TransferredNetwork(
        module, network.preprocessing, labels, head=config.head, spec=spec,
        opening={"spec": spec} if base else {}, card=card,
    )  # fmt: skip
    yield Moment(1, 1, f"right for {result.right} of held-out photos", result=result)


def _answers(network: Network, photos: PhotoFolder, held: Sequence[Seen]) -> Generator[Moment, None, Tensor]:
    """The scores (n, classes) of the held-out photos."""
    rows: list[Tensor] = []
    done = 0
    for seen, values in photos.again(held, network.preprocessing.prepare):
        with torch.no_grad():
            rows.append(scores(network.module, torch.cat(values).to(network.dtype)).float())
        done += len(seen)
        yield Moment(done, len(held), "measuring")
    return torch.cat(rows)


def _measured(
    network: Network, photos: PhotoFolder, seen: Sequence[Seen], answers: Tensor, truths: Tensor
) -> tuple[dict[str, Any], bytes, dict[str, float]]:
    """What is taken for what and the worst photos, their pixels and maps as a file's bytes, and the numbers."""
    likely = probabilities(answers, network.head)
    losses = -log_probabilities(answers, network.head).gather(1, truths[:, None])[:, 0]
    if not torch.isfinite(losses).all():
        raise ValueError("the network's scores are NaN or infinite after learning; a smaller learning rate may help")
    given = answers.argmax(1)
    classes = answers.shape[1]
    confusion = torch.zeros(classes, classes, dtype=torch.long)
    confusion.index_put_((truths, given), torch.ones_like(given), accumulate=True)
    order = worst_of(losses, given == truths)
    opened = [photos.photo(seen[at]) for at in order]
    worst, why = explained(network, opened, given[order].tolist(), truths[order].tolist())
    stated = [
        {
            "name": photo.name, "key": seen[at].key, "path": photo.path, "truth": int(truths[at]),
            "answer": int(given[at]), "answered": float(likely[at, given[at]]), "true": float(likely[at, truths[at]]),
            "loss": float(losses[at]), "right": bool(given[at] == truths[at]),
        }
        for at, photo in zip(order, opened, strict=True)
    ]  # fmt: skip
    right = confusion.diag().double()
    numbers = {
        "accuracy": float(right.sum()) / len(seen), "mean of classes": float((right / confusion.sum(1)).mean()),
        "cross entropy": float(losses.double().mean()),
    }  # fmt: skip
    return {"confusion": confusion.tolist(), "worst": stated, "why": why}, worst.to_bytes(), numbers
