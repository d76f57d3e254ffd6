"""One word for each thing on the command line, by the roles of an instrument's parameters, whatever their names."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import phosphene as ph
import phosphene.cli
from phosphene.attribution.maps.methods import METHODS
from phosphene.commands.from_form.arguments import arguments_of, call_of
from phosphene.commands.from_form.command import prepared
from phosphene.commands.from_form.instrument_command import instrument_command
from phosphene.commands.from_form.plan import plan_of
from phosphene.commands.options import shipped_photo
from phosphene.instrument import INSTRUMENTS, Result, instrument
from phosphene.instrument.fields import Role
from phosphene.instrument.form import form_of
from phosphene.instrument.recipe import recipe
from phosphene.instrument.roles import (
    AtlasLike,
    ClassName,
    ClassNames,
    Images,
    ImageSet,
    LayerNames,
    MethodNames,
    Photos,
    Target,
    UnitName,
    UnitNames,
)
from phosphene.instrument.texts import names, specs
from phosphene.network import Network
from phosphene.picture import ImageBlock, Sheet

TINY = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 4, 3, stride=2)
    return nn.Sequential(convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 6))
"""


@dataclass(frozen=True, eq=False, kw_only=True)
class Heard(Result):
    """What an instrument was given."""

    given: dict[str, Any]

    def sheet(self) -> Sheet:
        import numpy as np

        return Sheet("Heard", blocks=[ImageBlock(np.zeros((4, 4, 3), np.uint8))], description="heard")

    def to_dict(self) -> dict[str, Any]:
        return self.given


def seeks(
    network: Network, sight: Images, wanted: Target = None, *, ways: MethodNames | None = None,
    deep: LayerNames | None = None, shares: Sequence[float] | None = None, tests: str | Sequence[str] = "a,b",
    channels: int | list[int] | None = None,
) -> Heard:  # fmt: skip
    """Seeks."""
    return Heard(given={"wanted": wanted, "ways": ways, "deep": deep, "shares": shares, "tests": tests,
                        "channels": channels})  # fmt: skip


def shoves(network: Network, sight: Images, goal: ClassNames | None = None) -> Heard:
    """Shoves.

    - `goal`: where to
    """
    return Heard(given={"goal": goal})


def paints(network: Network, kind: ClassName, *, batch: int = 1) -> Heard:
    """Paints.

    - `kind`: of what
    """
    return Heard(given={"kind": kind})


def fools(network: Network, kinds: ClassNames) -> Heard:
    """Fools.

    - `kinds`: into what
    """
    return Heard(given={"kinds": kinds})


def raises(network: Network, these: UnitNames) -> Heard:
    """Raises.

    - `these`: what to raise
    """
    return Heard(given={"these": these})


def compares(network: Network, one: UnitName, pictures: Photos | None = None) -> Heard:
    """Compares.

    - `one`: what to raise
    - `pictures`: to compare with
    """
    return Heard(given={"one": one, "pictures": pictures})


def varies(network: Network, sights: ImageSet, one: UnitName) -> Heard:
    """Varies.

    - `one`: what to ask
    """
    return Heard(given={"sights": sights, "one": one})


def parts(network: Network, one: UnitName, pictures: Photos) -> Heard:
    """Parts.

    - `one`: what to raise
    - `pictures`: to part
    """
    return Heard(given={"one": one, "pictures": pictures})


def weighs(network: Network, channel: UnitName, kind: ClassName) -> Heard:
    """Weighs.

    - `channel`: a channel
    - `kind`: a class
    """
    return Heard(given={"channel": channel, "kind": kind})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.py").write_text(TINY)
    (tmp_path / "photos").mkdir()
    (tmp_path / "one.png").write_bytes(b"")
    return tmp_path


def heard(function: Any, line: str) -> dict[str, Any]:
    """What an instrument is given by a command line after its name."""
    marked = instrument(function)
    try:
        app = typer.Typer()
        prepared(app, instrument_command(marked), function.__name__)
        ran = CliRunner().invoke(app, [*line.split(), "-n", "tiny.py:build", "--json"], prog_name="phosphene",
                                 env={"TERM": "dumb", "COLUMNS": "200"})  # fmt: skip
        if ran.exit_code:
            raise ran.exception if ran.exit_code == 1 and ran.exception else AssertionError(ran.output)
        return json.loads(ran.stdout)
    finally:
        del INSTRUMENTS[function.__name__]


