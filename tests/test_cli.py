"""The command line, run in the process by Typer's own runner and, twice, as a person runs it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import phosphene.cli
from phosphene.commands.failures import plainly, sentence
from phosphene.commands.from_form.command import converted, prepared
from phosphene.commands.from_form.instrument_command import instrument_command
from phosphene.commands.options import shipped_photo, sorted_words
from phosphene.commands.terminal import target
from phosphene.instrument import INSTRUMENTS, Result, instrument
from phosphene.instrument.command_list import GROUPS, Entry, members
from phosphene.instrument.docstring import described
from phosphene.instrument.fields import Role
from phosphene.instrument.kinds import kind_of
from phosphene.instrument.roles import LayerName, Target
from phosphene.network import Network
from phosphene.picture import ImageBlock, Photo, Sheet, read_made

TINY = """
import torch
from torch import nn

def build():
    convolution = nn.Conv2d(3, 4, 3, stride=2)
    return nn.Sequential(convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 6))
"""


@dataclass(frozen=True, eq=False, kw_only=True)
class Means(Result):
    """Means of a layer's channels."""

    values: np.ndarray
    given: dict[str, Any]

    def sheet(self, *, tint: Literal["red", "blue"] = "red", factor: int = 50) -> Sheet:  # type: ignore[override]
        """A flat colour.

        - `tint`: which colour
        - `factor`: of the picture, not of the numbers
        """
        pixels = np.zeros((4, 5, 3), np.uint8)
        pixels[..., 0 if tint == "red" else 2] = 200
        return Sheet("Means", blocks=[ImageBlock(pixels)], description="means")

    def to_dict(self) -> dict[str, Any]:
        return {"means": self.values.tolist(), "nothing": float("nan"), **self.given}


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PHOSPHENE_DEBUG", raising=False)
    (tmp_path / "tiny.py").write_text(TINY)
    return CliRunner()


@pytest.fixture
def means() -> Iterator[typer.Typer]:
    """An app whose command is an instrument that was written just now."""

    @instrument
    def means(
        network: Network,
        photo: Photo,
        layer: LayerName,
        *,
        factor: float = 1.0,
        mode: Literal["plain", "abs"] = "plain",
        channel: int | None = None,
        size: int | tuple[int, int] | None = None,
        centred: bool = True,
        words: list[str] | None = None,
    ) -> Means:
        """The mean of every channel [of a layer].

        In the `plain` mode as it is. Raises LookupError for a layer that is not there.

        - `factor`: what the means are
          multiplied by
        - `mode`: their sign
        """
        values = network.maps(photo, layer)[0].mean((1, 2)).numpy() * factor
        given = {"mode": mode, "channel": channel, "size": size, "centred": centred, "words": words, "on": photo.name}
        return Means(values=values, given=given)

    app = typer.Typer(rich_markup_mode="rich")
    prepared(app, instrument_command(means), "means")

    yield app
    del INSTRUMENTS["means"]


def run(runner: CliRunner, *words: str, app: Any = phosphene.cli.app) -> Any:
    return runner.invoke(app, list(words), prog_name="phosphene", env={"COLUMNS": "200", "TERM": "dumb"})


# ---- the builder


def test_options_and_helps_come_from_signature_and_docstring(runner: CliRunner, means: typer.Typer) -> None:
    text = run(runner, "--help", app=means).stdout
    assert "The mean of every channel [of a layer]." in text
    assert "What the means are multiplied by." in text
    assert "Raises" not in text
    for option in ("--network", "--architecture", "--weights", "--seed", "--device", "--factor", "--mode", "--channel",
                   "--size", "--centred", "--no-centred", "--words", "--tint", "--out", "--theme", "--scale", "--json",
                   "--open"):  # fmt: skip
        assert option in text, option
    assert "Of the picture" not in text  # the instrument's own `factor` wins


