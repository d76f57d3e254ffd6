"""The page's scripts: their types, as TypeScript's compiler reads them from the comments, and what they may load."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "src" / "phosphene" / "microscope" / "page"
SCRIPTS = sorted(PAGE.glob("js/**/*.js"))


def test_types_are_whole():
    compiler = shutil.which("tsc")
    if compiler is None:
        pytest.skip("tsc is not installed: npm install --global typescript")
    settings = "--noEmit --checkJs --allowJs --strict --target es2022 --module es2022 --moduleResolution bundler"
    command = [compiler, *settings.split(), "--lib", "es2022,dom,dom.iterable", *map(str, SCRIPTS)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-4000:]


def test_every_script_asks_for_its_types_to_be_checked():
    assert [path.name for path in SCRIPTS if not path.read_text().startswith("// @ts-check\n")] == []


def test_nothing_is_loaded_from_elsewhere():
    for path in (*SCRIPTS, *PAGE.glob("style/*.css"), PAGE / "index.html"):
        addresses = re.findall(r"https?://[^\s\"'`)]+", path.read_text())
        assert [each for each in addresses if "www.w3.org" not in each] == [], path.name


def test_files_stay_small():
    sizes = {path.relative_to(PAGE).as_posix(): len(path.read_text().splitlines()) for path in SCRIPTS}
    assert {name: size for name, size in sizes.items() if size > 250} == {}
