"""The library is a house: whoever stands on a floor may ask those below, never those above."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "phosphene"

INSTRUMENTS = {"inspection", "attribution", "synthesis", "comparison"}
BELOW = {"network", "picture", "transformations", "measures", "instrument", "input_photo"}

# each floor -> the floors it may import from (itself always); what isn't named here has to be added with its place
FLOORS = {
    "network": set(),
    "picture": set(),
    "transformations": set(),
    "measures": set(),
    "data": {"network", "picture"},
    "instrument": {"network", "picture"},
    "input_photo": {"network", "picture"},
    "inspection": BELOW,
    "attribution": BELOW,
    "synthesis": BELOW,
    "comparison": BELOW | {"data"},
    "learning": BELOW | {"data", "inspection", "attribution"},
    "atlas": BELOW | INSTRUMENTS | {"data"},
    "reporting": BELOW | INSTRUMENTS | {"atlas"},
    "microscope": BELOW - {"input_photo"} | {"inspection", "atlas"},
    "commands": BELOW - {"input_photo"} | INSTRUMENTS | {"atlas", "learning", "reporting", "microscope"},
    "cli": {"instrument", "commands"},
    "__main__": {"cli"},
    "__init__": BELOW
    | INSTRUMENTS
    | {"atlas", "learning", "reporting", "microscope"},  # for type checkers; else each is opened when asked for
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


def graph() -> dict[Path, set[Path]]:
    """Which file imports which, at its top or inside a function; what is for type checkers alone is free."""
    files = {tuple(file.relative_to(SOURCE).with_suffix("").parts): file for file in FILES}
    files |= {parts[:-1]: file for parts, file in files.items() if parts[-1] == "__init__"}
    found = {}
    for file in FILES:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        typed = [
            node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ]
        free = {id(inner) for node in typed for part in node.body for inner in ast.walk(part)}
        package = file.relative_to(SOURCE).parent.parts
        reached = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level and id(node) not in free:
                base = (*package[: len(package) - node.level + 1], *(node.module.split(".") if node.module else ()))
                reached |= {files.get((*base, alias.name)) or files.get(base) for alias in node.names}
        found[file] = reached - {file, None}
    return found


def test_no_files_import_each_other_even_in_a_circle():
    imports = graph()
    while free := [file for file, reached in imports.items() if not reached & imports.keys()]:
        for file in free:
            del imports[file]
    assert not imports, f"a circle goes through {sorted(str(file.relative_to(SOURCE)) for file in imports)}"


def test_networks_are_reached_by_the_seam_only():
    ways = ("register_forward", "register_module_", "register_full_backward", "nn.Module.__call__", "TorchFunctionMode")
    touching = {file.name for file in FILES if any(way in file.read_text(encoding="utf-8") for way in ways)}
    assert touching == {"seam.py", "stitched.py"}  # a stitched network is made of copies of its own, with hooks in them
