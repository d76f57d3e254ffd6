"""Tensors that know which of their rows changed: the windows of an attention, the tokens or places between them.

Window attention cuts a map into windows and treats each as an image of its own; a window that nothing has changed in
need not be computed again. Two tensor subclasses follow that through a network's own forward, beside `changed`:

    Rows    n samples of k rows each, (n k, ...): `clean` (k, ...) but for the rows `which`, whose values are kept
    Moved   what views, permutations, rolls, slices and padding make of rows: which element comes from where

Moves are done on numbers that stand for elements, once for all batches, so that any way to cut windows out of a map and
to lay them back is followed: nothing here knows how a network does it. At the next function that computes, what was
moved becomes rows again: those of the first dimension where a sample has several, else its places.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .changed import Changed, Followed
from .plan import Plan

Move = Callable[[Tensor, int], Tensor]  # what a move makes of a tensor of so many samples


class Rows(Followed):
    """n samples of k rows: `clean` (k, ...) but for rows `which` = sample k + row, which hold `fresh` (m, ...).

    `lead` is how the tensor shows its rows: (n k,), or (n, ...) with the rest making k. `axis` is the dimension of the
    rows in `clean` and `fresh`, other than 0 only where `lead` is one dimension.
    """

    fresh: Tensor
    which: Tensor
    lead: tuple[int, ...]
    axis: int

    @staticmethod
    def __new__(
        cls, clean: Tensor, values: Tensor, which: Tensor, count: int, lead: Sequence[int], plan: Plan, axis: int = 0
    ) -> Rows:
        unit = tuple(clean.shape)
        shape = (*lead, *unit[1:]) if axis == 0 else (*unit[:axis], *lead, *unit[axis + 1 :])
        return Tensor._make_wrapper_subclass(cls, shape, dtype=clean.dtype, device=clean.device)

    def __init__(
        self, clean: Tensor, values: Tensor, which: Tensor, count: int, lead: Sequence[int], plan: Plan, axis: int = 0
    ) -> None:
        self.clean, self.fresh, self.which, self.count = clean, values, which, count
        self.lead, self.plan, self.axis, self.memory = tuple(lead), plan, axis, None

    @property
    def each(self) -> int:
        """k: how many rows a sample has."""
        return int(self.clean.shape[self.axis])

    def like(self, clean: Tensor, values: Tensor, lead: Sequence[int] | None = None, axis: int | None = None) -> Rows:
        """Other values of the same rows."""
        axis = self.axis if axis is None else axis
        return Rows(clean, values, self.which, self.count, self.lead if lead is None else lead, self.plan, axis)

    def at_rows(self, which: Tensor) -> Tensor:
        """The values (m, ...) of these rows, which hold all that changed."""
        if which is self.which:
            return self.fresh
        out = self.clean.index_select(0, which % self.each)
        return out.index_copy_(0, torch.searchsorted(which, self.which), self.fresh)

    def whole(self) -> Tensor:
        clean, values = self.clean.movedim(self.axis, 0), self.fresh.movedim(self.axis, 0)
        every = clean.expand(self.count, *clean.shape).reshape(self.count * self.each, *clean.shape[1:])
        every = every.clone() if every.data_ptr() == clean.data_ptr() else every  # one sample: not the clean one itself
        every.index_copy_(0, self.which, values)
        return every.movedim(0, self.axis) if self.axis else every.view(self.shape)


class Moved(Followed):
    """What moves made of rows: element i of a sample is element `ids[i]` of the base's clean rows, -1 for padding."""

    base: Rows
    ids: Tensor
    moves: tuple[Move, ...]

    @staticmethod
    def __new__(cls, clean: Tensor, ids: Tensor, base: Rows, moves: Sequence[Move]) -> Moved:
        shape = (base.count * ids.shape[0], *ids.shape[1:])
        return Tensor._make_wrapper_subclass(cls, shape, dtype=clean.dtype, device=clean.device)

    def __init__(self, clean: Tensor, ids: Tensor, base: Rows, moves: Sequence[Move]) -> None:
        self.clean, self.ids, self.base, self.moves = clean, ids, base, tuple(moves)
        self.count, self.plan, self.memory = base.count, base.plan, None

    def moved(self, move: Move) -> Moved:
        """What one more move makes of it."""
        clean = self.plan.once("moved", lambda: move(self.clean, 1))
        ids = self.plan.once("ids", lambda: move(self.ids + 1, 1) - 1)  # so that padding with 0 is -1
        return Moved(clean, ids, self.base, (*self.moves, move))

    def whole(self) -> Tensor:
        value = self.base.full()
        for move in self.moves:
            value = move(value, self.count)
        return value.clone()


