"""How far a sweep is: which shards are finished, and how many images of the others."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Done:
    """Finished shards, and for those begun the number of images taken in."""

    finished: set[int] = field(default_factory=set)
    begun: dict[int, int] = field(default_factory=dict)

    def reached(self, shard: int, stop: int) -> None:
        self.begun[shard] = stop

    def finish(self, shard: int) -> None:
        self.finished.add(shard)
        self.begun.pop(shard, None)

    def left(self, shards: Iterable[int]) -> list[tuple[int, int]]:
        """The shards that are not finished, with where to go on in each, in rising order."""
        return [(shard, self.begun.get(shard, 0)) for shard in sorted(shards) if shard not in self.finished]

    def to_json(self) -> str:
        """Finished shards as stretches (first, last), since there may be many."""
        stretches: list[list[int]] = []
        for shard in sorted(self.finished):
            if stretches and stretches[-1][1] == shard - 1:
                stretches[-1][1] = shard
            else:
                stretches.append([shard, shard])
        return json.dumps({"finished": stretches, "begun": self.begun})

    @classmethod
    def from_json(cls, text: str) -> Done:
        read = json.loads(text)
        finished = {shard for first, last in read["finished"] for shard in range(first, last + 1)}
        return cls(finished, {int(shard): stop for shard, stop in read["begun"].items()})
