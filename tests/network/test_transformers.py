"""Models of transformers: their image processors, class names and folders. Tiny ones, made here."""

import json
import shutil
import sys

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from timm.models import save_for_hf
from torchvision.models import ResNet18_Weights
from typer.testing import CliRunner

import phosphene.cli
from phosphene import Network, Preprocessing
from phosphene.network.describing.of_transformers import stored_processor
from phosphene.network.opening import from_timm as source_timm
from phosphene.network.opening.loading import runs_code

transformers = pytest.importorskip("transformers", reason="transformers is not installed")

# DPT and LeViT are left out: their models are, too
CLASSES = "ViT DeiT Bit CLIP ConvNext Beit Segformer MobileNetV2 MobileViT PoolFormer Levit EfficientNet Siglip".split()


def photo(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(height * width)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    return np.array(coarse.resize((width, height), Image.Resampling.BICUBIC))


def processor(name: str, **options):
    """The class whose resizing is PIL's: its own since transformers 5, the only one before."""
    kind = getattr(transformers, f"{name}ImageProcessorPil", None) or getattr(transformers, f"{name}ImageProcessor")
    return kind(**options)


def small_vit(**options):
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    return transformers.ViTForImageClassification(transformers.ViTConfig(**sizes, **{"image_size": 64, **options}))


@pytest.mark.parametrize(
    ("name", "options"), [*((name, {}) for name in CLASSES), ("ConvNext", {"size": {"shortest_edge": 224}})]
)
def test_the_input_is_bit_for_bit_what_the_image_processor_makes(name, options):
    theirs = processor(name, **options)
    way = Preprocessing.from_transformers(theirs)
    for size in ((300, 451), (251, 333), (97, 64)):  # with odd margins, and smaller than the crop
        expected = theirs(Image.fromarray(photo(*size)), return_tensors="np")["pixel_values"]
        assert np.array_equal(way.prepare(photo(*size)).numpy(), np.asarray(expected)), size
    assert Preprocessing.from_transformers(theirs.to_dict()) == way
    assert Preprocessing.from_dict(json.loads(json.dumps(way.to_dict()))) == way


def test_an_image_processor_is_taken_as_the_preprocessing():
    network = Network(small_vit(), transformers.ViTImageProcessor(size={"height": 64, "width": 64}))
    assert network.preprocessing.size == (64, 64)
    assert network.preprocessing.mean == (0.5, 0.5, 0.5)
    with pytest.raises(TypeError, match="not ImageClassification; torchvision's weights become one by"):
        Network(small_vit(), ResNet18_Weights.DEFAULT.transforms())


def test_settings_without_a_class_are_taken_by_their_names():
    settings = {
        "do_resize": True,
        "size": 32,
        "resample": 3,
        "do_normalize": True,
        "image_mean": 0.5,
        "image_std": [0.25],
    }
    way = Preprocessing.from_transformers(settings)
    assert (way.size, way.interpolation, way.mean, way.std) == ((32, 32), "bicubic", (0.5,) * 3, (0.25,) * 3)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: transformers.DetrImageProcessor(), "DetrImageProcessor.* prepares images by steps of its own"),
        (lambda: {"do_resize": True, "size": {"shortest_edge": 8, "longest_edge": 9}}, "bounds the longer side"),
        (lambda: {"do_resize": True, "size": {"longest_edge": 9}}, "a size that is not known"),
    ],
)
def test_a_processor_with_other_steps_is_refused(made, words):
    with pytest.raises(ValueError, match=words):
        Preprocessing.from_transformers(made())


def test_the_class_names_and_the_size_are_those_of_the_config(unchanged):
    module = small_vit(id2label={0: "cat", 1: "dog", 2: "cow"})
    with unchanged(module):
        network = Network(module)
        assert tuple(network.labels) == ("cat", "dog", "cow")
        assert network.preprocessing == Preprocessing.plain(64)
        assert network.classify(photo_tensor(), k=1)[0].label in ("cat", "dog", "cow")
    assert "the module was not opened from files" in network.notes[0]
    assert "config.id2label" in network.notes[1]
    assert Network(small_vit(num_labels=7)).labels.names is None
    module.classifier = torch.nn.Linear(24, 5)
    assert (Network(module).labels.names, Network(module).labels.count) == (None, 5)


def photo_tensor() -> torch.Tensor:
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_the_image_processor_beside_the_weights_is_read(tmp_path):
    small_vit().save_pretrained(tmp_path)
    assert "there is no preprocessor_config.json at" in Network(reopened(tmp_path)).notes[0]
    theirs = transformers.ViTImageProcessor(size={"height": 64, "width": 64}, image_mean=(0.1, 0.2, 0.3))
    theirs.save_pretrained(tmp_path)
    network = Network(reopened(tmp_path))
    assert network.preprocessing == Preprocessing.from_transformers(theirs)
    assert str(tmp_path) in network.notes[0]