def moving(x: Followed, tag: str = "") -> Moved | None:
    """The tensor as one that can be moved; None if most of it has changed. Tags tell a function's tensors apart."""
    if x.memory is not None:
        return None
    if isinstance(x, Changed):
        if x.row_form is None:
            x.row_form = _from_rectangles(x, tag)
        return x.row_form  # type: ignore[return-value]
    if isinstance(x, Moved):
        return x
    assert isinstance(x, Rows)
    if x.axis:
        return None
    shape = tuple(x.shape)
    first = (x.lead[0] // x.count, *shape[1:])
    ids = x.plan.once(f"{tag}numbers", lambda: _numbers(x.clean).view(first))
    return Moved(
        x.plan.once(f"{tag}shown", lambda: x.clean.view(first)),
        ids,
        x,
        (lambda value, count: value.view(-1, *shape[1:]),),
    )


def as_rows(x: Followed, tag: str = "") -> Rows | None:
    """The tensor as rows; None if most of them have changed, or if its rows are not made of the base's places."""
    if x.memory is not None:
        return None
    if isinstance(x, Rows):
        return x
    x = moving(x, tag)  # type: ignore[assignment]
    if not isinstance(x, Moved):
        return None
    several = x.ids.shape[0] > 1
    if not several and x.ids.ndim < 3:
        return None
    count = x.ids.shape[0] if several else math.prod(x.ids.shape[1:-1])
    unit = x.ids.shape[1:] if several else x.ids.shape[-1:]
    atoms, home = x.plan.once(f"{tag}atoms", lambda: _atoms(x.ids.reshape(count, -1), x.base))
    if atoms is None:
        return None
    gathered = _gathered(x.base, atoms, home)
    if gathered is None:
        return None
    values, which = gathered
    clean = x.plan.once(f"{tag}rows", lambda: x.clean.reshape(count, *unit))
    lead = (x.count * count,) if several else (x.count, *x.ids.shape[1:-1])
    return Rows(clean, values.view(len(which), *unit), which, x.count, lead, x.plan)


def _numbers(clean: Tensor) -> Tensor:
    return torch.arange(clean.numel(), dtype=torch.int32, device=clean.device)


def _from_rectangles(x: Changed, tag: str) -> Moved | None:
    """Maps that changed in a rectangle each, as places that changed."""
    (rows, columns), (height, width) = x.map_size, x.patch_size
    if x.ndim != 4 or x.plan.in_full(height, width, x.map_size):
        return None
    order = (0, *x.at, *(d for d in range(1, 4) if d not in x.at))
    back = [order.index(d) for d in range(4)]
    clean = x.plan.once(f"{tag}cells", lambda: x.clean.permute(order).reshape(rows * columns, -1))
    y = torch.tensor(x.top, device=clean.device)[:, None] + torch.arange(height, device=clean.device)
    at = torch.tensor(x.left, device=clean.device)[:, None] + torch.arange(width, device=clean.device)
    sample = torch.arange(len(x.top), device=clean.device)[:, None, None] * (rows * columns)
    which = (sample + y[:, :, None] * columns + at[:, None, :]).flatten()
    values = x.patch.permute(order).reshape(len(which), -1)
    lead = (len(x.top), rows, columns)
    base = Rows(clean, values, which, len(x.top), lead, x.plan)
    ids = x.plan.once(f"{tag}numbers", lambda: _numbers(clean).view(1, rows, columns, -1).permute(back))
    return Moved(x.clean, ids, base, (lambda value, count: value.permute(back),))


def _atoms(ids: Tensor, base: Rows) -> tuple[Tensor | None, Tensor | None]:
    """Which of the base's places make each row (rows, places), -1 for padding, and the base's rows that hold them.

    None where rows are made of less than whole places.
    """
    size = int(base.clean.shape[-1])
    if ids.shape[1] % size:
        return None, None
    groups = ids.reshape(-1, size).long()
    first = groups[:, :1]
    padding = first < 0
    # a whole place is a run of `size` elements that starts at a multiple of `size`, or padding throughout
    whole = torch.where(padding, groups < 0, groups == first + torch.arange(size, device=ids.device))
    if not whole.all() or ((first % size != 0) & ~padding).any():
        return None, None
    atoms = torch.where(padding, -1, first // size).view(len(ids), -1)
    per_row = base.clean[0].numel() // size
    return atoms, atoms.clamp(min=0) // per_row


def _gathered(base: Rows, atoms: Tensor, home: Tensor) -> tuple[Tensor, Tensor] | None:
    """The values of all rows that a change reaches, and which they are; None if they are most."""
    count, each, rows = base.count, base.each, len(atoms)
    # for each sample and row of the base, which of the changed rows it is; -1 where it has not changed
    slots = torch.full((count * each,), -1, device=atoms.device)
    slots[base.which] = torch.arange(len(base.which), device=atoms.device)
    slots = slots.view(count, each)
    # a row is reached if any of the base's rows that it is made of has changed
    reached = ((slots[:, home] >= 0) & (atoms >= 0)).any(2).flatten().nonzero()[:, 0]
    if len(reached) >= base.plan.full_from * count * rows:
        return None
    sample, row = reached // rows, reached % rows
    row_atoms = atoms[row]
    atom_slots = slots[sample[:, None], home[row]]
    # where each piece stands in the table of clean pieces, changed pieces and one piece of zeros, for padding
    per_row = base.clean[0].numel() // base.clean.shape[-1]
    at = torch.where(atom_slots >= 0, each * per_row + atom_slots * per_row + row_atoms % per_row, row_atoms)
    clean, values = (part.reshape(-1, base.clean.shape[-1]) for part in (base.clean, base.fresh))
    at = torch.where(row_atoms < 0, len(clean) + len(values), at)
    table = torch.cat([clean, values, clean.new_zeros(1, clean.shape[1])])
    base.plan.moved += at.numel() * clean.shape[1] * clean.element_size()
    return table.index_select(0, at.flatten()), reached
