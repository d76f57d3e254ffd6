"""Which photos are held out: decided by the hash of each file, so that it hangs neither on chance nor on the others.

A photo is held out if its hash, read as a number in [0, 1), is below the share that is to be held out. So copies of one
file are on one side, and when photos are added the former ones stay where they are. The one exception are classes in
which no photo would be held out, or all: there the smallest hash is held out, or the largest one learned from.

`fold` is which share of the hashes it is: fold 1 of a fifth are those from 0.2 to 0.4. The folds have no photo in
common, so that what is measured on several of them says how much it hangs on the photos.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

HELD_OUT = 0.2
_DIGITS = 13  # hexadecimal ones of a hash, 52 bits, as many as a float holds


def held_out(hashes: Sequence[str], classes: Sequence[int], share: float = HELD_OUT, fold: int = 0) -> list[bool]:
    """For each photo whether it is held out; each class has photos on both sides.

    ValueError for a share that is none, and where a class has fewer than two different photos that no other class has.
    """
    if not 0 < share < 1:
        raise ValueError(f"the share of photos to hold out is between 0 and 1, not {share:g}")
    if not 0 <= fold < 1 / share - 0.999:
        raise ValueError(f"folds of {share:g} of the photos are 0 to {math.floor(1 / share - 1 + 1e-9)}, not {fold}")
    sides = {digest: (_number(digest) - fold * share) % 1 < share for digest in hashes}
    for one in sorted(set(classes)):
        own = sorted({digest for digest, label in zip(hashes, classes, strict=True) if label == one})
        if not any(sides[digest] for digest in own):
            sides[own[0]] = True
        elif all(sides[digest] for digest in own):
            sides[own[-1]] = False
    result = [sides[digest] for digest in hashes]
    for one in sorted(set(classes)):
        kept = {side for side, label in zip(result, classes, strict=True) if label == one}
        if len(kept) < 2:
            raise LopsidedError(one)
    return result


class LopsidedError(ValueError):
    """A class has no photo to learn from, or none to measure on; `label` is its number."""

    def __init__(self, label: int) -> None:
        super().__init__(f"class {label} has no two different photos, one to learn from and one to measure on")
        self.label = label


def _number(digest: str) -> float:
    return int(digest[:_DIGITS], 16) / 16**_DIGITS
