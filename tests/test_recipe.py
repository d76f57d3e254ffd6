"""The Python and the command that a result's account is written as."""

import inspect
import shlex
import types
from functools import cache

import pytest
import torch
import typer
from typer.models import ArgumentInfo

import phosphene as ph
from phosphene.commands.from_form.arguments import call_of
from phosphene.commands.from_form.plan import plan_of
from phosphene.instrument import INSTRUMENTS
from phosphene.instrument.command_list import entries, members
from phosphene.instrument.fields import Role
from phosphene.instrument.form import form_of
from phosphene.instrument.recipe import command_for, python_for, recipe

CAT = "src/phosphene/photos/cat.jpg"


@cache
def command_of(name):
    """The command of this name, as it is called."""
    from phosphene.cli import _single

    return typer.main.get_command(_single(entries()[name]))


@pytest.fixture(scope="module")
def network():
    return ph.load("torchvision:squeezenet1_1@none", seed=3)


@pytest.fixture(scope="module")
def unseeded():
    return ph.load("torchvision:squeezenet1_1@none")


def test_the_python_makes_the_same_numbers(network):
    result = ph.occlusion(network, ph.read(CAT), "logits:3", window=112, stride=112)
    text = python_for(result.made)
    names: dict = {}
    exec(text.replace('.save("occlusion.png")', "").replace("\nph.occlusion(", "\nagain = ph.occlusion("), names)
    assert torch.equal(names["again"].drops, result.drops)


def test_the_command_names_what_was_given_and_nothing_else(network):
    result = ph.occlusion(network, ph.read(CAT), "logits:3", window=112, stride=112)
    words = shlex.split(command_for(result.made, {"range": "minmax"}))
    assert words[:3] == ["phosphene", "occlusion", CAT]
    asked = dict(zip(words[3::2], words[4::2], strict=True))
    assert asked == {
        "--network": "torchvision:squeezenet1_1@none", "--seed": "3", "--target": "logits:3", "--window": "112",
        "--stride": "112", "--range": "minmax",
    }  # fmt: skip


def test_a_class_is_asked_by_the_commands_own_word(unseeded):
    result = ph.adversarial(unseeded, ph.read(CAT), label=5, method="fgsm")
    words = shlex.split(command_for(result.made))
    assert words[words.index("--class") + 1] == "5"
    assert "--label" not in words


def test_what_only_python_holds_has_no_command():
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    result = ph.activations(ph.Network(module), torch.rand(1, 3, 16, 16), "0")
    assert command_for(result.made) == ""
    assert "ph.Network(module)  # your Sequential" in python_for(result.made)


def results(network):
    photo, other = ph.read(CAT), ph.read("src/phosphene/photos/coffee.jpg")
    units = ["features.0:1", "features.0:2"]
    return [
        ph.activations(network, photo, "features.3"),
        ph.activations(network, photo, "features.3", channel=5),
        ph.gradient(network, photo, "logits:3"),
        ph.occlusion(network, photo, "logits:3", window=112, stride=112),
        ph.sensitivities(network, [photo, other], "features.0:1"),
        ph.synthesize(network, units, steps=1, size=(48, 64), robust=False),
        ph.adversarial(network, photo, 5, method="fgsm"),
        ph.why(network, photo, methods=["gradient", "guided"]),
        ph.style(network, photo, other, steps=1, size=48),
        ph.similarity(ph.load("hog"), ph.load("hog"), ["src/phosphene/photos"] * 2, layers="cells", batch=4),
    ]


def check_values(form, account, values):
    """Whether the command line's values are those of the account; a word of a class or photo has rules of its own."""
    for field in form.fields:
        if field.name not in values or field.name not in account["options"] or field.role in (Role.LABEL, Role.LABELS):
            continue
        expected, read = account["options"][field.name], field.read(values[field.name])
        read = None if read == [] else read  # as Typer hands it on
        assert (list(read) if isinstance(read, tuple) else read) in (expected, [expected])


def test_every_command_is_one_that_the_command_line_reads_and_the_python_is_a_call(unseeded):
    class Called(BaseException):
        """The arguments that the Python gives."""

    for result in results(unseeded):
        account = result.made
        name, *words = shlex.split(command_for(account))[1:]
        form = form_of(INSTRUMENTS[account["instrument"]])
        values = command_of(name).make_context(name, words).params
        values.pop("debug")
        call_of(plan_of(form), values)
        check_values(form, account, values)

        def instrument(*args, form=form, **kwargs):
            raise Called(inspect.signature(form.function).bind(*args, **kwargs).arguments)

        text = recipe(account).python
        called = types.SimpleNamespace(**{form.name: instrument})
        with pytest.raises(Called) as caught:
            eval(text, {"ph": called, "network": unseeded, "photo": ph.read(CAT)})
        given = caught.value.args[0]
        for key, value in account["options"].items():
            if key in given:
                assert given[key] == value, text
            else:
                assert form[key].default in (value, tuple(value) if isinstance(value, list) else value), text


