"""Networks that a person's own code builds: `my_module:build`, `path/to/file.py:build`.

The callable takes nothing (or `classes=` / `num_classes=`) and returns an `nn.Module`, a `Network` with its own
preprocessing, labels and head, or (module, preprocessing, labels), of which the last two may be None or left out. A
module or a `Network` may stand in the callable's place. This runs the named code, so nothing that comes from outside
may choose the name.
"""

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from ..describing.describing import as_preprocessing, completed, describe
from ..describing.processor_settings import is_processor
from ..labels import Labels
from ..network import Network
from ..preprocessing import Preprocessing
from ..running.outputs import Head
from .source import Blueprint, Source, as_labels, count_channels, count_classes, first_line, near, undisturbed


@dataclass(frozen=True)
class Built:
    """What a callable made: a module, and what it says of it."""

    module: nn.Module
    preprocessing: Any = None
    labels: Labels | Sequence[str] | None = None
    head: Head | None = None
    notes: tuple[str, ...] = ()


def open_callable(spec: str, *, seed: int = 0, classes: int | None = None) -> Source:
    """What the named callable returns, with plain preprocessing and numbered labels where it says nothing."""
    build = find_callable(spec)
    with undisturbed(seed):
        built = call(build, spec, classes)
        module = built.module
        described = completed(module, built.preprocessing, built.labels)
        way = described.preprocessing or plain(module)
        count = count_classes(module.eval(), way)
    assumed = () if described.preprocessing else (f"preprocessing not known, so: {way}",)
    notes = (*assumed, *built.notes, *described.notes)
    return Source(module, way, described.labels or as_labels(None, count), spec, notes, built.head)


def blueprint(build: Callable[..., Any], spec: str) -> Blueprint:
    """The architecture that a callable builds, to be filled from a weights file."""
    built_by_id: dict[int, Built] = {}

    def module_for(classes: int | None) -> nn.Module:
        built = call(build, spec, classes)
        built_by_id[id(built.module)] = built
        return built.module

    def preprocessing(module: nn.Module) -> Preprocessing:
        stated = as_preprocessing(built_by_id[id(module)].preprocessing)
        return stated or describe(module).preprocessing or plain(module)

    return Blueprint(
        spec,
        module_for,
        preprocessing,
        labels=lambda module: built_by_id[id(module)].labels or None,
        head=lambda module: built_by_id[id(module)].head,
    )


def plain(module: nn.Module) -> Preprocessing:
    """Values in [0, 1] at 224 x 224, for a network of which nothing is known."""
    return Preprocessing.plain(224, count_channels(module))


def call(build: Callable[..., Any], spec: str, classes: int | None) -> Built:
    """What `build` returns. Raises ValueError for an error inside it, TypeError for what is no network."""
    options = {}
    if classes is not None:
        class_options = [name for name in ("classes", "num_classes") if name in _parameters(build)]
        if not class_options:
            raise ValueError(f"{spec} takes no classes= or num_classes=, so it cannot be built for {classes} classes")
        options = {class_options[0]: classes}
    try:
        returned = build(**options)
    except Exception as error:  # a person's own code may raise anything; the cause stays attached
        raise ValueError(f"{spec} raised {type(error).__name__}: {first_line(error)}") from error
    if isinstance(returned, Network):
        notes = tuple(returned.notes)
        return Built(returned.module, returned.preprocessing, returned.labels, returned.known_head, notes)
    several = isinstance(returned, tuple) and returned
    if several and len(returned) > 3:
        raise TypeError(
            f"{spec} returned {len(returned)} values; it should return (module, preprocessing, labels) at most"
        )
    module, preprocessing, labels = (*returned, None, None)[:3] if several else (returned, None, None)
    if not isinstance(module, nn.Module):
        came = f"a tuple that begins with {type(module).__name__}" if several else type(module).__name__
        raise TypeError(f"{spec} returned {came}; it should return a torch.nn.Module or a phosphene.Network")
    if not (preprocessing is None or isinstance(preprocessing, Preprocessing) or is_processor(preprocessing)):
        came = type(preprocessing).__name__
        raise TypeError(f"{spec} returned {came} as its preprocessing; it should be a phosphene Preprocessing or None")
    return Built(module, preprocessing, labels)


def _parameters(build: Callable[..., Any]) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(build).parameters)
    except ValueError:  # some built-in callables have no signature
        return ()


def find_callable(spec: str) -> Callable[..., Any]:
    """The object that 'module:name' or 'file.py:name' means. Raises LookupError if it is not there."""
    home, _, path = spec.rpartition(":")
    module = _from_file(Path(home), spec) if home.endswith(".py") else _imported(home, spec)
    try:
        result = reduce(getattr, path.split("."), module)
    except AttributeError as error:
        public_names = [name for name in vars(module) if not name.startswith("_")]
        raise LookupError(f"'{path}' is not in {home}{near(path, public_names)}") from error
    if isinstance(result, (nn.Module, Network)):
        return lambda: result
    if not callable(result):
        raise TypeError(
            f"{spec} is a {type(result).__name__}; it should be a function that returns a torch.nn.Module or a "
            "phosphene.Network"
        )
    return result


def _imported(name: str, spec: str) -> ModuleType:
    with _searched(os.getcwd()):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
                raise ValueError(
                    f"{spec} cannot be imported: it needs '{error.name}', which is not installed"
                ) from error
            raise LookupError(f"no Python module '{name}' is installed or in {os.getcwd()}") from error
        except Exception as error:
            raise ValueError(f"importing {name} raised {type(error).__name__}: {first_line(error)}") from error


def _from_file(path: Path, spec: str) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file, so {spec} cannot be opened")
    name = f"phosphene_opened_{path.stem}"
    module_spec = importlib.util.spec_from_file_location(name, path)
    assert module_spec is not None
    assert module_spec.loader is not None
    module = importlib.util.module_from_spec(module_spec)
    before = sys.modules.get(name)
    sys.modules[name] = module  # dataclasses look their module up while it runs
    with _searched(str(path.resolve().parent)):
        try:
            module_spec.loader.exec_module(module)
        except Exception as error:
            if before is None:
                del sys.modules[name]
            else:
                sys.modules[name] = before
            raise ValueError(f"running {path} raised {type(error).__name__}: {first_line(error)}") from error
    return module


@contextmanager
def _searched(folder: str) -> Iterator[None]:
    """`folder` is the first place that imports look in, inside the block only."""
    before = list(sys.path)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path[:] = before
