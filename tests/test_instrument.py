"""Results know how they were made, and `again` makes the same picture from what a file says."""

import json
import shutil
import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin
from torch import nn

import phosphene as ph
from phosphene.inspection.activations import activations
from phosphene.inspection.filters import filters


@pytest.fixture(scope="module")
def network():
    return ph.load()


@pytest.fixture
def cat(tmp_path):
    shutil.copy(str(files("phosphene") / "photos" / "cat.jpg"), tmp_path / "cat.jpg")
    return ph.read(str(tmp_path / "cat.jpg"))


def pixels(path):
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


@pytest.mark.parametrize("suffix", [".png", ".webp", ".svg"])
def test_again_makes_the_same_file_bit_for_bit(network, cat, tmp_path, suffix):
    first = activations(network, cat, "blocks.1").picture(order="strongest", map="sequential")
    path = first.save(tmp_path / f"first{suffix}", theme="dark")
    second = ph.again(path).save(tmp_path / f"second{suffix}", theme="dark")
    assert path.read_bytes() == second.read_bytes()


def test_a_result_says_instrument_network_photo_options_and_versions(network, cat):
    made = activations(network, cat, "blocks.1", channel=3).made
    assert made["instrument"] == "activations"
    assert made["networks"]["network"]["opening"] == {"spec": "efficientnet_lite0"}
    assert made["networks"]["network"]["fingerprint"] == network.fingerprint
    assert made["images"]["images"]["sha256"] == cat.sha256
    assert made["options"] == {"layer": "blocks.1", "channel": 3}
    assert made["versions"]["torch"] == torch.__version__.split("+")[0]
    json.dumps(made)


def test_a_photo_without_a_path_travels_in_the_picture(network, tmp_path):
    photo = ph.read(np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8))
    path = activations(network, photo, "blocks.0").save(tmp_path / "noise.png")
    remade = ph.again(path).save(tmp_path / "again.png")
    np.testing.assert_array_equal(pixels(path), pixels(remade))


def test_a_moved_photo_is_found_beside_the_picture_or_where_it_is_said_to_be(network, cat, tmp_path):
    path = activations(network, cat, "blocks.0").save(tmp_path / "first.png")
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "cat.jpg", tmp_path / "elsewhere" / "cat.jpg")
    with pytest.raises(FileNotFoundError, match="say where it is with --photo"):
        ph.again(path)
    assert ph.again(path, tmp_path / "elsewhere" / "cat.jpg")
    shutil.move(path, tmp_path / "elsewhere" / "first.png")
    assert ph.again(tmp_path / "elsewhere" / "first.png")


def test_another_photo_under_the_same_name_is_refused(network, cat, tmp_path):
    path = activations(network, cat, "blocks.0").save(tmp_path / "first.png")
    shutil.copy(str(files("phosphene") / "photos" / "coffee.jpg"), tmp_path / "cat.jpg")
    with pytest.raises(ValueError, match="is not the photo"):
        ph.again(path)


def test_pictures_of_networks_that_have_no_name_and_other_files_are_refused_in_words(tmp_path):
    own = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 5)))
    path = filters(own).save(tmp_path / "own.png")
    with pytest.raises(ValueError, match="a Sequential that Python code built"):
        ph.again(path)
    Image.new("RGB", (4, 4)).save(tmp_path / "foreign.png")
    with pytest.raises(ValueError, match=r"foreign\.png"):
        ph.again(tmp_path / "foreign.png")


def test_a_network_with_changed_weights_is_not_taken_for_the_same(tmp_path):
    network = ph.load()
    with torch.no_grad():
        network.module.conv_stem.weight[0, 0, 0, 0] += 1
    path = filters(network).save(tmp_path / "changed.png")
    with pytest.raises(ValueError, match="other weights"):
        ph.again(path)


def test_a_network_of_random_weights_is_opened_again_from_its_seed(tmp_path):
    network = ph.load("torchvision:squeezenet1_1@none", seed=7)
    path = filters(network).save(tmp_path / "random.png")
    np.testing.assert_array_equal(pixels(path), pixels(ph.again(path).save(tmp_path / "again.png")))


