"""A card: what a learned system is, what it has learned from and how, and the numbers that it reached, as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

CARD, WEIGHTS = "card.json", "weights.safetensors"


@dataclass(frozen=True)
class Card:
    """What stands in a folder's `card.json` beside its weights."""

    system: str
    config: Mapping[str, Any]
    data: Mapping[str, Any]  # name, sha256, how many examples of which shape, and what was done to them
    recipe: Mapping[str, Any]
    seed: int
    steps: int
    minutes: float
    numbers: Mapping[str, float]
    gates: tuple[Mapping[str, Any], ...] = ()
    losses: Mapping[str, Any] = field(default_factory=dict)  # player -> [[step, loss], ...]
    notes: tuple[str, ...] = ()
    outcome: Mapping[str, Any] = field(default_factory=dict)  # what the sheet of a system shows beside its numbers
    weights: Mapping[str, Any] = field(default_factory=dict)  # sha256, how many numbers and bytes
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    date: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def read_card(folder: Path) -> Card:
    """The card in a folder. FileNotFoundError or ValueError, with a sentence, where there is none to read."""
    path = folder / CARD
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no {CARD}; a learned system is a folder with {CARD} and {WEIGHTS}")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        known: dict[str, Any] = {each.name: values[each.name] for each in fields(Card) if each.name in values}
        return Card(**known | {name: tuple(values.get(name, ())) for name in ("gates", "notes")})
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no card of a learned system ({str(error).splitlines()[0]})") from error


def versions() -> dict[str, str]:
    """What it was learned with."""
    from ... import __version__

    return {"phosphene": __version__, "torch": torch.__version__, "python": platform.python_version()}


def machine(device: str) -> dict[str, Any]:
    """What it was learned on."""
    return {"device": device, "threads": torch.get_num_threads(), "processor": platform.machine()}
