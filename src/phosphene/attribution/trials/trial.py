"""The tests of one image: what each contender's map gets in them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...network import Frame, Network
from .contenders import Contender, attempt
from .faithfulness import area, deletion, drops, insertion, sensitivity_n, subsets
from .likeness import spearman
from .pointing import Corners, pointing
from .stability import max_sensitivity


@dataclass
class Trial:
    """The tests of one image; what does not depend on the contender is computed once."""

    network: Network
    random: Network | None
    x: Tensor
    target: str
    class_: int
    frame: Frame
    boxes: Sequence[Corners]
    tests: frozenset[str]
    steps: int
    seed: int
    batch: int

    def __post_init__(self) -> None:
        self.classes = torch.tensor([self.class_])
        if "sensitivity_n" in self.tests:
            height, width = (int(side) for side in self.x.shape[-2:])
            self.sets = subsets((height, width), cell=max(1, min(height, width) // 14), seed=self.seed)
            self.dropped = drops(self.network, self.x, self.classes, self.sets, batch=self.batch)

    def numbers(self, contender: Contender) -> tuple[dict[str, float], str | None]:
        """The contender's number in each test, or the sentence by which it refuses to answer for this image.

        A test has no number where a method refuses what the test asks it for: a noisy image, random weights.
        """
        x, start = self.x, time.perf_counter()
        maps, refusal = attempt(contender, self.maps, contender, self.network, x)
        if refusal is not None:
            return {}, refusal
        seconds = time.perf_counter() - start
        how: dict[str, Any] = {"steps": self.steps, "batch": self.batch, "seed": self.seed}
        numbers: dict[str, Tensor] = {}
        if "insertion" in self.tests:
            numbers["insertion"] = area(insertion(self.network, x, maps, self.classes, **how))
        if "deletion" in self.tests:
            numbers["deletion"] = area(deletion(self.network, x, maps, self.classes, **how))
        if "sensitivity_n" in self.tests:
            numbers["sensitivity_n"] = sensitivity_n(maps, self.sets, self.dropped)
        if not contender.baseline:
            numbers |= self.changes(contender, maps)
        results = {test: float(number[0]) for test, number in numbers.items()}
        if "pointing" in self.tests:
            results["pointing"] = pointing(maps[0], self.frame, self.boxes)
        return {**results, "seconds": seconds}, None

    def changes(self, contender: Contender, maps: Tensor) -> dict[str, Tensor]:
        """How much a method's map changes with the image, and how little with the weights."""
        result: dict[str, Tensor] = {}
        if "max_sensitivity" in self.tests:

            def again(noisy: Tensor) -> Tensor:
                return self.maps(contender, self.network, noisy)

            value, refusal = attempt(
                contender, lambda: max_sensitivity(self.network, self.x, maps, again, seed=self.seed)
            )
            result |= {} if refusal else {"max_sensitivity": value}
        if self.random is not None:
            other, refusal = attempt(contender, self.maps, contender, self.random, self.x)
            result |= {} if refusal else {"randomised": spearman(maps.abs(), other.abs())}
        return result

    def maps(self, contender: Contender, network: Network, x: Tensor) -> Tensor:
        return contender.maps(network, x, self.target, self.seed)