def test_json_is_all_that_stdout_holds_and_options_arrive_with_their_types(
    runner: CliRunner, means: typer.Typer, tmp_path: Path
) -> None:
    words = ["0", "-n", "tiny.py:build", "--json", "--factor", "2", "--mode", "abs", "--channel", "3"]
    result = run(runner, *words, "--size", "20x30", "--no-centred", "--words", "a", "--words", "b", app=means)
    found = json.loads(result.stdout)
    assert len(found.pop("means")) == 4
    assert found == {
        "nothing": None, "mode": "abs", "channel": 3, "size": [20, 30], "centred": False, "words": ["a", "b"],
        "on": "cat.jpg",
    }  # fmt: skip
    assert not list(tmp_path.glob("*.png"))


def test_a_picture_is_written_under_a_telling_name_and_its_path_printed(
    runner: CliRunner, means: typer.Typer, tmp_path: Path
) -> None:
    result = run(runner, "0", "--network", "tiny.py:build", "--tint", "blue", app=means)
    assert result.exit_code == 0, result.output
    name = result.stdout.strip()
    assert name == "means-tiny.py_build-0-cat.png"
    assert read_made(tmp_path / name)["made"]["picture"] == {"tint": "blue", "factor": 50}


def test_a_pictures_name_holds_what_is_asked_so_that_the_next_one_does_not_replace_it(
    runner: CliRunner, tmp_path: Path
) -> None:
    @instrument
    def opinion(
        network: Network, label: str, *, target: Target = None,
        way: Annotated[Literal["survey", "oracle"], Role.METHOD] = "survey",
    ) -> Means:  # fmt: skip
        """What is thought of a label."""
        return Means(values=np.zeros(1), given={})

    app = typer.Typer()
    prepared(app, instrument_command(opinion), "opinion")
    try:
        for words, name in (
            (("goose",), "opinion-goose.png"),
            (("../a nest/goose.jpg",), "opinion-a_nest_goose.png"),
            (("goose", "-n", "tiny.py:build"), "opinion-tiny.py_build-goose.png"),
            (("goose", "--class", "lynx", "--class", "tabby"), "opinion-goose-lynx-tabby.png"),
            (("tiny.py",), "opinion-tiny.png"),
            (("goose", "--way", "oracle"), "opinion-goose-oracle.png"),
            (("goose", "--way", "survey"), "opinion-goose.png"),
            (("鵞" * 200,), f"opinion-{'鵞' * 64}.png"),
        ):
            written = run(runner, *words, app=app)
            assert written.exit_code == 0, written.output
            assert written.stdout.strip() == name
            assert (tmp_path / name).is_file()
    finally:
        del INSTRUMENTS["opinion"]


def test_a_theme_that_the_file_can_not_have_is_refused_before_anything_is_computed(
    runner: CliRunner, means: typer.Typer
) -> None:
    result = run(runner, "0", "-n", "nothing.py:build", "--theme", "auto", "--out", "x.png", app=means)
    assert result.exit_code != 0
    assert "the theme 'auto' is for .svg only" in str(result.exception)


@pytest.mark.parametrize("words", [("look", "0"), ("locate",), ("judge",)])
def test_commands_written_by_hand_refuse_such_a_theme_before_they_open_a_network(
    runner: CliRunner, words: tuple[str, ...]
) -> None:
    result = run(runner, *words, "-n", "nothing.py:build", "--theme", "auto", "--out", "x.png")
    assert result.exit_code == 2
    assert "the theme 'auto' is for .svg only" in " ".join(result.stderr.split())


def test_layer_and_photo_come_in_either_order(runner: CliRunner, means: typer.Typer, tmp_path: Path) -> None:
    photo = tmp_path / "beast.jpg"
    photo.write_bytes(Path(shipped_photo()).read_bytes())
    there = [run(runner, *words, "-n", "tiny.py:build", "--json", app=means).stdout
             for words in (("0", "beast.jpg"), ("beast.jpg", "0"))]  # fmt: skip
    assert there[0] == there[1]
    assert json.loads(there[0])["on"] == "beast.jpg"


def test_a_choice_that_is_none_is_refused(runner: CliRunner, means: typer.Typer) -> None:
    result = run(runner, "0", "--mode", "wild", app=means)
    assert result.exit_code == 2
    assert "plain" in result.stderr


