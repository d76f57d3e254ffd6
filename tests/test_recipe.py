"""The Python and the command that a result's account is written as."""

import inspect
import shlex
import types
from functools import cache

import pytest
import torch
import typer

import phosphene as ph
from phosphene.instrument import INSTRUMENTS
from phosphene.instrument.recipe import command_for, python_for, recipe

CAT = "src/phosphene/photos/cat.jpg"


@cache
def command_of(name):
    """The command of this name, as it is called."""
    from phosphene.cli import _single
    from phosphene.instrument.catalogue import entries

    return typer.main.get_command(_single(entries()[name]))


@pytest.fixture(scope="module")
def network():
    return ph.load("torchvision:squeezenet1_1@none", seed=3)


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


def test_a_class_is_asked_by_the_commands_own_word(network):
    result = ph.adversarial(network, ph.read(CAT), label=5, method="fgsm")
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
        ph.sensitivities(network, [photo, other], "features.3:2"),
        ph.synthesize(network, units, steps=1, size=(48, 64), robust=False),
        ph.adversarial(network, photo, 5, method="fgsm"),
        ph.why(network, photo, methods=["gradient", "guided"]),
        ph.style(network, photo, other, steps=1, size=48),
        ph.similarity(ph.load("hog"), ph.load("hog"), ["src/phosphene/photos"] * 2, layers="cells", batch=4),
    ]


def test_every_command_is_one_that_the_command_line_reads_and_the_python_is_a_call(network):
    from phosphene.commands.arguments import call_of
    from phosphene.commands.plan import plan_of
    from phosphene.instrument.form import form_of

    class Called(BaseException):
        """The arguments that the Python gives."""

    for result in results(network):
        account = result.made
        name, *words = shlex.split(command_for(account))[1:]
        form = form_of(INSTRUMENTS[account["instrument"]])
        values = command_of(name).make_context(name, words).params
        values.pop("debug")
        call_of(plan_of(form), values)

        def instrument(*args, form=form, **kwargs):
            raise Called(inspect.signature(form.function).bind(*args, **kwargs).arguments)

        text = recipe(account).python
        called = types.SimpleNamespace(**{form.name: instrument})
        with pytest.raises(Called) as caught:
            eval(text, {"ph": called, "network": network, "photo": ph.read(CAT)})
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
