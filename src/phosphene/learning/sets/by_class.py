"""A data set divided by class: some classes to learn from, and others, never seen before, to be measured on.

Which classes are held out is stated, or decided by the hashes of their names, so that it does not hang on their order.
Names that differ in case or in spaces alone are one class here, so that no class is on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import torch

from ...network import near
from .dataset import DataSet
from .examples import TensorExamples

SHARE = 0.5  # of the classes that are held out
SEED = 0  # of the order of what is held out


def by_class(data: DataSet, held_out: Sequence[str] = (), share: float = SHARE) -> DataSet:
    """The same examples, of both of its parts, with whole classes held out.

    ValueError where there are no classes, or fewer than two for each side; LookupError for a class that is not there.
    """
    classes, labels = data.train.classes, data.train.labels
    if classes is None or labels is None or data.test.labels is None:
        raise ValueError(
            f"{data.name} has no classes, and whole classes are held out here; put the images of each into a sub-folder"
        )
    sides = _sides(data.name, classes, held_out, share)
    x, y = torch.cat([data.train.x, data.test.x]), torch.cat([labels, data.test.labels])
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(SEED))
    held = sides[y[order]]
    of_all = TensorExamples(x, y, classes)
    train, test = of_all.some(order[~held].sort().values), of_all.some(order[held])
    names = [name for name, side in zip(classes, sides.tolist(), strict=True) if side]
    words = f": {', '.join(names)}" if len(names) <= 12 else ""
    note = f"{len(names)} of {len(classes)} classes are held out whole{words}"
    notes = [each for each in data.notes if "held out" not in each]  # how it was divided before
    return DataSet(data.name, train, test, (*notes, note))


def _sides(data: str, classes: tuple[str, ...], held_out: Sequence[str], share: float) -> torch.Tensor:
    """Whether each class is held out."""
    keys = [_key(name) for name in classes]
    if held_out:
        for name in held_out:
            if _key(name) not in keys:
                raise LookupError(f"{data} has no class {name!r}{near(name, list(classes))}")
        chosen = {_key(name) for name in held_out}
    else:
        ranked = sorted(set(keys), key=lambda key: sha256(key.encode()).hexdigest())
        chosen = set(ranked[: round(len(ranked) * share)])
    left = len(set(keys)) - len(chosen)
    if min(len(chosen), left) < 2:
        raise ValueError(
            f"holding out whole classes takes two on each side; {data} has {left} to learn from and {len(chosen)} held "
            "out"
        )
    return torch.tensor([key in chosen for key in keys])


def _key(name: str) -> str:
    return " ".join(name.casefold().split())