def test_words_that_are_two_photos_or_no_layer_are_refused() -> None:
    with pytest.raises(ValueError, match="both photos"):
        sorted_words(("a.jpg", "b.jpg"), needs_layer=True)
    with pytest.raises(ValueError, match="which layer"):
        sorted_words(("a.jpg", None), needs_layer=True)
    with pytest.raises(FileNotFoundError, match="neither 'conv1' nor 'relu'"):
        sorted_words(("conv1", "relu"), needs_layer=True)
    assert sorted_words((None, None), needs_layer=False) == (None, None)


@pytest.mark.parametrize(
    ("hint", "given", "value"),
    [
        (int | None, 3, 3),
        (str | int, "17", 17),
        (str | int, "goose", "goose"),
        (int | tuple[int, int] | None, "224", 224),
        (int | tuple[int, int] | None, "8x16", (8, 16)),
        (int | list[int], ["1,2"], [1, 2]),
        (int | list[int], ["1"], 1),
        (list[float], ["1.0", "2,3"], [1.0, 2.0, 3.0]),
        (str | list[str], ["a,b", "c"], ["a", "b", "c"]),
        (Any, "words", "words"),
    ],
)
def test_text_becomes_the_value_that_the_parameter_takes(hint: Any, given: Any, value: Any) -> None:
    assert converted("name", kind_of(hint), given) == value


def test_a_type_that_no_text_can_stand_for_is_refused() -> None:
    with pytest.raises(TypeError, match="no text can say"):
        kind_of(np.ndarray)


def test_a_size_that_is_none_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"--size big: a size is a number of pixels"):
        converted("size", kind_of(int | tuple[int, int]), "big")


def test_every_instrument_becomes_a_command_and_each_word_and_option_has_its_help() -> None:
    import phosphene.inspection

    for name, function in INSTRUMENTS.items():
        assert instrument_command(function).__signature__.parameters, name  # type: ignore[attr-defined]
        assert described(function).line, name
        command = name.replace("_", "-")
        assert command in phosphene.cli._ENTRIES or command.removeprefix("atlas-") in members(), name
    for entry in phosphene.cli._ENTRIES.values():
        command = typer.main.get_command(phosphene.cli._single(entry))
        for each in (command, *getattr(command, "commands", {}).values()):
            for parameter in each.params:
                assert parameter.hidden or parameter.help, f"{entry.name} {each.name} {parameter.name}"


def test_a_command_is_called_as_it_is_listed_or_as_in_python(runner: CliRunner) -> None:
    listed, python = (run(runner, name, "--help") for name in ("grad-cam", "grad_cam"))
    assert listed.exit_code == python.exit_code == 0
    assert "phosphene grad-cam" in listed.stdout
    assert listed.stdout == python.stdout


def test_targets_and_classes_may_be_given_several_times(runner: CliRunner, tmp_path: Path) -> None:
    words = ["cam", "--class", "lynx", "--class", "285", "--target", "logits:tabby", "--json"]
    found = json.loads(run(runner, *words).stdout)
    asked = [one["target"].partition(" ")[0] for one in found["maps"]]
    assert asked == ["logits:281", "logits:287", "logits:285"]


# ---- what goes wrong


@pytest.mark.parametrize(
    "words", ["look afolder", "strongest afolder", "strongest blocks.2 afolder", "activations afolder/ blocks.2",
              "report afolder"]
)  # fmt: skip
def test_a_folder_in_a_photos_place_is_one_sentence_and_nothing_is_run(
    runner: CliRunner, tmp_path: Path, words: str
) -> None:
    (tmp_path / "afolder").mkdir()
    result = run(runner, *words.split())
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "is a folder; give one p" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("*.png"))


