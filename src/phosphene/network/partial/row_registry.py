"""The table of rules for tensors that know which rows changed, and the mark that adds a rule to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..running.rules import functions
from .changed import Followed

RULES = Followed.row_rules


def rule(*names: str) -> Callable[[Callable], Callable]:
    """Notes the decorated function, which is given the plain one first, as the rule of the functions of these names."""

    def note(function: Callable) -> Callable:
        for plain in dict.fromkeys(f for name in names for f in functions(name)):
            if not plain.__name__.endswith("_") or plain.__name__.startswith("__"):

                def ruled(*args: Any, plain: Callable = plain, **kwargs: Any) -> Any:
                    return function(plain, *args, **kwargs)

                RULES[plain] = ruled
        return function

    return note
