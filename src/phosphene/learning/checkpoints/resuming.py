"""What training needs to go on after a stop: one file with the weights, the optimisers and the losses so far."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as bytes_of

if TYPE_CHECKING:
    from ..training.state import State

RESUME = "resume.safetensors"


def resume_bytes(state: State, run: Mapping[str, Any]) -> bytes:
    """The state with a description of the run that it belongs to."""
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in state.tensors().items()}
    return bytes_of(tensors, {"run": json.dumps(run, sort_keys=True), "numbers": json.dumps(state.numbers())})


def run_of(folder: Path) -> dict[str, Any] | None:
    """The run that a folder can go on with; None where there is none. ValueError for a damaged file."""
    path = folder / RESUME
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            return json.loads(file.metadata()["run"])
    except (SafetensorError, TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({str(error).splitlines()[0]}); delete it to begin anew") from error


def go_on(folder: Path, state: State) -> None:
    """Brings the state back to where the folder's run was."""
    with safe_open(folder / RESUME, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        numbers = json.loads(file.metadata()["numbers"])
    state.restore(tensors, numbers)