def test_a_layer_may_be_called_like_a_folder(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    assert run(runner, "look", "0", "-n", "tiny.py:build").exit_code == 0


def test_a_wrong_layer_is_refused_before_anything_is_shown(runner: CliRunner) -> None:
    result = run(runner, "look", "blocks.22")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "near it: blocks.2" in result.stderr


def test_a_photo_in_a_networks_place_is_one_sentence(runner: CliRunner) -> None:
    result = run(runner, "check", "--limit", "3", shipped_photo())
    assert result.exit_code == 2
    assert "is a JPEG photo, not a network's weights" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_code_that_a_picture_names_needs_trust(runner: CliRunner, tmp_path: Path) -> None:
    assert run(runner, "filters", "-n", "tiny.py:build", "-o", "own.png").exit_code == 0
    refused = run(runner, "again", "own.png")
    assert refused.exit_code == 2
    assert "phosphene again FILE --trust" in refused.stderr
    assert run(runner, "again", "own.png", "--trust").exit_code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("look", "nosuch.jpg"), "nosuch.jpg"),
        (("look", "-n", "torchvision:resnet81@none"), "resnet18"),
        (("look", "--device", "warp"), "device 'warp' can't be used here"),
        (("look", "--classes", "0"), "at least 1"),
        (("look", "--out", "x.png"), "without a layer"),
        (("look", "-n", "nosuch.pth"), "nosuch.pth"),
        (("layers", "--match", "zebra"), "none like 'zebra'"),
        (("layers", "--size", "big"), "a size is a number of pixels"),
        (("layers", "tiny.py:build", "-n", "tiny.py:build"), "two networks are named"),
        (("networks", "nosuchnetwork"), "nosuchnetwork"),
        (("again", "tiny.py"), "no record"),
        (("again", "nosuch.png"), "nosuch.png"),
        (("report", "--out", "page.pdf"), ".html"),
        (("report", "--out", "nosuch/page.html"), "no folder"),
        (("activations", "nosuchlayer", "-n", "tiny.py:build"), "layer 'nosuchlayer' is not in"),
        (("activations", "0", "-n", "tiny.py:build", "--channel", "99"), "channels 0 to 3, no 99"),
        (("activations", "0", "-n", "tiny.py:build", "--out", "x.tiff"), "must end in .png"),
        (("activations", "0", "-n", "tiny.py:build", "--scale", "-1"), "a scale is a number above 0"),
    ],
)
def test_what_the_library_refuses_is_one_sentence_with_exit_code_2(
    runner: CliRunner, words: tuple[str, ...], told: str
) -> None:
    result = run(runner, *words)
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert "Traceback" not in result.output
    assert [line for line in result.stderr.splitlines() if line.startswith("error: ")] == [
        result.stderr.splitlines()[-1]
    ]
    assert result.stdout == ""


def test_debug_shows_where_it_went_wrong(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (("--debug", "look", "nosuch.jpg"), ("look", "nosuch.jpg", "--debug")):
        assert isinstance(run(runner, *words).exception, FileNotFoundError)
    monkeypatch.setenv("PHOSPHENE_DEBUG", "1")
    assert isinstance(run(runner, "look", "nosuch.jpg").exception, FileNotFoundError)


def test_a_lookup_error_is_told_without_quotes() -> None:
    assert sentence(KeyError("no layer 'x'")) == "no layer 'x'"
    assert sentence(OSError(28, "No space left on device", "/disk/x.png")) == "'/disk/x.png': No space left on device"
    assert sentence(ValueError("two\n  lines")) == "two lines"
    assert sentence(ValueError()) == "ValueError"


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (RuntimeError("odd"), 70), (ValueError("no"), 2), (TypeError(), 2)]
)
def test_each_kind_of_failure_has_its_exit_code(error: BaseException, code: int) -> None:
    class Context:
        meta: dict[str, Any] = {}  # noqa: RUF012

    with pytest.raises(typer.Exit) as ended, plainly(Context()):
        raise error
    assert ended.value.exit_code == code


