"""One word opens a network, leaves everything else as it was, and fails in one sentence."""

import io
import os
import random
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision.models as tv
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from phosphene.network.labels import Labels
from phosphene.network.opening import from_timm as source_timm
from phosphene.network.opening import from_torchvision as source_torchvision
from phosphene.network.opening.loading import load
from phosphene.network.opening.sources import names, open_source
from phosphene.network.preprocessing import Preprocessing

DATA = Path(os.environ.get("PHOSPHENE_DATA", Path(__file__).parents[3] / "shared" / "data"))
with_data = pytest.mark.skipif(not (DATA / "SOURCES.md").exists(), reason=f"the shared data is not at {DATA}")


class Tiny(nn.Module):
    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)
        self.fc = nn.Linear(5, classes)

    def forward(self, x):
        return self.fc(self.conv(x).mean((2, 3)))


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No server answers, and nothing has been downloaded."""
    monkeypatch.setattr(source_torchvision, "reachable", lambda url: False)
    monkeypatch.setattr(source_timm, "reachable", lambda url: False)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))


def photos(count: int) -> tuple[list[np.ndarray], torch.Tensor]:
    with zipfile.ZipFile(DATA / "imagenet_photos_700.zip") as archive:
        files = [name for name in archive.namelist() if name.endswith(".jpg")][:: 700 // count][:count]
        pixels = [np.array(Image.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in files]
    return pixels, torch.tensor([int(name[:4]) for name in files])


def top1(source, count: int) -> float:
    pixels, truth = photos(count)
    with torch.inference_mode():
        scores = source.module(torch.cat([source.preprocessing.prepare(each) for each in pixels]))
    return (scores.argmax(1) == truth).float().mean().item()


# the embedded default


@with_data
def test_the_embedded_network_classifies_photos():
    assert top1(open_source(), 50) >= 0.8  # 87.9 % of all 700


@with_data
@pytest.mark.parametrize(
    ("name", "share"), [("squeezenet1_1", 0.5), ("mobilenet_v2", 0.65)]
)  # 60.5 % and 78.3 % of all 1,000
def test_a_weights_file_with_many_networks_classifies_photos(name, share):
    source = open_source(f"{DATA}/cnn_weights.safetensors#{name}/", architecture=f"torchvision:{name}")
    assert all(parameter.dtype == torch.float32 for parameter in source.module.parameters())
    assert source.labels[99] == "goose"
    assert top1(source, 50) >= share


def test_the_embedded_network_needs_no_name_and_no_download(offline):
    source = open_source()
    assert source.spec == "efficientnet_lite0"
    assert not source.module.training
    assert source.labels.index("goose") == 99
    assert source.preprocessing == Preprocessing.from_timm(timm.get_pretrained_cfg("tf_efficientnet_lite0"))


# random weights


@pytest.mark.parametrize(
    "spec", ["torchvision:squeezenet1_1@none", "timm:resnet10t@none", "timm:resnet10t.c3_in1k@none"]
)
def test_random_weights_come_from_the_seed_alone(spec):
    def weights(seed: int) -> torch.Tensor:
        return torch.cat([p.flatten() for p in open_source(spec, seed=seed).module.parameters()])

    torch.manual_seed(1)
    first = weights(0)
    torch.manual_seed(2)
    assert torch.equal(first, weights(0))
    assert not torch.equal(first, weights(1))


@pytest.mark.parametrize("spec", [None, "torchvision:squeezenet1_1@none", "timm:resnet10t@none", "own"])
def test_opening_leaves_the_generators_and_the_default_dtype_alone(spec, tmp_path):
    if spec == "own":
        (tmp_path / "own.py").write_text(
            "import torch, random, numpy\n"
            "def build():\n"
            "    torch.set_default_dtype(torch.float64); torch.manual_seed(5); random.seed(5); numpy.random.seed(5)\n"
            "    return torch.nn.Conv2d(3, 2, 1)\n"
        )
        spec = f"{tmp_path}/own.py:build"

    def state():
        return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()

    before, path = state(), list(sys.path)
    open_source(spec)
    assert state() == before
    assert torch.get_default_dtype() == torch.float32
    assert sys.path == path


def test_random_weights_take_preprocessing_and_labels_from_metadata():
    source = open_source("torchvision:resnet18@none")
    assert source.preprocessing == Preprocessing.from_torchvision(tv.ResNet18_Weights.DEFAULT)
    assert source.labels.index("goose") == 99
    assert source.notes[0] == "random weights, seed 0"
    ten = open_source("torchvision:squeezenet1_1@none", classes=10)
    assert ten.labels == Labels(None, 10)
    assert ten.module(torch.zeros(1, 3, 64, 64)).shape == (1, 10)


@pytest.mark.parametrize(
    ("spec", "count"),
    [("torchvision:lraspp_mobilenet_v3_large@none", 21), ("torchvision:ssdlite320_mobilenet_v3_large@none", 91)],
)
def test_segmentation_and_detection_networks_open(spec, count):
    source = open_source(spec)
    assert len(source.labels) == count
    assert source.preprocessing.crop == "none"
    with torch.inference_mode():
        source.module(torch.zeros(1, 3, 64, 96))


def test_networks_whose_builders_warn_open_silently():
    open_source("torchvision:googlenet@none")


# weights files


def filled(module: nn.Module) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    return {
        name: torch.rand(value.shape, generator=generator).to(value.dtype)
        for name, value in module.state_dict().items()
    }


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": {f"module.{k}": v for k, v in state.items()}},
        lambda state: {f"_orig_mod.module.{k}": v for k, v in state.items()},
        lambda state: {"n_averaged": torch.tensor(4), **{f"module.{k}": v for k, v in state.items()}},
        lambda state: {k: v.half() for k, v in state.items()},
    ],
)
def test_what_training_code_wraps_around_weights_is_taken_off(wrapped, tmp_path):
    state = filled(Tiny())
    torch.save(wrapped(state), tmp_path / "weights.pth")
    source = open_source(f"{tmp_path}/weights.pth", architecture=Tiny)
    for name, value in source.module.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=1e-3, atol=1e-3)
        assert value.dtype == torch.float32
    assert source.labels == Labels(None, 4)


def test_the_head_gets_as_many_classes_as_the_file_has(tmp_path):
    state = filled(tv.squeezenet1_1(num_classes=7))
    save_file(state, tmp_path / "seven.safetensors")
    source = open_source(f"{tmp_path}/seven.safetensors", architecture="torchvision:squeezenet1_1")
    assert torch.equal(source.module.state_dict()["classifier.1.bias"], state["classifier.1.bias"])
    assert source.labels == Labels(None, 7)
    named = open_source("torchvision:squeezenet1_1", weights=f"{tmp_path}/seven.safetensors", labels=list("abcdefg"))
    assert named.labels.index("c") == 2


def test_an_architecture_can_be_a_module_which_stays_as_it_is(tmp_path):
    save_file(filled(Tiny()), tmp_path / "weights.safetensors")
    own = Tiny()
    before = {name: value.clone() for name, value in own.state_dict().items()}
    source = open_source(f"{tmp_path}/weights.safetensors", architecture=own)
    assert all(torch.equal(value, before[name]) for name, value in own.state_dict().items())
    assert own.training
    assert not torch.equal(source.module.state_dict()["fc.bias"], before["fc.bias"])


def test_weights_that_do_not_fit_say_how(tmp_path):
    state = filled(Tiny())
    state["fc.weights"] = state.pop("fc.weight")
    state["conv.bias"] = torch.zeros(6)
    save_file(state, tmp_path / "weights.safetensors")
    with pytest.raises(
        ValueError, match=r"does not fit Tiny: 1 missing \(fc\.weight\), 1 unexpected \(fc\.weights; near"
    ) as e:
        open_source(f"{tmp_path}/weights.safetensors", architecture=Tiny)
    assert "1 of another shape (conv.bias is (6,) for (5,))" in str(e.value)


@with_data
def test_a_missing_prefix_names_those_of_the_file():
    file = f"{DATA}/cnn_weights.safetensors"
    with pytest.raises(ValueError, match=r"write FILE#PREFIX .*squeezenet1_1/"):
        open_source(file, architecture="torchvision:squeezenet1_1")
    with pytest.raises(LookupError, match=r"begins with 'squeezenet1_2/'.*near it: squeezenet1_1/"):
        open_source(f"{file}#squeezenet1_2/", architecture="torchvision:squeezenet1_1")


def test_files_that_hold_no_weights_say_what_to_do(tmp_path):
    def refusal(name: str) -> str:
        with pytest.raises(ValueError) as error:
            open_source(f"{tmp_path}/{name}", architecture=Tiny)
        return str(error.value)

    torch.save(Tiny(), tmp_path / "module.pth")
    (tmp_path / "junk.pth").write_bytes(b"not weights")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "junk.safetensors").write_bytes(b"not weights")
    torch.save({"lr": 0.1}, tmp_path / "config.pth")
    torch.save([torch.zeros(3)], tmp_path / "list.pth")
    assert "whole pickled module" in refusal("module.pth")
    assert "save its state_dict()" in refusal("module.pth")
    assert "is not a" in refusal("junk.pth")
    assert "is not a sound weights file" in refusal("empty.pth")
    assert "not a sound safetensors file" in refusal("junk.safetensors")
    assert "no tensors by name but a dict with the keys lr" in refusal("config.pth")
    assert "but a list" in refusal("list.pth")


def test_a_pickle_is_never_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    torch.save({"state_dict": {}, "extra": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match="never unpickled"):
        open_source(f"{tmp_path}/evil.pth", architecture=Tiny)
    assert not (tmp_path / "ran").exists()


# one's own code


def test_own_code_opens_from_a_file_and_from_the_current_directory(tmp_path, monkeypatch):
    (tmp_path / "own_network.py").write_text(
        "from torch import nn\n"
        "def build():\n    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
        "def named(classes=2):\n    return build(), None, ['a', 'b', 'c']\n"
        "def wrong():\n    return 'network'\n"
        "def broken():\n    return nn.Conv2d(3, 4, 1).undefined\n"
    )
    monkeypatch.chdir(tmp_path)
    for spec in ("own_network:build", "own_network.py:build"):
        source = open_source(spec)
        assert not source.module.training
        assert source.preprocessing.colour == "grey"
        assert source.labels == Labels(None, 3)
    assert open_source("own_network:named").labels.index("b") == 1
    with pytest.raises(TypeError, match=r"own_network:wrong returned str; it should return a torch\.nn\.Module"):
        open_source("own_network:wrong")
    with pytest.raises(ValueError, match="own_network:broken raised AttributeError"):
        open_source("own_network:broken")
    with pytest.raises(LookupError, match="'buid' is not in own_network; near it: build"):
        open_source("own_network:buid")
    with pytest.raises(LookupError, match="no Python module 'own_netwrk'"):
        open_source("own_netwrk:build")
    with pytest.raises(FileNotFoundError, match=r"gone\.py is not a file"):
        open_source("gone.py:build")
    sys.modules.pop("own_network", None)


def test_own_code_may_return_a_network_with_all_that_it_says(tmp_path):
    (tmp_path / "whole.py").write_text(
        "import torch\nfrom torch import nn\nimport phosphene as ph\n"
        "def build(classes=2):\n"
        "    module = nn.Sequential(nn.Conv2d(3, classes, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
        "    way = ph.Preprocessing(size=(24, 16), resize=None, mean=(0.5,) * 3, std=(0.25,) * 3)\n"
        "    return ph.Network(module, way, ['a', 'b'], head='sigmoid', notes=['made here'])\n"
        "ready = build()\n"
        "def unsaid():\n    return ph.Network(build().module)\n"
        "def long():\n    return build().module, None, None, 'sigmoid'\n"
        "def odd():\n    return 'a', None\n"
    )
    for name in ("build", "ready"):
        spec = f"{tmp_path}/whole.py:{name}"
        network = load(spec)
        assert network.spec == spec
        assert network.preprocessing == Preprocessing(size=(24, 16), resize=None, mean=(0.5,) * 3, std=(0.25,) * 3)
        assert list(network.labels) == ["a", "b"]
        assert network.head == "sigmoid"
        assert "made here" in network.notes
    assert load(spec, head="softmax").head == "softmax"
    assert list(load(spec, labels=["c", "d"]).labels) == ["c", "d"]
    assert load(f"{tmp_path}/whole.py:unsaid").labels == Labels(None, 2)
    with pytest.raises(TypeError, match="returned 4 values; it should return"):
        load(f"{tmp_path}/whole.py:long")
    with pytest.raises(TypeError, match="a tuple that begins with str; it should return"):
        load(f"{tmp_path}/whole.py:odd")


def test_a_network_that_own_code_returns_says_what_the_weights_in_a_file_mean(tmp_path):
    (tmp_path / "frame.py").write_text(
        "from torch import nn\nimport phosphene as ph\n"
        "def build(classes=2):\n"
        "    module = nn.Sequential(nn.Conv2d(3, classes, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
        "    return ph.Network(module, ph.Preprocessing.plain(24), ['a', 'b'], head='sigmoid')\n"
    )
    for classes in (2, 5):
        save_file(
            {"0.weight": torch.rand(classes, 3, 3, 3), "0.bias": torch.zeros(classes)}, tmp_path / "w.safetensors"
        )
        network = load(tmp_path / "w.safetensors", architecture=f"{tmp_path}/frame.py:build")
        assert network.head == "sigmoid"
        assert network.preprocessing == Preprocessing.plain(24)
        assert network.labels == (Labels(("a", "b")) if classes == 2 else Labels(None, 5))
        assert any("names 2 classes and the file has 5" in note for note in network.notes) == (classes == 5)


# every failure is a sentence


@pytest.mark.parametrize(
    ("spec", "options", "kind", "sentence"),
    [
        ("torchvision:resnet19", {}, LookupError, "'resnet19' is not a network of torchvision; near it: resnet1"),
        ("torchvision:resnet18@V9", {}, LookupError, "no weights 'V9'; it has IMAGENET1K_V1, DEFAULT, and none"),
        ("torchvision:r3d_18", {}, ValueError, "takes video or pairs of images"),
        ("torchvision:quantized_resnet18", {}, ValueError, "open torchvision:resnet18 instead"),
        ("torchvision:", {}, ValueError, "names no network"),
        ("timm:resnet51", {}, LookupError, "'resnet51' is not a network of timm; near it: "),
        ("timm:resnet50.a9_in1k", {}, LookupError, "timm:resnet50 has no weights 'a9_in1k'; it has .*a1_in1k"),
        ("timm:resnet50@a1_in1k", {}, LookupError, r"part of the name: .*timm:resnet50\.a1_in1k"),
        ("resnet18", {}, LookupError, "does not say where it is from; write torchvision:resnet18"),
        ("efficientnet_lite", {}, LookupError, "near it: efficientnet_lite0"),
        ("hf-hub:resnet50", {}, LookupError, "write hf-hub:OWNER/NAME"),
        ("gone.safetensors", {"architecture": "timm:resnet18"}, FileNotFoundError, "gone.safetensors is not a file"),
        ("torchvision:alexnet", {"classes": 10}, ValueError, "torchvision:alexnet@none"),
        (None, {"architecture": "timm:resnet18"}, ValueError, "architecture= has no meaning"),
        (17, {}, TypeError, "not int"),
    ],
)
def test_a_wrong_name_is_answered_in_a_sentence(spec, options, kind, sentence):
    with pytest.raises(kind, match=sentence):
        open_source(spec, **options)


def test_weights_without_an_architecture_ask_for_one(tmp_path):
    save_file(filled(Tiny()), tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match="add architecture='torchvision:NAME'"):
        open_source(f"{tmp_path}/weights.safetensors")
    with pytest.raises(ValueError, match="architecture 'resnet18' does not say where it is from"):
        open_source(f"{tmp_path}/weights.safetensors", architecture="resnet18")


@pytest.mark.parametrize("spec", ["torchvision:resnet18", "timm:resnet18.a1_in1k", "hf-hub:timm/resnet18.a1_in1k"])
def test_weights_that_cannot_be_downloaded_say_so_at_once(spec, offline, capfd):
    start = time.monotonic()
    with pytest.raises(LookupError, match=r"not on this machine and could not be downloaded .*@none"):
        open_source(spec)
    assert time.monotonic() - start < 5
    assert capfd.readouterr() == ("", "")


def test_a_server_that_does_not_answer_is_unreachable():
    from phosphene.network.opening.download import reachable

    assert not reachable("http://127.0.0.1:9/file.pth")


def test_downloaded_weights_open_without_asking_any_server(offline):
    file = source_torchvision.default_weights_file("squeezenet1_1")
    file.parent.mkdir(parents=True)
    state = filled(tv.squeezenet1_1())
    torch.save(state, file)
    source = open_source("torchvision:squeezenet1_1")
    assert torch.equal(source.module.state_dict()["classifier.1.bias"], state["classifier.1.bias"])
    assert source.spec == "torchvision:squeezenet1_1@IMAGENET1K_V1"
    assert [listed.spec for listed in names("torchvision") if listed.here] == ["torchvision:squeezenet1_1"]


@pytest.mark.parametrize("spec", ["timm:resnet10t.c3_in1k", "hf-hub:timm/resnet10t.c3_in1k"])
def test_cached_hub_weights_open_while_the_hub_is_away(spec, offline, tmp_path):
    import json

    repo = tmp_path / "hf" / "models--timm--resnet10t.c3_in1k"
    snapshot = repo / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0" * 40)
    (snapshot / "config.json").write_text(json.dumps({"architecture": "resnet10t", "num_classes": 1000}))
    state = filled(timm.create_model("resnet10t"))
    save_file(state, snapshot / "model.safetensors")
    source = open_source(spec)
    assert torch.equal(source.module.state_dict()["fc.bias"], state["fc.bias"])
    assert "timm:resnet10t.c3_in1k" in {listed.spec for listed in names("timm") if listed.here}


# the list


def test_the_list_names_what_can_be_opened():
    assert [(listed.spec, listed.here) for listed in names("embedded")] == [("efficientnet_lite0", True)]
    assert {"torchvision:resnet18", "torchvision:fcn_resnet50"} <= {listed.spec for listed in names("torchvision")}
    assert {listed.spec for listed in names(pattern="resnet50.a1_*")} == {"timm:resnet50.a1_in1k"}
    assert all("lite0" in listed.spec for listed in names(pattern="lite0"))
    with pytest.raises(LookupError, match="kinds are embedded, torchvision, timm"):
        names("keras")


def test_importing_the_sources_loads_neither_timm_nor_torchvision():
    code = "import sys, phosphene.network.opening.sources; print(sorted({'timm', 'torchvision'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
