"""The library is a house: whoever stands on a floor may ask those below, never those above."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "phosphene"

INSTRUMENTS = {"inspection", "attribution", "synthesis"}
BELOW = {"network", "picture", "instrument", "showing"}
COMMANDS = BELOW - {"showing"} | INSTRUMENTS | {"remaking", "atlas", "reporting"}

# each floor -> the floors it may import from (itself always); what isn't named here has to be added with its place
FLOORS = {
    "network": set(),
    "picture": set(),
    "instrument": {"network", "picture"},
    "showing": {"network", "picture"},
    "inspection": BELOW,
    "attribution": BELOW,
    "synthesis": BELOW,
    "atlas": BELOW | INSTRUMENTS,
    "remaking": {"network", "picture", "instrument", "atlas"},
    "reporting": BELOW | INSTRUMENTS | {"atlas"},
    "commands": COMMANDS,
    "cli": COMMANDS | {"commands"},
    "__main__": {"cli"},
    "__init__": set(),  # names only; each module is opened when it is asked for
}
FILES = sorted(SOURCE.rglob("*.py"))


def floor(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(file: Path) -> set[str]:
    """The floors of Phosphene that a file imports from, at its top or inside a function."""
    package = ["phosphene", *file.relative_to(SOURCE).parent.parts]
    targets: list[list[str]] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            targets += [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            targets += [[*base, alias.name] for alias in node.names]
    return {target[1] for target in targets if target[0] == "phosphene" and len(target) > 1} - {"__version__"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_a_file_imports_from_its_own_floor_and_those_below_only(file):
    here = floor(file)
    assert here in FLOORS, f"{here} has no floor; add it to FLOORS with the floors it may import from"
    above = imported(file) & FLOORS.keys() - FLOORS[here] - {here}
    assert not above, f"{file.relative_to(SOURCE)} is on the floor {here!r} and imports from {sorted(above)}"


def test_the_floors_are_read_from_imports_of_every_form(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "SOURCE", tmp_path / "phosphene")
    file = tmp_path / "phosphene" / "network" / "deep" / "a.py"
    file.parent.mkdir(parents=True)
    file.write_text(
        "import phosphene.cli\nfrom phosphene import reporting\n"
        "from ...picture import read\n"
        "from ... import instrument\nfrom ..seam import Run\ndef f():\n    from ...inspection.filters import filters\n"
    )
    assert imported(file) == {"cli", "reporting", "picture", "instrument", "network", "inspection"}


def test_networks_are_reached_by_the_seam_only():
    ways = ("register_forward", "register_module_", "register_full_backward", "nn.Module.__call__", "TorchFunctionMode")
    touching = {file.name for file in FILES if any(way in file.read_text(encoding="utf-8") for way in ways)}
    assert touching == {"seam.py"}
