"""What a layer's units see of the network's input, as an atlas keeps it, so that patches are cut without the network.

Most layers see alike in all channels; where a network concatenates branches they do not, so that a layer is kept as
runs of channels. Of each run there is the window as a rule, size, stride and start, and its edges at every row and
column of units, which are exact at the border and where windows are irregular.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...network import UNKNOWN, WHOLE, Axis, Box, Extent, Field, Network
from ...network.receptive import Edges, box_of, runs_of


@dataclass(frozen=True, eq=False)
class Run:
    """Consecutive channels whose units see alike; `edges` is None where what they see is not known."""

    channels: int
    field: Field | Extent
    edges: Edges | None

    def box(self, row: int, column: int) -> Box | None:
        """The pixels that a unit sees: an empty box where it sees none, None where that is not known."""
        return None if self.edges is None else box_of(self.edges, row, column)


@dataclass(frozen=True, eq=False)
class Fields:
    """What the units of a layer see: in words, and by runs of channels."""

    words: str
    runs: tuple[Run, ...]

    @classmethod
    def of(cls, network: Network, name: str) -> Fields:
        """Those of a layer, for the network's own input size."""
        layer = network.layer(name)
        return cls(str(layer.field), tuple(Run(*run) for run in runs_of(layer, network.survey())))

    @property
    def channels(self) -> int:
        return sum(run.channels for run in self.runs)

    def channel(self, index: int) -> Run:
        """The run that a channel belongs to. LookupError beyond the last channel."""
        at = index
        for run in self.runs:
            if 0 <= at < run.channels:
                return run
            at -= run.channels
        raise LookupError(f"there are {self.channels} channels, no {index}")

    def to_json(self) -> str:
        return json.dumps({"words": self.words, "runs": [_account(run) for run in self.runs]}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Fields:
        """ValueError for what is no account of fields."""
        try:
            account = json.loads(text)
            return cls(str(account["words"]), tuple(_run(run) for run in account["runs"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"what its units see can't be read: {error}") from error


def _account(run: Run) -> dict[str, Any]:
    field = asdict(run.field) if isinstance(run.field, Field) else run.field.name
    edges = None if run.edges is None else [side.tolist() for side in run.edges]
    return {"channels": run.channels, "field": field, "edges": edges}


def _run(account: dict[str, Any]) -> Run:
    field: Field | Extent
    if isinstance(account["field"], str):
        field = {"WHOLE": WHOLE, "UNKNOWN": UNKNOWN}[account["field"]]
    else:
        field = Field(Axis(**account["field"]["height"]), Axis(**account["field"]["width"]))
    edges = account["edges"]
    if edges is not None:
        top, bottom, left, right = (np.array(side, np.int64) for side in edges)
        if not (len(top) == len(bottom) > 0 and len(left) == len(right) > 0):
            raise ValueError("edges without an end")
        edges = (top, bottom, left, right)
    return Run(int(account["channels"]), field, edges)
