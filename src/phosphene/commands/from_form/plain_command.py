"""The command class: help names words by their roles and not by Python types, and no option is given twice."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from ..usage import UsageError


class PlainCommand(TyperCommand):
    """A command whose single-valued options are given at most once."""

    def get_params(self, ctx: Any) -> list[Any]:
        params: list[Any] = super().get_params(ctx)
        for param in params:
            if param.param_type_name == "argument" or "--help" in param.opts:
                param.display_type_rich = lambda ctx: None  # its name says what it is
        return params

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if twice := self._given_twice(ctx, args):
            raise UsageError(f"{twice} is given twice; give it once", ctx=ctx)
        return super().parse_args(ctx, args)

    def _given_twice(self, ctx: Any, args: list[str]) -> str | None:
        """The option that takes one value and has two."""
        options = [param for param in self.get_params(ctx) if param.param_type_name == "option"]
        names = {name: param for param in options for name in (*param.opts, *param.secondary_opts)}
        seen: set[int] = set()
        rest = iter(args)
        for word in rest:
            if word == "--":
                break
            name, equals, _ = word.partition("=")
            param = names.get(name)
            if param is None:
                continue
            if not param.multiple and not param.is_flag and id(param) in seen:
                return max(param.opts, key=len)
            seen.add(id(param))
            if not param.is_flag and not equals:
                next(rest, None)  # its value, which may look like an option
        return None
