"""The sums over samples that a linear regression needs: they add up, over batches, over machines.

For samples z (p values in) and y (q values out) these are n, Σz, Σy, Σzzᵀ, Σzyᵀ and Σy², less a fixed origin each, so
that large means cost no digits. Their size does not depend on the number of samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


def bytes_of(inputs: int, outputs: int) -> int:
    """The memory that the sums take, in bytes."""
    return 8 * (inputs * inputs + inputs * outputs + 2 * inputs + 3 * outputs)


@dataclass(eq=False)
class Moments:
    """The sums of n samples, in float64 on the processor."""

    inputs: int
    outputs: int
    count: int = 0
    origin: tuple[Tensor, Tensor] | None = field(default=None, repr=False)  # of z and of y
    z: Tensor = field(init=False, repr=False)
    y: Tensor = field(init=False, repr=False)
    zz: Tensor = field(init=False, repr=False)
    zy: Tensor = field(init=False, repr=False)
    yy: Tensor = field(init=False, repr=False)  # (outputs,): the squares' sums

    def __post_init__(self) -> None:
        p, q = self.inputs, self.outputs
        self.z, self.y, self.yy = (torch.zeros(size, dtype=torch.float64) for size in (p, q, q))
        self.zz, self.zy = torch.zeros(p, p, dtype=torch.float64), torch.zeros(p, q, dtype=torch.float64)

    def add(self, z: Tensor, y: Tensor) -> None:
        """Adds samples z (n, inputs) and y (n, outputs)."""
        if len(z) == 0:
            return
        if self.origin is None:
            self.origin = z.double().mean(0).cpu(), y.double().mean(0).cpu()
        z, y = z - self.origin[0].to(z), y - self.origin[1].to(y)
        self.count += len(z)
        self.z += z.sum(0).double().cpu()
        self.y += y.sum(0).double().cpu()
        self.zz += (z.T @ z).double().cpu()
        self.zy += (z.T @ y).double().cpu()
        self.yy += y.square().sum(0).double().cpu()

    def merge(self, other: Moments) -> None:
        """Adds the samples of other sums, which were taken about the same origin or another one."""
        if other.count == 0:
            return
        if self.origin is None or other.origin is None:
            self.origin = other.origin
        assert self.origin is not None
        assert other.origin is not None
        a, b = other.origin[0] - self.origin[0], other.origin[1] - self.origin[1]
        n = other.count
        self.zz += other.zz + torch.outer(other.z, a) + torch.outer(a, other.z) + n * torch.outer(a, a)
        self.zy += other.zy + torch.outer(other.z, b) + torch.outer(a, other.y) + n * torch.outer(a, b)
        self.yy += other.yy + 2 * b * other.y + n * b * b
        self.z += other.z + n * a
        self.y += other.y + n * b
        self.count += n

    def state(self) -> dict[str, Any]:
        """What it holds, as plain values and tensors."""
        return {
            "count": self.count, "origin": None if self.origin is None else list(self.origin),
            "sums": [self.z, self.y, self.zz, self.zy, self.yy],
        }  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> None:
        """Takes what `state` gave. ValueError for sums of other sizes."""
        sums = state["sums"]
        if [each.shape for each in sums] != [each.shape for each in (self.z, self.y, self.zz, self.zy, self.yy)]:
            raise ValueError(f"these are not sums of {self.inputs} inputs and {self.outputs} outputs")
        self.count, self.origin = state["count"], None if state["origin"] is None else tuple(state["origin"])
        self.z, self.y, self.zz, self.zy, self.yy = (each.clone() for each in sums)

    def means(self) -> tuple[Tensor, Tensor]:
        """The means of z (p,) and y (q,)."""
        assert self.origin is not None
        return self.origin[0] + self.z / self.count, self.origin[1] + self.y / self.count

    def centred(self) -> tuple[Tensor, Tensor, Tensor]:
        """Covariances of z with z (p, p) and with y (p, q), and the variances of y (q,)."""
        n = max(1, self.count)
        mean_z, mean_y = self.z / n, self.y / n
        zz = self.zz / n - torch.outer(mean_z, mean_z)
        zy = self.zy / n - torch.outer(mean_z, mean_y)
        return zz, zy, (self.yy / n - mean_y.square()).clamp(min=0)

    def error(self, weight: Tensor, bias: Tensor) -> Tensor:
        """(q,): the mean squared error of z @ weight + bias for y, over the samples."""
        assert self.origin is not None
        n = max(1, self.count)
        zz, zy, yy = self.centred()
        weight = weight.double()
        mean_z, mean_y = self.z / n, self.y / n
        spread = yy - 2 * (weight * zy).sum(0) + (weight * (zz @ weight)).sum(0)
        offset = (self.origin[0] + mean_z) @ weight + bias.double() - self.origin[1] - mean_y
        return spread.clamp(min=0) + offset.square()
