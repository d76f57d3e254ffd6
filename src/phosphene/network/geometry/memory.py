"""Memory that values share, and what is written to it: where a value changes though no function returns it.

`b = zeros(...); v = b[:, 1:]; w = b[:, 1:]; v.copy_(x)` puts the image into `b` and `w` too. The memory itself is
remembered, so that whatever lies on it is known to hold something of the image. The same serves for `torch.func`,
whose transforms hand out the memory of values that only they have seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch._C import _functorch
from torch.multiprocessing.reductions import StorageWeakRef

_IN_PLACE = frozenset(
    "__setitem__ __iadd__ __isub__ __imul__ __idiv__ __itruediv__ __ifloordiv__ __imod__ __ipow__ __iand__ __ior__ "
    "__ixor__ __ilshift__ __irshift__".split()
)


class Memory:
    """The memory into which something of the image was written."""

    def __init__(self) -> None:
        self._written: dict[int, StorageWeakRef] = {}  # a weak reference also keeps the address from being used again

    def write(self, value: Tensor) -> None:
        storage = storage_of(value)
        if storage is not None:
            self._written[storage._cdata] = StorageWeakRef(storage)

    def __contains__(self, value: Tensor) -> bool:
        if not self._written:
            return False
        storage = storage_of(value)
        return storage is not None and storage._cdata in self._written


def storage_of(value: Tensor) -> Any:
    """The memory that a value lies on; None for values that have none, such as sparse ones."""
    try:
        while _functorch.is_functorch_wrapped_tensor(value):
            value = _functorch.get_unwrapped(value)
        return value.untyped_storage()
    except (RuntimeError, NotImplementedError):
        return None


def transformed(values: list[Tensor]) -> list[Tensor]:
    """Those that exist only inside a transform such as `torch.func.vmap`."""
    return [value for value in values if _functorch.is_functorch_wrapped_tensor(value)]


def version(value: Tensor) -> int:
    """Grows when the value, or one that shares its memory, is written to; inference tensors don't count."""
    return 0 if value.is_inference() else value._version


def said_to_be_written(func: Callable, args: tuple, kwargs: dict, out: Any) -> list[Any]:
    """The arguments that a call writes to by its name or by `out=` and `inplace=`, for those that don't count."""
    name = getattr(func, "__name__", "")
    first = args[0] if args else None
    changes = name in _IN_PLACE or name == "__set__" or (name.endswith("_") and not name.endswith("__"))
    if not changes and out is first:  # F.relu(x, True), F.relu(x, inplace=True)
        changes = kwargs.get("inplace") is True or any(arg is True for arg in args)
    targets = [first] if changes else []
    return [part for value in (*targets, kwargs.get("out"))
            for part in (value if isinstance(value, (tuple, list)) else [value])]  # fmt: skip
