"""Which commands there are and what each does in a line, read from the sources without importing them.

A command is a function marked `@instrument` in one of the package's folders, or the function in `commands/NAME.py` that
is called NAME. Its help is the first line of its docstring. What asks an atlas is marked `@instrument` as well, is
called atlas_NAME, and is the command `phosphene atlas NAME`.

Commands stand in groups, by the folder or file that they come from (`GROUPS`).
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]
BY_HAND = ("report", "look", "layers", "check", "again", "networks", "microscope", "learn", "transfer")
GROUP = "atlas"  # a command with commands of its own, and the folder that holds them

# title -> the folders and files of its commands, in the order of help; what lies deeper goes before what holds it
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Look into a network": (
        "commands.report",
        "commands.microscope",
        "commands.look",
        "commands.layers",
        "inspection",
        "attribution.sensitivities",
    ),
    "Explain an answer": ("attribution.why", "attribution.location.locate", "attribution"),
    "Project a unit back to the pixels": ("attribution.reversed.reversing", "attribution.reversed"),
    "Test explanations": ("attribution.trials.judge", "attribution.trials", "attribution.reversed.selectivity"),
    "Synthesise images of units and classes": (
        "synthesis.synthesize",
        "synthesis.unit_image",
        "synthesis.class_image",
        "synthesis.class_recipes",
        "synthesis",
    ),
    "Invert and change photos": ("synthesis.inversion", "synthesis.dream", "synthesis.style", "synthesis.hog"),
    "Change the answer": ("synthesis.adversarial", "synthesis.fooling"),
    "Compare representations": ("comparison.equivariance", "comparison.invariance", "comparison"),
    "Learn representations": ("commands.learn", "commands.transfer", "learning"),
    "Ask a data set": ("commands.atlas",),
    "Check a network": ("commands.check",),
    "Find networks and repeat pictures": ("commands.networks", "commands.again"),
}


@dataclass(frozen=True)
class Entry:
    """A command: its name, its line of help, the module that its function is in, and the function's parameters."""

    name: str
    help: str
    module: str
    written_by_hand: bool
    parameters: Mapping[str, str]  # the function's: name -> annotation, as it is written

    @property
    def group(self) -> str:
        """The title of its group."""
        return self._place[0]

    @property
    def _place(self) -> tuple[str, int]:
        """Its group, and the place in there of the folder or file that says so."""
        positions = {
            len(part): (title, at)
            for title, parts in GROUPS.items()
            for at, part in enumerate(parts)
            if f"{self.module}.".startswith(f"{part}.")
        }
        if not positions:
            raise LookupError(f"no group of commands holds {self.module}")
        return positions[max(positions)]

    @property
    def order(self) -> tuple[int, int]:
        """Where it stands in help: its group's number, and its place among the group's folders and files."""
        title, at = self._place
        return list(GROUPS).index(title), at

    @property
    def command(self) -> str:
        """How it is written on the command line."""
        return self.name.replace("_", "-")

    def function(self) -> Callable[..., Any]:
        """Imports the function."""
        return getattr(importlib.import_module(f"phosphene.{self.module}"), self.name)


def entries(package: Path = PACKAGE) -> dict[str, Entry]:
    """The commands in the order in which help lists them."""
    instruments = {}
    for path in sorted(package.glob("*/**/*.py")):
        text = path.read_text(encoding="utf-8")
        if "@instrument" in text and path.relative_to(package).parts[0] not in ("commands", GROUP):
            for entry in _marked(ast.parse(text), _module(package, path)):
                instruments[entry.name] = entry
    every = {**instruments, **{name: _by_hand(package, name) for name in BY_HAND}, GROUP: _group(package)}
    return {entry.command: entry for entry in sorted(every.values(), key=lambda entry: entry.order)}


def members(package: Path = PACKAGE) -> dict[str, Entry]:
    """The commands of the group, without its name before theirs."""
    result = {}
    for path in sorted((package / GROUP).rglob("*.py")):
        for entry in _marked(ast.parse(path.read_text(encoding="utf-8")), _module(package, path)):
            result[entry.command.removeprefix(f"{GROUP}-")] = entry
    return result


def _module(package: Path, path: Path) -> str:
    return ".".join(path.relative_to(package).with_suffix("").parts)


def _group(package: Path) -> Entry:
    tree = ast.parse((package / "commands" / f"{GROUP}.py").read_text(encoding="utf-8"))
    return Entry(GROUP, _first_line(tree), f"commands.{GROUP}", True, {})


def _marked(tree: ast.Module, module: str) -> list[Entry]:
    return [
        Entry(node.name, _first_line(node), module, False, _parameters(node))
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(mark, ast.Name) and mark.id == "instrument" for mark in node.decorator_list)
    ]


def _by_hand(package: Path, name: str) -> Entry:
    """The command of that name in a file of its own, which comes before an instrument of that name."""
    path = package / "commands" / f"{name}.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return Entry(name, _first_line(node), f"commands.{name}", True, _parameters(node))
    raise LookupError(f"commands/{name}.py holds no function {name}")


def _parameters(node: ast.FunctionDef) -> dict[str, str]:
    arguments = (*node.args.args, *node.args.kwonlyargs)
    return {each.arg: ast.unparse(each.annotation) if each.annotation else "" for each in arguments}


def _first_line(node: ast.FunctionDef | ast.Module) -> str:
    lines = (ast.get_docstring(node) or "").splitlines()
    return lines[0] if lines else ""