def test_two_networks_are_two_words_of_the_command():
    one = {"opening": {"spec": "torchvision:resnet18"}, "class": "ResNet"}
    other = {"opening": {"spec": "efficientnet_lite0"}, "class": "EfficientNet"}
    account = {
        "instrument": "stitch", "networks": {"a": one, "b": other}, "images": {},
        "options": {"layer_a": None, "layer_b": "blocks.1", "images": "photos", "task": 30, "limit": 200, "seed": 0},
    }  # fmt: skip
    assert ph.stitch.__name__ == account["instrument"]
    expected = "phosphene stitch torchvision:resnet18 efficientnet_lite0 photos --layer-b blocks.1"
    assert command_for(account) == expected
    assert "ph.stitch(a, b, None, 'blocks.1', 'photos')" in python_for(account)
    seeded = {**one, "opening": {"spec": "torchvision:resnet18@none", "seed": 3}}
    assert command_for({**account, "networks": {"a": seeded, "b": other}}) == ""


def account_of(command, photo_paths=None, opening=None, **options):
    """An account with an instrument's defaults, but for these options."""
    form = form_of(ph.check if command == "check" else {**entries(), **members()}[command].function())
    embedded = {"opening": {"spec": "efficientnet_lite0", **(opening or {})}, "class": "EfficientNet"}
    opened = {field.name: embedded for field in form.of(Role.NETWORK)}
    opened |= {field.name: [embedded, embedded] for field in form.of(Role.NETWORKS)}
    photos = {name: {"name": path, "path": path, "sha256": ""} for name, path in (photo_paths or {}).items()}
    defaults = {field.name: field.default for field in form.fields if field.name not in (*opened, *photos)}
    defaults = {name: list(value) if isinstance(value, tuple) else value for name, value in defaults.items()}
    return {"instrument": form.name, "networks": opened, "images": photos, "options": {**defaults, **options}}


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        (account_of("facets", target="blocks.3:5", photos=["a.jpg", "b.jpg"], layer="blocks.1"),
         "facets blocks.3:5 a.jpg b.jpg --layer blocks.1"),
        (account_of("dream", {"images": "a.jpg", "guide": "b.jpg"}, layer="blocks.1"),
         "dream blocks.1 a.jpg --guide b.jpg"),
        (account_of("hog-twins", {"photo": "a.jpg", "start": "b.jpg"}), "hog-twins a.jpg --start b.jpg"),
        (account_of("grad-cam", {"images": "a.jpg"}, layer="blocks.1"), "grad-cam a.jpg blocks.1"),
        (account_of("check", folder="photos", limit=20), "check photos --limit 20"),
        (account_of("shared", atlas="there", layer="blocks.1"), "atlas shared there --layer blocks.1"),
        (account_of("fool", label="tiger, tiger cat", method="evolve"), "fool 'tiger, tiger cat' --method evolve"),
        (account_of("gradient", {"images": "-a.jpg"}, target="logits:1"), "gradient --target logits:1 -- -a.jpg"),
        (account_of("judge", images=["a.jpg"], methods=["lrp"], limit=3), "judge a.jpg --methods lrp --limit 3"),
        (account_of("compare-networks", images="photos", limit=9),
         "compare-networks efficientnet_lite0 efficientnet_lite0 --images photos --limit 9"),
        (account_of("dream", {"images": "a.jpg"}, {"seed": 3}, layer="blocks.1"), ""),  # its --seed is another one
        (account_of("gradient", {"images": "a.jpg"}, {"seed": 3}), "gradient a.jpg --seed 3"),
        (account_of("check", limit=None), ""),
        (account_of("robustness", folder="photos", limit=3), "robustness photos --limit 3"),
    ],
    ids=lambda each: each["instrument"] if isinstance(each, dict) else "",
)  # fmt: skip
def test_words_and_options_are_those_of_the_command(account, expected):
    line = command_for(account)
    assert line == (f"phosphene {expected}" if expected else "")
    if expected and not expected.startswith("atlas"):
        name, *words = shlex.split(line)[1:]
        command_of(name).make_context(name, words)  # raises what it can't read


def test_words_of_a_form_are_those_of_its_command():
    for entry in {**entries(), **members()}.values():
        if not entry.written_by_hand:
            form = form_of(entry.function())
            parameters = plan_of(form).parameters.values()
            words = [each.name for each in parameters if isinstance(each.annotation.__metadata__[0], ArgumentInfo)]
            assert words == [field.name for field in form.words], entry.command


def test_python_reads_numbers_that_are_not_finite():
    text = python_for(account_of("dream", {"images": "a.jpg"}, layer="blocks.1", scale=float("inf")))
    assert text.splitlines()[-1] == "ph.dream(network, images, 'blocks.1', scale=float('inf')).save(\"dream.png\")"