def reopened(folder):
    return transformers.ViTForImageClassification.from_pretrained(folder)


def test_a_file_does_not_decide_which_code_prepares_images(tmp_path):
    small_vit().save_pretrained(tmp_path)
    settings = {"image_processor_type": "AutoModel", "do_resize": True, "size": 64, "do_normalize": False}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    assert "AutoModel prepares images by steps of its own" in Network(reopened(tmp_path)).notes[0]


# folders, and the hub's cache


@pytest.fixture
def folder(tmp_path):
    """A folder that save_pretrained wrote, with an image processor beside the weights."""
    torch.manual_seed(1)
    small_vit(id2label={0: "cat", 1: "dog", 2: "cow"}).save_pretrained(tmp_path)
    transformers.ViTImageProcessor(size={"height": 64, "width": 64}).save_pretrained(tmp_path)
    return tmp_path


def test_a_folder_opens_with_its_weights_labels_and_image_processor(folder):
    network = phosphene.load(folder)
    assert tuple(network.labels) == ("cat", "dog", "cow")
    assert network.preprocessing.mean == (0.5, 0.5, 0.5)
    assert network.notes[0] == f"weights {folder} in ViTForImageClassification"
    assert not network.module.training
    x = photo_tensor()
    with torch.no_grad():
        assert torch.equal(network.record(x, "logits")["logits"], reopened(folder).eval()(x).logits)
    assert phosphene.load(folder).fingerprint == network.fingerprint
    assert runs_code(str(folder)) is None


def test_opening_a_folder_prints_nothing(folder, capfd):
    capfd.readouterr()
    phosphene.load(folder)
    assert capfd.readouterr() == ("", "")


def test_half_precision_weights_are_opened_as_float32(folder):
    reopened(folder).half().save_pretrained(folder)
    assert {p.dtype for p in phosphene.load(folder).module.parameters()} == {torch.float32}


def changed(folder, **config):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **config}))


def test_what_is_no_whole_network_of_images_is_refused_in_a_sentence(folder):
    state = load_file(folder / "model.safetensors")
    save_file({k: v for k, v in state.items() if not k.startswith("classifier")}, folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"lacks 2 of the weights of ViTForImageClassification \(classifier.bias, "):
        phosphene.load(folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"holds only pytorch_model.bin, whose pickles are never opened"):
        phosphene.load(folder)
    changed(folder, architectures=["OwnModel"], auto_map={"AutoModel": "own.OwnModel"})
    with pytest.raises(LookupError, match=r"names the class OwnModel.*code that comes with a model is never run"):
        phosphene.load(folder)
    changed(folder, architectures=["BertModel"])
    with pytest.raises(ValueError, match="is a BertModel, which takes input_ids, not images alone"):
        phosphene.load(folder)
    changed(folder, architectures=[])
    with pytest.raises(ValueError, match="names neither a model of transformers nor one of timm"):
        phosphene.load(folder)
    (folder / "config.json").unlink()
    with pytest.raises(ValueError, match=r"is a folder without config\.json"):
        phosphene.load(folder)


def test_a_missing_library_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(LookupError, match=r"not installed; pip install 'phosphene\[transformers\]'"):
        phosphene.load(folder)


def test_a_timm_folder_opens(tmp_path):
    module = timm.create_model("resnet10t", num_classes=3)
    save_for_hf(module, tmp_path, model_config={"label_names": ["a", "b", "c"]})
    network = phosphene.load(tmp_path)
    assert network.preprocessing.size == (176, 176)
    assert torch.equal(network.module.conv1[0].weight, module.conv1[0].weight)


def test_a_model_in_the_hubs_cache_opens_while_the_hub_is_away(folder, tmp_path_factory, monkeypatch):
    cache = tmp_path_factory.mktemp("hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(source_timm, "reachable", lambda url: False)
    snapshot = cache / "models--someone--vit" / "snapshots" / "abc"
    shutil.copytree(folder, snapshot)
    (cache / "models--someone--vit" / "refs").mkdir()
    (cache / "models--someone--vit" / "refs" / "main").write_text("abc")
    network = phosphene.load("hf-hub:someone/vit")
    assert network.spec == "hf-hub:someone/vit"
    assert tuple(network.labels) == ("cat", "dog", "cow")
    assert stored_processor("someone/vit")["size"] == {"height": 64, "width": 64}
    assert stored_processor("not a repository") is None


def test_the_command_line_opens_a_folder(folder):
    done = CliRunner().invoke(
        phosphene.cli.app, ["layers", "--network", str(folder), "--match", "classifier", "--json"]
    )
    assert json.loads(done.stdout)[-1]["shape"] == [3]