@pytest.mark.parametrize(
    ("function", "line", "given"),
    [
        (seeks, "--class goose", {"wanted": "logits:goose"}),
        (seeks, "--class goose --class 3 --wanted 0:1", {"wanted": ["0:1", "logits:goose", "logits:3"]}),
        (seeks, "", {"wanted": None, "ways": None, "deep": None, "shares": None, "tests": "a,b", "channels": None}),
        (seeks, "--ways cam,occlusion:window=4,stride=2", {"ways": "cam,occlusion:window=4,stride=2"}),
        (seeks, "--ways cam --ways lrp", {"ways": ["cam", "lrp"]}),
        (seeks, "--deep 0,1 --deep 1@2,3,4", {"deep": ["0", "1", "1@2,3", "4"]}),
        (seeks, "--shares 0.5,1 --shares 2", {"shares": [0.5, 1.0, 2.0]}),
        (seeks, "--tests b", {"tests": ["b"]}),
        (seeks, "--tests b,c --tests d", {"tests": ["b", "c", "d"]}),
        (seeks, "--channels 3", {"channels": 3}),
        (seeks, "--channels 3,17 --channels 4", {"channels": [3, 17, 4]}),
        (shoves, "--class 3", {"goal": 3}),
        (shoves, "--class 3 --class goose", {"goal": [3, "goose"]}),
        (shoves, "", {"goal": None}),
        (paints, "goose", {"kind": "goose"}),
        (paints, "--class 99", {"kind": 99}),
        (fools, "goose 3", {"kinds": ["goose", 3]}),
        (fools, "goose", {"kinds": "goose"}),
        (fools, "--class goose --class 3", {"kinds": ["goose", 3]}),
        (raises, "0:1 0:2", {"these": ["0:1", "0:2"]}),
        (raises, "0:1", {"these": "0:1"}),
        (raises, "--class goose", {"these": "logits:goose"}),
        (raises, "logits:1 --class goose", {"these": ["logits:1", "logits:goose"]}),
        (compares, "0:1", {"one": "0:1", "pictures": None}),
        (compares, "0:1 photos one.png", {"one": "0:1", "pictures": ["photos", "one.png"]}),
        (compares, "--class goose", {"one": "logits:goose", "pictures": None}),
        (compares, "--class goose photos one.png", {"one": "logits:goose", "pictures": ["photos", "one.png"]}),
        (compares, "photos 0:1 one.png", {"one": "0:1", "pictures": ["photos", "one.png"]}),
        (parts, "photos --class goose", {"one": "logits:goose", "pictures": ["photos"]}),
        (parts, "photos 0:1", {"one": "0:1", "pictures": ["photos"]}),
        (varies, "0:1 one.png two.png", {"one": "0:1", "sights": ["one.png", "two.png"]}),
        (varies, "one.png two.png 0:1", {"one": "0:1", "sights": ["one.png", "two.png"]}),
        (varies, "one.png two.png --class goose", {"one": "logits:goose", "sights": ["one.png", "two.png"]}),
        (varies, "0:1", {"one": "0:1"}),
        (weighs, "0:1 goose", {"channel": "0:1", "kind": "goose"}),
        (weighs, "0:1 --class goose", {"channel": "0:1", "kind": "goose"}),
    ],
)  # fmt: skip
def test_a_word_or_option_says_what_its_role_is_for(folder, function, line, given):
    assert heard(function, line).items() >= given.items()


@pytest.mark.parametrize(
    ("function", "line", "sentence"),
    [
        (paints, "", "CLASS is missing (of what); name it, or a class with --class; see 'phosphene paints --help'"),
        (paints, "goose --class hen", "paints asks about one class at a time, not 2: goose, hen"),
        (raises, "", "THESE is missing (what to raise); name it, or a class with --class"),
        (compares, "0:1 --class goose", "compares asks about one unit at a time, not 2: 0:1, logits:goose"),
        (compares, "0:1 photos --class goose", "compares asks about one unit at a time, not 2: 0:1, logits:goose"),
        (parts, "0:1", "PICTURES is missing (to part); see 'phosphene parts --help'"),
        (parts, "--class goose", "PICTURES is missing (to part)"),
        (seeks, "--shares a", "--shares a: this takes numbers, with commas between them"),
        (seeks, "--channels 1.5", "--channels 1.5: this takes whole numbers, with commas between them"),
    ],
)
def test_what_is_missing_or_too_much_is_one_sentence(folder, function, line, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        heard(function, line)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "adversarial --label goose",
            "no such option --label; 'phosphene adversarial --help' lists all; it is --class",
        ),
        (
            "unit-image 0:1 --photos x",
            "no such option --photos; 'phosphene unit-image --help' lists all; PHOTOS is a w",
        ),
        ("class-image --label goose", "CLASS is a word by itself"),
        ("cam --images x.png", "PHOTO is a word by itself"),
    ],
)
def test_an_old_word_is_answered_with_the_new_one(line, sentence):
    ran = CliRunner().invoke(phosphene.cli.app, line.split(), prog_name="phosphene")
    assert ran.exit_code == 2
    assert sentence in " ".join(ran.stderr.split())


