"""How the relevance of an output is shared among the inputs it was computed from, as autograd functions.

What comes back through a network here is the relevance of a value for each unit of it, c with R = x · c. A linear map
then hands it on as a gradient does: with z = Σ w x and c at z, each input gets w c, that is R = x w c, and their sum is
z c (S. Bach et al. 2015, LRP-0). Skips, concatenation, pooling and reshaping conserve relevance by themselves in this
form. What is not proportional to x, such as the flat rule's equal shares, is divided by it; a zero counts as `TINY` of
its sign, in this division and where relevance is read, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .account import Account

TINY = 1e-12
BARE = 10  # times a share's epsilon: contributions that sum to less share nothing

Alike = Callable[[Tensor], Tensor]


def nonzero(x: Tensor) -> Tensor:
    """x, with at least TINY in place of zeros."""
    tiny = max(TINY, torch.finfo(x.dtype).tiny)
    return torch.where(x.abs() < tiny, torch.full_like(x, tiny).copysign(x), x)


def stabilised(x: Tensor, epsilon: float) -> Tensor:
    """x moved away from zero by epsilon."""
    return x + epsilon * torch.where(x < 0, -1.0, 1.0).to(x)


@dataclass(frozen=True)
class Portion:
    """A part of an output's relevance: what of it goes back through `out`, the contributions' sum without constants.

    `sign` restricts it to outputs above (1) or below (-1) zero. `constant` is what a bias adds to the denominator.
    """

    out: Tensor
    constant: Tensor | float = 0.0
    factor: float = 1.0
    sign: int = 0
    epsilon: float = 1e-6


class _Shared(torch.autograd.Function):
    """Holds the value z, and sends its relevance through the portions, which are only made on the way back."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, z: Tensor, portions: Callable[[Tensor], Sequence[Portion]], alike: Alike, steady: bool,
        account: Account,
    ) -> Tensor:  # fmt: skip
        ctx.save_for_backward(x.detach().clone(), z)  # a copy, as the network may write into x
        ctx.portions, ctx.alike, ctx.account, ctx.leaves = portions, alike, account, account.shares(steady)
        return z.clone()

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Any, ...]:
        x, z = ctx.saved_tensors
        with torch.enable_grad():
            x = x.requires_grad_()
            portions = ctx.portions(x)
        filled = nonzero(z)
        relevance, quotients = filled * signal, []
        bare = torch.zeros_like(relevance)  # of outputs that no input contributes to
        for portion in portions:
            out = portion.out.detach()
            divisor = stabilised(out if ctx.leaves else out + portion.constant, portion.epsilon)
            part = relevance if portion.factor == 1 else portion.factor * relevance
            if portion.sign:
                part = torch.where(filled * portion.sign > 0, part, 0.0)
            if ctx.leaves:
                without = out.abs() <= BARE * portion.epsilon
                bare = bare + torch.where(without, part, 0.0)
                part = torch.where(without, 0.0, part)
            quotient = part / divisor
            ctx.account.absorb(quotient * (divisor - out))
            quotients.append(quotient)
        outs = [portion.out for portion in portions]
        if bare.any():
            with torch.enable_grad():
                alike = ctx.alike(x)
            outs.append(alike)
            quotients.append(bare / alike.detach())
        (through,) = torch.autograd.grad(outs, x, quotients)
        return through, None, None, None, None, None


def shared(
    x: Tensor, z: Tensor, portions: Callable[[Tensor], Sequence[Portion]], alike: Alike, steady: bool, account: Account
) -> Tensor:
    """z, whose relevance goes to x by the portions that `portions(x)` gives, of numbers of one sign each if `steady`;
    `alike(x)` counts each output's inputs.

    Where biases leave their share to the inputs and an output has inputs but no contribution to share by, as behind a
    rectifier that let nothing through, all of its inputs get equal parts.
    """
    return _Shared.apply(x, z.detach(), portions, alike, steady, account)


class _Standing(torch.autograd.Function):
    """A constant that stands for x in a rule; what comes back to it is x's relevance."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor) -> Tensor:
        ctx.save_for_backward(x, value)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor, None]:
        x, value = ctx.saved_tensors
        return value * signal / nonzero(x), None


def standing(x: Tensor, value: Tensor | float) -> Tensor:
    """`value`, as large as x and in its place."""
    constant = value if isinstance(value, Tensor) else torch.full_like(x, value)
    return _Standing.apply(x, constant.to(x).expand_as(x))


class _Passed(torch.autograd.Function):
    """The value y, all of whose relevance goes to x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        return y.clone()

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor, None]:
        x, y = ctx.saved_tensors
        return signal * nonzero(y) / nonzero(x), None


def passed(x: Tensor, y: Tensor) -> Tensor:
    """y, computed from x place by place, with x's whole relevance."""
    return _Passed.apply(x, y.detach())


class _Shifted(torch.autograd.Function):
    """x + constant; the constant keeps its share, or leaves it to x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, constant: Tensor, account: Account) -> Tensor:
        y = x + constant
        ctx.account, ctx.leaves = account, account.shares() and x.shape == y.shape
        ctx.shape = x.shape
        ctx.save_for_backward(constant, *((x,) if ctx.leaves else ()))
        return y

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor, None, None]:
        constant, *inputs = ctx.saved_tensors
        if ctx.leaves:
            return signal * nonzero(inputs[0] + constant) / nonzero(inputs[0]), None, None
        ctx.account.absorb((signal * constant).expand_as(signal))
        return signal.sum_to_size(ctx.shape), None, None


def shifted(x: Tensor, constant: Tensor, account: Account) -> Tensor:
    """x + constant."""
    return _Shifted.apply(x, constant.detach().to(x), account)


class _AbsorbedConstant(torch.autograd.Function):
    """A constant that takes part in a result; its relevance is the account's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, constant: Tensor, account: Account) -> Tensor:
        ctx.save_for_backward(constant)
        ctx.account = account
        return constant.clone()

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[None, None, None]:
        (constant,) = ctx.saved_tensors
        ctx.account.absorb(constant * signal)
        return None, None, None


def absorbed_constant(x: Tensor, constant: Tensor, account: Account) -> Tensor:
    """The constant, in a place where its relevance is noted; x is any tensor that the result depends on."""
    return _AbsorbedConstant.apply(x, constant.detach(), account)


class _Padded(torch.autograd.Function):
    """x with a border of constants, which keeps what rules that look at no values give it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, border: Sequence[int], value: float, account: Account) -> Tensor:
        ctx.border, ctx.value, ctx.account = border, value, account
        return F.pad(x, border, value=value)

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor, None, None, None]:
        inside = F.pad(signal, [-edge for edge in ctx.border])
        constant = nonzero(signal.new_full((), ctx.value))
        ctx.account.absorb((signal - F.pad(inside, ctx.border)) * constant)
        return inside, None, None, None


def padded(x: Tensor, border: Sequence[int], value: float, account: Account) -> Tensor:
    """x with a border of `value`."""
    return _Padded.apply(x, list(border), value, account)


class _Halved(torch.autograd.Function):
    """The value, of whose relevance a factor gets one half."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> Tensor:
        return signal / 2


def halved(x: Tensor) -> Tensor:
    """x as a factor of a product with an equal."""
    return _Halved.apply(x)
