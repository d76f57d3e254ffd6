"""The contrastive loss of Hadsell, Chopra & LeCun, CVPR 2006, eq. 4."""

from __future__ import annotations

from torch import Tensor


def contrastive_loss(a: Tensor, b: Tensor, different: Tensor, margin: float = 1.0) -> Tensor:
    """The mean over pairs of (1 − Y) ½ D² + Y ½ max(0, m − D)².

    D is the Euclidean distance of the codes `a` and `b` (N, codes), which are not normalised; Y is `different` (N,),
    true for pairs that belong apart. At D = 0 of a pair that belongs apart the distance has no gradient, and 0 is
    taken. ValueError for shapes that don't match and a margin that is not above 0.
    """
    if a.shape != b.shape or a.ndim != 2 or different.shape != a.shape[:1]:
        came = f"{tuple(a.shape)}, {tuple(b.shape)} and {tuple(different.shape)}"
        raise ValueError(f"codes are (N, codes) twice and `different` (N,), not {came}")
    if not margin > 0:
        raise ValueError(f"the margin is a distance above 0, not {margin}")
    squares = (a - b).square().sum(1)
    apart = squares > 0
    distances = squares.where(apart, squares.new_ones(())).sqrt().where(apart, squares.new_zeros(()))
    return (0.5 * squares).where(~different.bool(), 0.5 * (margin - distances).clamp_min(0).square()).mean()
