"""The pages are true: their Python runs, their links lead somewhere, and what they promise is there."""

import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer

import phosphene as ph
import phosphene.instrument
from phosphene.instrument import INSTRUMENTS

ROOT = Path(__file__).resolve().parent.parent
PHOTOS = ROOT / "src" / "phosphene" / "photos"
PAGES = sorted([*ROOT.glob("*.md"), *(p for p in ROOT.glob("docs/**/*.md") if "_build" not in p.parts)])
COMPARISON = ROOT / "docs" / "comparison"
DECISIONS = ROOT / "docs" / "decisions"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|^```\{image\} (\S+)$", re.MULTILINE)
_EMBEDDED: list[ph.Network] = []
CALL = re.compile(r"^\$ (?:\.venv/bin/)?phosphene ((?:.*\\\n)*.*)$", re.MULTILINE)
COMMAND = re.compile(r"^\$ phosphene (\S+)|`phosphene (\w[\w-]*)[^`]*`", re.MULTILINE)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def python_of(page: Path) -> list[tuple[int, str]]:
    """The page's blocks of Python with the line that each begins at."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, block.start(1)), block[1]) for block in BLOCK.finditer(text)]


@pytest.mark.parametrize("page", [page for page in PAGES if python_of(page)], ids=name)
def test_python_on_a_page_runs_in_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ph, "load", opened(ph.load))
    shutil.copy(PHOTOS / "cat.jpg", "photo.jpg")
    names = {"__name__": page.stem, "ph": ph}
    try:
        for line, source in python_of(page):
            exec(compile("\n" * line + source, str(page), "exec", dont_inherit=True), names)
    finally:
        for own in [key for key, function in INSTRUMENTS.items() if not function.__module__.startswith("phosphene.")]:
            del INSTRUMENTS[own]  # the page's own


def opened(load):
    """`load` that opens the embedded network once for all pages; what is said of it is remembered with it."""

    def again(*args, **options):
        if args or options:
            return load(*args, **options)
        if not _EMBEDDED:
            _EMBEDDED.append(load())
        return _EMBEDDED[0]

    return again


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_and_pictures_of_a_page_are_there(page):
    targets = [found[1] or found[2] for found in LINK.finditer(page.read_text(encoding="utf-8"))]
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, heading = unquote(target).partition("#")
        there = page.parent / path if path else page
        assert there.is_file(), f"{name(page)} points to {target}"
        if heading:
            assert heading in headings(there), f"{name(page)} points to {target}"


def headings(page: Path) -> set[str]:
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_on_a_page_exist(page):
    from phosphene.instrument.command_list import entries

    known = {*entries(), "COMMAND", "--help", "--version"}
    known |= {"sparsity"} if page.name == "CONTRIBUTING.md" else set()  # the instrument that this page adds
    asked = {found[1] or found[2] for found in COMMAND.finditer(page.read_text(encoding="utf-8"))}
    assert asked <= known


def arguments(command):
    """The names of the words that a command takes, in their order."""
    return [each.metavar or each.name.upper() for each in command.params if each.param_type_name == "argument"]


@cache
def command_of(name):
    """The command of this name, as it is called."""
    from phosphene.cli import _single
    from phosphene.instrument.command_list import entries

    return typer.main.get_command(_single(entries()[name]))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_on_a_page_have_their_words_and_options(page):
    from phosphene.commands.from_form.arguments import call_of
    from phosphene.commands.from_form.plan import plan_of
    from phosphene.instrument.command_list import entries
    from phosphene.instrument.fields import Role
    from phosphene.instrument.form import form_of

    known = entries()
    for line in CALL.findall(page.read_text(encoding="utf-8")):
        command, *words = shlex.split(line, comments=True)
        if command not in known or "…" in line:
            continue
        entry, called = known[command], command_of(command)
        if isinstance(called, typer.core.TyperGroup) and words[0] != "--help":
            called, words = called.commands[words[0]], words[1:]
        if {"-h", "--help"} & {*words}:  # which end the process
            continue
        values = called.make_context(command, words).params
        if not entry.written_by_hand and command != "atlas":
            values.pop("debug")
            call = call_of(plan_of(form_of(entry.function())), values)
            targets = [call.values[each.name] for each in call.plan.form.of(Role.UNIT, Role.TARGET)]
            assert not [target for target in targets if target and "photo" in target], line


def test_the_page_of_commands_has_each_command_with_its_words():
    from phosphene.instrument.command_list import entries

    text, known = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8"), entries()
    for command, words in re.findall(r"^\| `phosphene ([\w-]+)([^`]*)`", text, re.MULTILINE):
        if known[command].written_by_hand:
            continue
        words = re.sub(r" --\S+ \S+| …", "", words)
        written = [word.strip("[]") for word in words.split()]
        assert written == arguments(command_of(command)), command


def test_the_page_of_commands_has_the_groups_of_help_and_their_commands():
    from phosphene.instrument.command_list import GROUPS, entries

    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    text = text.partition("\n## The commands\n")[2].partition("\n## ")[0]
    groups: dict[str, set[str]] = {}
    for title, table in re.findall(r"^### (.+)\n((?:(?!### ).*\n)+)", text, re.MULTILINE):
        cells = re.findall(r"^\| (`.*?) \| ", table, re.MULTILINE)
        words = [words.removeprefix("phosphene ") for cell in cells for words in re.findall("`([^`]+)`", cell)]
        groups[title] = {each.split()[0] for each in words}
    assert list(groups) == list(GROUPS)
    assert groups == {title: {name for name, each in entries().items() if each.group == title} for title in GROUPS}


def test_every_method_has_a_page_and_every_page_is_in_the_contents():
    from phosphene.attribution import __all__ as attribution
    from phosphene.comparison import __all__ as comparison
    from phosphene.inspection import __all__ as inspection
    from phosphene.synthesis import __all__ as synthesis

    pages = {page.stem: page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "methods").glob("*.md")}
    methods = [word for word in (*inspection, *attribution, *synthesis, "report") if word.islower()]
    for method in methods:
        assert any(f"ph.{method}(" in text for text in pages.values()), method
    for page, text in pages.items():
        assert any(f"ph.{method}(" in text for method in methods), page
    for method in comparison:
        assert any(f"ph.{method}(" in page.read_text(encoding="utf-8") for page in COMPARISON.glob("*.md")), method
    for page in COMPARISON.glob("*.md"):
        assert page.stem == "index" or f"\n{page.stem}\n" in (COMPARISON / "index.md").read_text(encoding="utf-8")
    contents = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.stem == "index" or re.search(rf"^{page.stem}$", contents, re.MULTILINE), page.stem
    for page in pages:
        assert f"methods/{page}\n" in contents


def test_every_public_name_is_in_the_reference():
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    missing = [word for word in ph.__all__ if word[0] != "_" and f"phosphene.{word}\n" not in text]
    assert missing == []


def test_decisions_are_numbered_without_gaps_and_say_why():
    pages = sorted(page for page in DECISIONS.glob("*.md") if page.stem != "index")
    assert [page.stem[:4] for page in pages] == [f"{number:03}-" for number in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.stem[:3]}: ")
        assert "**Choice.**" in text
        assert "**Why" in text
        assert f"\n{page.stem}\n" in (DECISIONS / "index.md").read_text(encoding="utf-8")


BESIDE = ("class-image-lucent.webp",)  # show another program's pictures beside ours
MEASURED = ("metric-classes.webp",)  # show what scripts in benchmarks/ have measured over many runs
CUT = ("atlas-place.webp", "scores.webp")  # show images that docs/pictures.py has cut, turned or drawn itself


def test_pictures_are_small_used_and_know_how_they_were_made():
    pictures = sorted((ROOT / "docs" / "pictures").glob("*.webp"))
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for picture in pictures:
        assert picture.stat().st_size <= 150_000, picture.name
        assert f"pictures/{picture.name}" in text, f"{picture.name} is on no page"
        if picture.name in (*BESIDE, *MEASURED) or picture.name.startswith(
            "microscope-"
        ):  # the latter by docs/screenshots.py
            continue
        made = ph.read_made(picture)["made"]
        for image in [] if picture.name in CUT else made["images"].values():
            elsewhere = image["path"] is None and image["name"].startswith("skimage.data.")  # a package brings it
            assert elsewhere or (ROOT / image["path"]).is_file(), f"{picture.name} was made from {image['path']}"
    assert 0 < sum(picture.stat().st_size for picture in pictures) < 10_000_000


def test_photos_that_come_along_say_whose_they_are():
    sources = (PHOTOS / "SOURCES.md").read_text(encoding="utf-8")
    for photo in PHOTOS.glob("*.jpg"):
        assert f"`{photo.name}`" in sources


def test_what_is_needed_is_pinned():
    import tomllib

    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    pinned = {pin.partition("==")[0].lower() for pin in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *extras["test"], *extras["dev"], *extras["docs"]]
    names = {re.match(r"[\w.-]+", line)[0].lower() for line in asked} - {"phosphene"}
    assert names <= pinned


def test_no_file_names_the_host_of_a_registry():
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if files.returncode:
        pytest.skip("this is no git checkout, so that its own files can't be told from others")
    parts = ("pypi org", "pythonhosted org", "anaconda org", "npmjs org", "download pytorch org/whl", "pypi nvidia com")
    hosts = [part.replace(" ", ".").encode() for part in parts]
    for file in filter(None, files.stdout.split("\n")):
        content = (ROOT / file).read_bytes() if (ROOT / file).is_file() else b""
        assert not [host for host in hosts if host in content], file
