"""How far a run over a source is: which shards are finished, how much of the others, and what is to run again.

What a run has covered is written with what it computed, so that it goes on from there when it was stopped or killed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .sources import number


@dataclass
class Coverage:
    """Finished shards, for those begun the number of images taken in, and images of both that count as not run."""

    finished: set[int] = field(default_factory=set)
    begun: dict[int, int] = field(default_factory=dict)
    again: set[int] = field(default_factory=set)  # could not be used once, and are to be tried again

    def reached(self, shard: int, stop: int) -> None:
        self.begun[shard] = stop

    def finish(self, shard: int) -> None:
        self.finished.add(shard)
        self.begun.pop(shard, None)

    def ran_again(self, images: Iterable[int]) -> None:
        """These images ran again."""
        self.again.difference_update(images)

    def left(self, shards: Iterable[int]) -> list[tuple[int, int]]:
        """The shards that are not finished, with where to go on in each, in rising order."""
        return [(shard, self.begun.get(shard, 0)) for shard in sorted(shards) if shard not in self.finished]

    def ranges(self) -> list[tuple[int, int]]:
        """The numbers of the images that were taken in, as ranges (first, beyond the last) in rising order."""
        whole = [(number(first, 0), number(last + 1, 0)) for first, last in self._stretches()]
        begun = [(number(shard, 0), number(shard, stop)) for shard, stop in self.begun.items() if stop]
        return sorted([*whole, *begun])

    def _stretches(self) -> list[list[int]]:
        """Finished shards as stretches (first, last), since there may be many."""
        stretches: list[list[int]] = []
        for shard in sorted(self.finished):
            if stretches and stretches[-1][1] == shard - 1:
                stretches[-1][1] = shard
            else:
                stretches.append([shard, shard])
        return stretches

    def to_json(self) -> str:
        fields: dict[str, Any] = {"finished": self._stretches(), "begun": self.begun}
        if self.again:
            fields["again"] = sorted(self.again)
        return json.dumps(fields)

    @classmethod
    def from_json(cls, text: str) -> Coverage:
        fields = json.loads(text)
        finished = {shard for first, last in fields["finished"] for shard in range(first, last + 1)}
        begun = {int(shard): stop for shard, stop in fields["begun"].items()}
        return cls(finished, begun, set(fields.get("again", ())))