def test_a_picture_never_takes_the_place_of_its_photo(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"pixels")
    with pytest.raises(ValueError, match="is the photo itself"):
        target(photo, ["look"], str(photo))
    assert target(tmp_path, ["look", "a/b:c", None], str(photo)) == tmp_path / "look-a_b_c.png"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("lok", "no such command lok; did you mean look? See 'phosphene --help'"),
        ("zzz", "no such command zzz; see 'phosphene --help'"),
        ("--foo", "no such option --foo; 'phosphene --help' lists all"),
        ("layers --dept 1", "no such option --dept; did you mean --depth? 'phosphene layers --help' lists all"),
        ("layers -z", "no such option -z; 'phosphene layers --help' lists all"),
        ("look --layer x", "no such option --layer; 'phosphene look --help' lists all; LAYER is a word by itself"),
        ("again", "FILE is missing (a picture that Phosphene saved); see 'phosphene again --help'"),
        ("layers a b", "too many words: b; see 'phosphene layers --help'"),
        ("layers --size", "option '--size' requires an argument; see 'phosphene layers --help'"),
        (
            "filters --map wild --debug",
            "--map: 'wild' is not one of 'grey', 'diverging'; see 'phosphene filters --help'",
        ),
    ],
)
def test_a_command_line_that_can_not_be_read_is_one_sentence_with_exit_code_2(
    runner: CliRunner, words: str, told: str
) -> None:
    result = run(runner, *words.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: {told}\n"


# ---- the commands


def test_look_lists_the_best_classes_with_bars(runner: CliRunner) -> None:
    result = run(runner, "look")
    assert result.exit_code == 0
    assert "Egyptian cat (285)" in result.stdout
    assert "█" in result.stdout
    found = json.loads(run(runner, "look", "--json", "--classes", "3").stdout)
    assert found["classes"][0]["index"] == 285
    assert len(found["classes"]) == 3


def test_look_at_a_layer_draws_its_strongest_units(runner: CliRunner, tmp_path: Path) -> None:
    result = run(runner, "look", shipped_photo(), "0", "-n", "tiny.py:build", "--theme", "dark")
    assert result.exit_code == 0, result.output
    name = result.stdout.splitlines()[-1]
    assert name == "look-tiny.py_build-0-cat.png"
    record = read_made(tmp_path / name)
    assert record["saved"]["theme"] == "dark"
    assert record["made"]["instrument"] == "strongest"


def test_layers_are_those_of_the_network(runner: CliRunner) -> None:
    import phosphene

    every = [layer.name for layer in phosphene.load().layers()]
    result = run(runner, "layers", "--json")
    assert [layer["name"] for layer in json.loads(result.stdout)] == every
    shallow = json.loads(run(runner, "layers", "--depth", "2", "--match", "blocks.*", "--json").stdout)
    assert shallow
    assert all(layer["depth"] <= 2 and layer["name"].startswith("blocks.") for layer in shallow)
    table = run(runner, "layers", "efficientnet_lite0", "--match", "conv_stem").stdout
    assert "conv_stem" in table
    assert "32 × 112 × 112" in table


def test_networks_are_listed_and_those_here_marked(runner: CliRunner) -> None:
    result = run(runner, "networks", "embedded")
    assert result.stdout.split() == ["efficientnet_lite0", "on", "this", "machine"]
    found = json.loads(run(runner, "networks", "torchvision", "resnet1*", "--json").stdout)
    assert [listed["spec"] for listed in found] == ["torchvision:resnet101", "torchvision:resnet152",
                                                    "torchvision:resnet18"]  # fmt: skip
    assert json.loads(run(runner, "networks", "lite0", "--here", "--json").stdout)[0]["spec"] == "efficientnet_lite0"


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg", ".svg"])
def test_a_picture_made_again_is_identical(runner: CliRunner, tmp_path: Path, suffix: str) -> None:
    made = run(runner, "activations", "conv_stem", "--map", "sequential", "--theme", "dark", "-o", f"maps{suffix}")
    assert made.exit_code == 0, made.output
    result = run(runner, "again", f"maps{suffix}")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == f"maps-again{suffix}"
    assert "identical" in result.stderr
    assert "not identical" not in result.stderr
    assert (tmp_path / f"maps{suffix}").read_bytes() == (tmp_path / f"maps-again{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_renamed_photo_gives_the_same_picture(runner: CliRunner, tmp_path: Path, suffix: str) -> None:
    photo = tmp_path / "mine.jpg"
    photo.write_bytes(Path(shipped_photo()).read_bytes())
    assert run(runner, "activations", "conv_stem", "mine.jpg", "-o", f"maps{suffix}").exit_code == 0
    photo.rename(tmp_path / "another name.jpg")
    result = run(runner, "again", f"maps{suffix}", "--photo", "another name.jpg")
    assert result.exit_code == 0, result.output
    same = "identical, pixel for pixel, to" if suffix == ".png" else "identical but for the record of how it was made"
    assert same in " ".join(result.stderr.split())


def test_pictures_that_differ_are_not_called_the_same() -> None:
    from phosphene.commands.again import compared

    record = b'<metadata id="phosphene">%s</metadata>'
    old, new = (b"<svg>" + record % said + b"<rect/></svg>" for said in (b"a.jpg", b"b.jpg"))
    assert compared(old, old, ".svg").startswith("identical, byte for byte")
    assert compared(old, new, ".svg").startswith("identical but for the record")
    assert compared(old, new.replace(b"rect", b"path"), ".svg") == "not identical to"


def test_filters_draw_and_anatomy_write_pictures(runner: CliRunner, tmp_path: Path) -> None:
    from phosphene.network.opening.embedded import NAME

    assert run(runner, "filters").stdout.strip() == f"filters-{NAME}.png"
    for words in (["filters"], ["draw", "--depth", "1"], ["anatomy", "0", "--target", "logits:2"]):
        result = run(runner, *words, "-n", "tiny.py:build")
        assert result.exit_code == 0, result.output
        assert (tmp_path / result.stdout.strip()).is_file()


def test_check_tells_its_findings_and_ends_with_1_where_something_is_wrong(runner: CliRunner) -> None:
    result = run(runner, "check", "tiny.py:build", "--json")
    findings = json.loads(result.stdout)
    verdicts = {finding["verdict"] for finding in findings}
    assert verdicts <= {"good", "note", "warning", "fault"}
    assert result.exit_code == (1 if verdicts & {"warning", "fault"} else 0)
    told = run(runner, "check", "tiny.py:build").stdout
    for finding in findings:
        assert finding["check"] in told


def test_a_report_is_one_page(runner: CliRunner, tmp_path: Path) -> None:
    result = run(runner, "report", "-n", "tiny.py:build", "--out", "page.html")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == "page.html"
    assert "<html" in (tmp_path / "page.html").read_text(encoding="utf-8")


# ---- as a person runs it


def _phosphene(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}
    environment.pop("PHOSPHENE_DEBUG", None)
    command = [sys.executable, "-m", "phosphene", *words]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=300
    )


def test_help_lists_every_command_without_importing_torch(tmp_path: Path) -> None:
    script = """
import sys, phosphene.cli
try:
    phosphene.cli.main()
finally:
    assert not {'torch', 'numpy'} & set(sys.modules)
"""
    command = [sys.executable, "-c", script, "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert done.returncode == 0, done.stderr
    for name in ("report", "look", "layers", "filters", "activations", "draw", "anatomy", "check", "again", "networks"):
        assert f" {name} " in done.stdout, name


def test_help_lists_every_command_once_in_its_group(runner: CliRunner) -> None:
    text = run(runner, "--help").stdout
    panels = re.findall(r"^╭─ (.+?) ─+╮\n((?:│.*\n)+)", text, re.MULTILINE)
    listed = {title: re.findall(r"^│ ([a-z][\w-]*) ", lines, re.MULTILINE) for title, lines in panels}
    listed.pop("Options")
    assert list(listed) == list(GROUPS)
    assert [name for names in listed.values() for name in names] == list(phosphene.cli._ENTRIES)
    assert all(phosphene.cli._ENTRIES[name].group == title for title, names in listed.items() for name in names)


def test_a_command_of_no_group_is_refused() -> None:
    entry = Entry("news", "", "newspapers.news", False, {})
    with pytest.raises(LookupError, match=r"no group of commands holds newspapers\.news"):
        assert entry.group


def test_a_wrong_layer_is_one_line_and_exit_code_2_in_a_real_shell(tmp_path: Path) -> None:
    done = _phosphene("activations", "blocks.22", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "layer 'blocks.22' is not in efficientnet_lite0; near it: blocks.2" in done.stderr
