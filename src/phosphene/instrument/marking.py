"""The mark `@instrument`: notes a function by its name, and writes into each of its results how it was made."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, get_args, get_type_hints, overload

from torch import nn

from ..network import Network, near
from ..network.running.seam import keep_wrapper
from .account import account_of
from .fields import Role
from .former_names import current_names
from .result import SAVING, Result
from .roles import LayerName, UnitName, role_of

INSTRUMENTS: dict[str, Callable[..., Any]] = {}
_Result = TypeVar("_Result", bound=Result)
_Made = TypeVar("_Made", bound=Result, covariant=True)
_Given = ParamSpec("_Given")
_Rest = ParamSpec("_Rest")
_Owner = TypeVar("_Owner")


class Stepwise(Protocol[_Given, _Made]):
    """A long instrument: called, it gives its last result; `steps` gives the result after every step."""

    def __call__(self, *args: _Given.args, **kwargs: _Given.kwargs) -> _Made: ...

    def steps(self, *args: _Given.args, **kwargs: _Given.kwargs) -> Iterator[_Made]: ...

    # As a class's attribute it is a method, as any function is; `steps` is not bound with it.
    @overload
    def __get__(self, owner: None, kind: type) -> Stepwise[_Given, _Made]: ...

    @overload
    def __get__(
        self: Stepwise[Concatenate[_Owner, _Rest], _Made], owner: _Owner, kind: type
    ) -> Callable[_Rest, _Made]: ...


@overload
def instrument(function: Callable[_Given, Iterator[_Made]]) -> Stepwise[_Given, _Made]: ...


@overload
def instrument(function: Callable[_Given, _Made]) -> Callable[_Given, _Made]: ...


def instrument(function: Callable[..., Any]) -> Any:
    """Notes the function as an instrument of its name, and how each of its results was made."""
    signature = inspect.signature(function)
    name = function.__name__

    def arguments(args: tuple, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        for wrong in kwargs:
            if wrong not in signature.parameters:
                raise TypeError(_no_option(name, wrong, signature.parameters, _options_of_picture(function)))
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{name}: {error}; it is called as {name}({', '.join(signature.parameters)})") from None
        bound.apply_defaults()
        _check_kinds(name, function, bound.arguments)
        return bound.arguments

    def steps(*args: Any, **kwargs: Any) -> Iterator[Any]:
        kwargs = current_names(name, kwargs)
        account = account_of(name, _asked(function, arguments(args, kwargs)))
        with keep_wrapper():
            for number, result in enumerate(function(*args, **kwargs), 1):
                where = {} if result.finished else {"step": number}
                yield replace(result, made={**account, **where})

    @functools.wraps(function)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        if stepwise:
            return last(steps(*args, **kwargs))
        kwargs = current_names(name, kwargs)
        bound = arguments(args, kwargs)
        with keep_wrapper():
            result = function(*args, **kwargs)
        return replace(result, made=account_of(name, _asked(function, bound)))

    stepwise = inspect.isgeneratorfunction(function)
    if stepwise:
        recorded.steps = functools.wraps(function)(steps)  # type: ignore[attr-defined]
    INSTRUMENTS[name] = recorded
    return recorded


def last(results: Iterator[_Result], most: int | None = None) -> _Result:
    """The last of an instrument's steps, or number `most` where there are more."""
    latest = next(results)
    for number, result in enumerate(results, 2):
        if most is not None and number > most:
            break
        latest = result
    return latest


def result_kind(function: Callable[..., Any]) -> type[Result] | None:
    """The kind of result that an instrument gives, also one that gives it step by step; None where it does not say."""
    hint = get_type_hints(function).get("return")
    hint = next(iter(get_args(hint)), hint)
    return hint if isinstance(hint, type) and issubclass(hint, Result) else None


def _check_kinds(name: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """TypeError where something else stands in a network's place, or in that of a layer or unit, which has a name."""
    signature, hints = inspect.signature(function), _hints(function)
    for position, (key, value) in enumerate(arguments.items()):
        kind = type(value).__name__
        if role_of(hints.get(key)) is Role.NETWORK and not isinstance(value, Network):
            where = "first" if position == 0 else f"as {key}"
            raise TypeError(f"{name} takes a phosphene.Network {where}, not {kind}{_how(name, signature, value)}")
        if hints.get(key) in (LayerName, UnitName) and not isinstance(value, str):
            raise TypeError(f"{name} takes a name as its {key}, not {kind}: {name}({', '.join(signature.parameters)})")


def _asked(function: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What says what comes out; how it runs does not."""
    hints = _hints(function)
    return {key: value for key, value in arguments.items() if role_of(hints.get(key)) is not Role.RUN}


@functools.cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    return get_type_hints(function, include_extras=True)


def _how(name: str, signature: inspect.Signature, value: Any) -> str:
    if isinstance(value, nn.Module):
        return "; wrap your module: ph.Network(module)"
    if isinstance(value, (str, os.PathLike)):
        return f"; open the network by its name: ph.load({os.fspath(value)!r})"
    return f": {name}({', '.join(signature.parameters)})"


def _options_of_picture(function: Callable[..., Any]) -> list[str]:
    """The options of the picture that the instrument's result draws."""
    result = result_kind(function)
    if result is None:
        return []
    return [name for name in inspect.signature(result.sheet).parameters if name != "self"]


def _no_option(name: str, wrong: str, option_names: Iterable[str], pictures: Iterable[str]) -> str:
    if wrong in (*pictures, *SAVING):
        of = "its picture" if wrong in pictures else "saving its picture"
        where = f"ph.{name}(...).save(path, {wrong}=...)"
        return f"{name} has no option {wrong!r}; it is an option of {of}: {where}"
    if close := near(wrong, option_names):
        return f"{name} has no option {wrong!r}{close}"
    if close := near(wrong, [*pictures, *SAVING]):
        return f"{name} has no option {wrong!r}{close}, which its picture takes: ph.{name}(...).save(path, ...)"
    return f"{name} has no option {wrong!r}; it takes {', '.join(option_names)}"
