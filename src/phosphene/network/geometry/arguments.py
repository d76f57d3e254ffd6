"""Where functions take the dimensions they work along, as `torch` has them."""

from __future__ import annotations

from typing import Any

from torch import Tensor

# functions that join all along the given dimensions, or everything -> how many arguments stand between tensor and dim
REDUCING = {
    **dict.fromkeys(
        "sum mean amax amin max min prod std var std_mean var_mean logsumexp argmax argmin any all median".split(), 0
    ),
    **dict.fromkeys(("norm", "vector_norm", "linalg_norm", "linalg_vector_norm"), 1),
}
# functions along one dimension that keep it -> the same number, and the dimension where none is given
ALONG: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys(("softmax", "log_softmax", "softmin"), (0, None)),
    "normalize": (1, 1),
    "sort": (0, -1),
    "topk": (1, -1),
}


def argument(args: tuple, kwargs: dict, name: str, at: int, default: Any) -> Any:
    """The argument of that name, or at that place after the tensor."""
    return kwargs.get(name, args[at] if len(args) > at else default)


def reduced_dims(args: tuple, kwargs: dict, at: int) -> Any:
    """The dimensions of a reduction; None for all. TypeError if they are something else."""
    dim = argument(args, kwargs, "axis" if "axis" in kwargs else "dim", at, None)
    if isinstance(dim, bool):  # std(x, unbiased)
        return None
    if not (dim is None or isinstance(dim, (int, tuple, list))):
        raise TypeError(f"a dimension is a number, not {dim!r}")
    return None if dim in ((), []) else dim


def along_dim(x: Tensor, args: tuple, kwargs: dict, at: int, default: int | None) -> int:
    """The dimension of an operation that keeps it; TypeError if it is something else."""
    dim = argument(args, kwargs, "dim", at, default)
    if dim is None and default is None:  # softmax's own choice
        return 0 if x.ndim in (0, 1, 3) else 1
    if isinstance(dim, bool) or not isinstance(dim, int):
        raise TypeError(f"a dimension is a number, not {dim!r}")
    return dim
