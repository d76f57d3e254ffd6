"""A learned system in a folder: `weights.safetensors` and `card.json`, never a pickle.

Each file is written beside its place and then moved there, so that a full disk or a stop leaves the former one whole.
"""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of

from .card import CARD, WEIGHTS, Card, read_card
from .resuming import RESUME

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..system import System


def write(path: Path, data: bytes) -> None:
    """The file's content, whole or not at all. OSError, with a sentence, where the disk does not take it."""
    part = path.with_name(f"{path.name}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        former = "; the former one is whole" if path.exists() else ""
        raise OSError(f"{path} could not be written ({error.strerror or error}){former}") from error


def save(system: System, card: Card, folder: Path) -> Card:
    """Writes the system into the folder, and gives the card with its weights' hash."""
    state = {name: value.detach().cpu().contiguous().clone() for name, value in system.state_dict().items()}
    data = bytes_of(state)
    numbers = sum(value.numel() for value in state.values())
    card = replace(card, weights={"sha256": sha256(data).hexdigest(), "numbers": numbers, "bytes": len(data)})
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / WEIGHTS, data)
    write(folder / CARD, card.to_json().encode())
    return card


def card_of(folder: Path) -> Card:
    """The card in a folder. ValueError where training there has not ended, or what stands there is none."""
    if not (folder / CARD).exists() and (folder / RESUME).exists():
        raise ValueError(f"training in {folder} has not ended; go on with it, then it can be opened")
    return read_card(folder)


def read(folder: Path, make: Callable[..., System]) -> tuple[System, Card]:
    """The system in a folder, in evaluation mode, and its card; `make` makes one by name and settings.

    FileNotFoundError or ValueError, with a sentence, where the folder holds none, or one that is not whole.
    """
    card = card_of(folder)
    path = folder / WEIGHTS
    if not path.is_file():
        raise FileNotFoundError(f"{folder} has a card, and no {WEIGHTS} beside it")
    data = path.read_bytes()
    if sha256(data).hexdigest() != card.weights.get("sha256"):
        raise ValueError(f"{path} are not the weights that {CARD} was written for: their hash differs")
    try:
        system = make(card.system, **card.config)
        system.load_state_dict(tensors_of(data))
    except (SafetensorError, RuntimeError, TypeError, LookupError) as error:
        raise ValueError(f"{folder} can't be opened as {card.system} ({str(error).splitlines()[0]})") from error
    return system.eval(), card