def forged(path, record):
    """A PNG that carries the record, as anybody could write it."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt("phosphene", json.dumps(record))
    Image.new("RGB", (4, 4)).save(path, pnginfo=info)
    return path


def test_again_works_in_an_interpreter_that_has_opened_nothing_else(network, cat, tmp_path):
    drawn = [filters(network).save(tmp_path / "filters.png"), ph.guided(network, cat).save(tmp_path / "guided.png")]
    script = "import sys, phosphene as ph; [ph.again(path) for path in sys.argv[1:]]"
    done = subprocess.run([sys.executable, "-c", script, *map(str, drawn)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


CODE = """
from pathlib import Path
import torch

Path(__file__).with_suffix(".ran").touch()

def build():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5))
"""


@pytest.mark.parametrize("spec", ["evil_mod:build", "{folder}/evil_mod.py:build"])
@pytest.mark.parametrize("where", ["spec", "architecture", "weights"])
def test_code_that_a_file_names_is_run_only_on_trust(tmp_path, monkeypatch, spec, where):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil_mod.py").write_text(CODE)
    spec = spec.format(folder=tmp_path)
    torch.save(nn.Sequential(nn.Conv2d(3, 4, 5)).state_dict(), tmp_path / "own.pth")
    opening = {
        "spec": {"spec": spec},
        "architecture": {"spec": "own.pth", "architecture": spec},
        "weights": {"spec": spec, "weights": "own.pth"},
    }[where]
    made = filters(ph.Network(nn.Sequential(nn.Conv2d(3, 4, 5)))).made
    made["networks"]["network"]["opening"] = opening
    path = forged(tmp_path / "forged.png", {"made": made})
    with pytest.raises(ValueError, match=r"names Python code as its network.*trust=True.*--trust"):
        ph.again(path)
    assert not (tmp_path / "evil_mod.ran").exists()
    with pytest.raises(ValueError, match="other weights"):  # it was run, and is random
        ph.again(path, trust=True)
    assert (tmp_path / "evil_mod.ran").exists()
    sys.modules.pop("evil_mod", None)


def test_networks_of_catalogues_hubs_and_files_need_no_trust(tmp_path):
    from phosphene.network.opening.loading import runs_code

    torch.save({}, tmp_path / "own.pth")
    own = str(tmp_path / "own.pth")
    data = [
        {"spec": "efficientnet_lite0"},
        {"spec": "torchvision:resnet18@none", "seed": 3},
        {"spec": "timm:resnet18", "weights": "none"},
        {"spec": "hf-hub:timm/resnet18.a1_in1k"},
        {"spec": own, "architecture": "timm:resnet18", "classes": 4},
        {"spec": "torchvision:resnet18", "weights": own},
    ]
    assert [runs_code(**opening) for opening in data] == [None] * len(data)
    assert runs_code("hf-hub:evil", weights=own) == "hf-hub:evil"  # with a weights file, a spec names an architecture
    assert runs_code(own, "hf-hub:evil") == "hf-hub:evil"


def spoiled(made, *keys, value=None):
    """The account with one part of it replaced, or taken out."""
    made = json.loads(json.dumps(made))
    at = made
    for key in keys[:-1]:
        at = at[key]
    if value is None:
        del at[keys[-1]]
    else:
        at[keys[-1]] = value
    return {"made": made}


def test_damaged_records_are_told_in_one_sentence(network, cat, tmp_path):
    made = activations(network, cat, "blocks.1").picture().made
    records = [
        {},
        {"made": 3},
        {"made": {"instrument": ["a"]}},
        {"made": {"instrument": "nosuch", "networks": {}, "images": {}, "options": {}}},
        {"made": {"instrument": "activations", "networks": {}, "images": {}, "options": {}}},
        *(spoiled(made, key) for key in ("instrument", "networks", "images", "options")),
        *(spoiled(made, key, value="text") for key in ("networks", "images", "options", "picture")),
        *(spoiled(made, "networks", "network", key) for key in ("opening", "preprocessing", "fingerprint")),
        spoiled(made, "networks", "network", "opening", value={"spec": 3}),
        spoiled(made, "networks", "network", "opening", value={"code": "x"}),
        spoiled(made, "networks", "network", "preprocessing", value={"size": "large"}),
        spoiled(made, "images", "images", "sha256"),
        spoiled(made, "images", "images", value=[]),
        spoiled(made, "images", "images", "path"),
        spoiled(made, "images", "images", value={"name": "a", "sha256": "b", "pixels": "?"}),
        spoiled(made, "options", "layer"),
        spoiled(made, "options", "chanel", value=3),
        spoiled(made, "picture", "colums", value=3),
        spoiled(made, "picture", "columns", value="three"),
    ]
    for number, record in enumerate(records):
        path = forged(tmp_path / f"damaged{number}.png", record)
        with pytest.raises(ValueError, match=rf"the record in .*damaged{number}\.png' is damaged \("):
            ph.again(path)


# ---- what instruments refuse


def test_a_module_is_opened_as_a_network():
    module = nn.Sequential(nn.Conv2d(3, 4, 5))
    network = ph.load(module, labels=["a", "b", "c", "d"])
    assert isinstance(network, ph.Network)
    assert network.module is module
    assert network.labels[1] == "b"
    with pytest.raises(ValueError, match="classes= has no meaning for a module"):
        ph.load(module, classes=3)
    with pytest.raises(TypeError, match="not int"):
        ph.load(3)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda net, cat: ph.filters(nn.Sequential(nn.Conv2d(3, 4, 5))),
            "filters takes a phosphene.Network first, not Sequential; wrap your module: ph.Network(module)",
        ),
        (
            lambda net, cat: ph.activations(cat, net, "blocks.1"),
            "activations takes a phosphene.Network first, not Photo: activations(network, images, layer, channel)",
        ),
        (
            lambda net, cat: ph.draw("torchvision:resnet18"),
            "draw takes a phosphene.Network first, not str; open the network by its name: "
            "ph.load('torchvision:resnet18')",
        ),
        (
            lambda net, cat: ph.strongest(net, cat, 3),
            "strongest takes a name as its layer, not int: strongest(network, photo, layer, k)",
        ),
        (
            lambda net, cat: ph.activations(net, cat),
            "activations: missing a required argument: 'layer'; it is called as "
            "activations(network, images, layer, channel)",
        ),
        (
            lambda net, cat: ph.draw(net, style="table"),
            "draw has no option 'style'; it is an option of its picture: ph.draw(...).save(path, style=...)",
        ),
        (
            lambda net, cat: ph.activations(net, cat, "blocks.1", theme="dark"),
            "activations has no option 'theme'; it is an option of saving its picture: "
            "ph.activations(...).save(path, theme=...)",
        ),
        (
            lambda net, cat: ph.activations(net, cat, "blocks.1", chanel=3),
            "activations has no option 'chanel'; near it: channel",
        ),
        (
            lambda net, cat: ph.activations(net, cat, "blocks.1", column=3),
            "activations has no option 'column'; near it: columns, which its picture takes: "
            "ph.activations(...).save(path, ...)",
        ),
        (
            lambda net, cat: ph.filters(net, xyzzy=3),
            "filters has no option 'xyzzy'; it takes network, layer",
        ),
        (
            lambda net, cat: ph.activations(net, cat, "blocks.1").picture(column=3),
            "the picture of activations has no option 'column'; near it: columns",
        ),
        (
            lambda net, cat: ph.activations(net, cat, "blocks.1").save("x.png", them="dark"),
            "the picture of activations has no option 'them'; near it: theme",
        ),
        (
            lambda net, cat: ph.activations(net, cat, "blocks.1").picture(channel=3),
            "the picture has no option 'channel'; it is an option of activations: ph.activations(..., channel=...)",
        ),
        (
            lambda net, cat: ph.draw(net).picture(theme="dark"),
            "the picture has no option 'theme'; it is an option of save: .save(path, theme=...)",
        ),
        (
            lambda net, cat: ph.strongest(net, cat, "blocks.1", k=1).picture(zebra=1),
            "the picture of strongest has no option 'zebra'; it takes none",
        ),
    ],
)
def test_a_call_that_can_not_be_meant_is_one_sentence(network, cat, call, told):
    with pytest.raises(TypeError) as refused:
        call(network, cat)
    assert str(refused.value) == told


def test_a_picture_remembers_the_head_that_its_network_was_told(tmp_path):
    network = ph.load(head="sigmoid")
    photo = ph.read(str(files("phosphene") / "photos" / "cat.jpg"))
    path = ph.gradient(network, photo, "probabilities:Egyptian cat").save(tmp_path / "cat.png")
    assert ph.read_made(path)["made"]["networks"]["network"]["opening"]["head"] == "sigmoid"
    assert ph.again(path).caption == ph.gradient(network, photo, "probabilities:Egyptian cat").picture().caption