def test_every_instrument_is_asked_about_a_class_by_class_and_takes_photos_as_words():
    import phosphene.atlas

    assert len(phosphene.cli._ENTRIES) > 50
    for entry in phosphene.cli._ENTRIES.values():
        if not entry.written_by_hand:
            entry.function()
    for name, function in INSTRUMENTS.items():
        plan = plan_of(form_of(function))
        app = typer.Typer()
        prepared(app, instrument_command(function), name)
        flags = {flag for each in typer.main.get_command(app).params for flag in each.opts if flag.startswith("--")}
        is_asked = form_of(function).of(Role.TARGET, Role.UNIT, Role.LABEL, Role.LABELS) and not plan.atlas
        assert ("--class" in flags) == bool(is_asked), name
        assert not {"--label", "--labels", "--photos", "--photo", "--query"} & flags, name
        for field in form_of(function).of(Role.METHOD):
            assert field.name == "method", name
        for field in form_of(function).of(Role.METHODS):
            assert field.name == "methods", name
        for field in form_of(function).fields:
            if field.role is Role.OPTION:
                assert field.name not in (
                    "method",
                    "methods",
                    "label",
                    "photos",
                    "photo",
                    "layer",
                    "layers",
                    "target",
                ), name
            if field.kind is not None and field.kind.several and f"--{field.word}" in flags:
                repeated = (Role.TARGET, Role.LABELS, Role.SOURCE)
                assert "," in field.kind.metavar or field.role in repeated, (name, field.name)


def test_an_atlas_is_asked_with_roles_not_names():
    assert form_of(INSTRUMENTS["atlas_place"])["photos"].role is Role.PHOTOS
    assert form_of(INSTRUMENTS["atlas_neighbours"])["query"].role is Role.QUERY

    def looks(store: AtlasLike, where: UnitName) -> Heard:
        """Looks."""
        return Heard(given={"store": str(store), "where": where})

    plan = plan_of(form_of(looks))
    values = dict.fromkeys(plan.parameters) | {"store": "my.atlas", "where": "3:1", "trust": False}
    arguments, drawing = arguments_of(call_of(plan, values))
    assert (arguments, drawing) == ({"where": "3:1", "store": "my.atlas"}, {})


def test_the_name_that_methods_had_before_still_works_where_it_stood(tmp_path):
    network = ph.load()
    cat = ph.read(shipped_photo())
    before, now = (ph.why(network, cat, **{name: ["gradient"]}) for name in ("method", "methods"))
    assert before.made["options"] == now.made["options"] == {"target": None, "methods": ["gradient"]}
    with pytest.raises(TypeError, match="'method' is 'methods' now, and both are given to why; leave out 'method'"):
        ph.why(network, cat, method="gradient", methods="gradient")
    path = now.save(tmp_path / "why.png")
    record = ph.read_made(path)
    record["made"]["options"]["method"] = record["made"]["options"].pop("methods")
    from PIL import Image, PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_itxt("phosphene", json.dumps(record))
    Image.new("RGB", (4, 4)).save(tmp_path / "earlier.png", pnginfo=info)
    assert ph.again(tmp_path / "earlier.png").caption == now.picture().caption
    words = ["why", "--method", "gradient", "--methods", "input_x_gradient", "--json"]
    said = json.loads(CliRunner().invoke(phosphene.cli.app, words).stdout)
    assert [one["name"] for one in said["methods"]] == ["input × gradient", "gradient"]
    assert "--method " not in CliRunner().invoke(phosphene.cli.app, ["why", "--help"], env={"COLUMNS": "200"}).stdout


def test_the_commands_that_pages_print_are_those_of_the_command_line():
    network = ph.load()
    photo = ph.read(shipped_photo())
    made = ph.adversarial(network, photo, "goose", method="fgsm").made
    assert recipe(made).command.endswith("--class goose --method fgsm")
    made = ph.synthesize(network, ["blocks.0.0:1", "blocks.0.0:2"], steps=1, size=(48, 64), robust=False).made
    line = recipe(made).command
    assert line == "phosphene synthesize blocks.0.0:1 blocks.0.0:2 --size 48x64 --steps 1 --no-robust"


# ---- texts


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["a,b"], ["a", "b"]),
        (["a", "b, c"], ["a", "b", "c"]),
        (["0,3"], ["0", "3"]),
        (["blocks.1,blocks.3@5,6"], ["blocks.1", "blocks.3@5,6"]),
        (["blocks.3:17@5,6,0"], ["blocks.3:17@5,6", "0"]),
        (["blocks.3@5", "6"], ["blocks.3@5", "6"]),
        ([" , "], []),
    ],
)
def test_names_have_commas_between_them_but_an_address_keeps_its_own(texts, found):
    assert names(texts) == found


def test_specs_keep_their_options():
    assert specs(["tv:1,beta=2,blur:3", "a=b"]) == ["tv:1,beta=2", "blur:3", "a=b"]
    assert set(METHODS) == set(specs([",".join(METHODS)]))


def test_help_names_words_by_their_roles_and_no_option_takes_two_values():
    run = CliRunner()
    for command in ("stitch", "synthesize", "strongest", "check", "look"):
        shown = run.invoke(phosphene.cli.app, [command, "--help"], env={"COLUMNS": "160"}).stdout
        assert "<str>" not in shown
        assert "<list[str]>" not in shown
        assert "<bool>" not in shown
    twice = run.invoke(phosphene.cli.app, ["synthesize", "blocks.1:3", "--steps", "2", "--steps=4"])
    assert twice.exit_code == 2
    assert "--steps is given twice; give it once" in twice.output
    twice = run.invoke(phosphene.cli.app, ["look", "-n", "hog", "--network", "hog"])
    assert "--network is given twice" in twice.output
