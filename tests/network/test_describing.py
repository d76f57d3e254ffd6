"""A module that says something of its input and its classes is believed, and nothing is made up for the others."""

import timm
import torch
import torchvision
from torch import nn
from torchvision.transforms import v2

from phosphene import Network, Preprocessing
from phosphene.network.labels import Labels, imagenet
from phosphene.network.module import built_size

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Wrapped(nn.Module):
    """Code of which nothing is known, around a model."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(2 * x - 1)


def small_vit(**options) -> nn.Module:
    return timm.create_model("vit_tiny_patch16_224", embed_dim=24, depth=1, num_heads=2, **options)


def test_a_timm_model_brings_its_own_preprocessing_and_labels():
    module = timm.create_model("resnet10t")
    network = Network(module)
    assert network.preprocessing == Preprocessing.from_timm(timm.get_pretrained_cfg("resnet10t"))
    assert network.preprocessing.size == (176, 176)
    assert tuple(network.labels) == imagenet()
    assert "pretrained_cfg (resnet10t.c3_in1k)" in network.notes[0]
    assert "class names of the 1,000 classes" in network.notes[1]


def test_what_is_given_wins_over_what_the_module_says():
    module, way = timm.create_model("resnet10t"), Preprocessing.plain(64)
    network = Network(module, way, ["a", "b"])
    assert (network.preprocessing, tuple(network.labels), network.notes) == (way, ("a", "b"), ())
    assert tuple(Network(module, way).labels) == imagenet()
    assert Network(module, labels=["a", "b"]).preprocessing.size == (176, 176)


def test_a_timm_model_built_for_another_size_wants_that_one():
    assert built_size(small_vit()) == (224, 224)
    network = Network(small_vit(img_size=(96, 64)))
    assert network.preprocessing.size == (96, 64)
    assert network.preprocessing.mean == (0.5, 0.5, 0.5)
    assert network.layers()[-1].shape == (1000,)
    dinov2 = Network(timm.create_model("vit_small_patch14_dinov2", embed_dim=24, depth=1, num_heads=2))
    assert dinov2.preprocessing.size == (518, 518)
    assert dinov2.layers()
    assert Network(small_vit(img_size=96, features_only=True, out_indices=(0,))).preprocessing.size == (96, 96)


def test_another_head_has_no_class_names():
    module = timm.create_model("resnet10t")
    module.fc = nn.Linear(module.num_features, 4)
    assert Network(module).labels == Labels(None, 4)
    assert Network(timm.create_model("resnet10t", num_classes=7)).labels == Labels(None, 7)
    assert Network(timm.create_model("resnet10t", num_classes=0)).labels == Labels()


def test_a_grey_timm_model_is_normalised_by_the_mean_of_the_colours():
    network = Network(timm.create_model("resnet10t", in_chans=1))
    assert network.preprocessing.colour == "grey"
    assert network.preprocessing.mean == (sum(IMAGENET_MEAN) / 3,)
    assert "assumed" in network.notes[1]
    assert Network(timm.create_model("resnet10t", in_chans=4)).channels == 4


def test_a_chain_that_normalises_takes_values_between_0_and_1():
    model = timm.create_model("resnet10t").eval()
    inner = Network(model)
    for normalize in (torchvision.transforms.Normalize, v2.Normalize):
        chain = Network(nn.Sequential(normalize(IMAGENET_MEAN, IMAGENET_STD), model, nn.Softmax(1)))
        assert chain.preprocessing.size == (176, 176)
        assert chain.preprocessing.interpolation == inner.preprocessing.interpolation
        assert tuple(chain.labels) == imagenet()
        images = torch.rand(1, 3, 64, 64)
        torch.testing.assert_close(
            chain.record(chain.normalise(images), "1")["1"], inner.record(inner.normalise(images), "logits")["logits"]
        )
    other = Network(nn.Sequential(torchvision.transforms.Normalize(0.5, 0.5), model, nn.Linear(1000, 3)))
    assert other.preprocessing.mean == (0, 0, 0)
    assert other.labels == Labels()
    assert "by other numbers" in other.notes[0]
    assert Network(nn.Sequential(model)).preprocessing == inner.preprocessing


def test_code_around_a_model_may_do_anything_so_only_a_fixed_size_is_taken():
    network = Network(Wrapped(small_vit(img_size=96)))
    assert network.preprocessing == Preprocessing.plain(96)
    assert "Wrapped may normalise by itself" in network.notes[0]
    assert "Network(module.model).preprocessing" in network.notes[0]
    assert Network(Wrapped(timm.create_model("resnet10t"))).preprocessing == Preprocessing.plain()


def test_torchvisions_networks_say_their_size_and_detectors_all():
    vit = torchvision.models.VisionTransformer(96, 16, 1, 2, 24, 24, num_classes=3)
    assert Network(vit).preprocessing == Preprocessing.plain(96)
    assert "Preprocessing.from_torchvision(weights)" in Network(vit).notes[0]
    detector = torchvision.models.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
    assert Network(detector).preprocessing == Preprocessing((320, 320), crop="none")
    resnet = Network(torchvision.models.resnet18())
    assert resnet.preprocessing == Preprocessing.plain()
    assert "preprocessing not known" in resnet.notes[0]


def test_a_module_that_says_nothing_is_plain_and_without_notes():
    network = Network(nn.Conv2d(3, 2, 1))
    assert (network.preprocessing, network.labels, network.notes) == (Preprocessing.plain(), Labels(), ())


def test_own_code_that_builds_a_timm_model_opens_with_its_settings(tmp_path):
    import phosphene

    file = tmp_path / "own.py"
    file.write_text(
        "import timm\ndef build(classes=5):\n    return timm.create_model('resnet10t', num_classes=classes)\n"
    )
    network = phosphene.load(f"{file}:build")
    assert network.preprocessing.size == (176, 176)
    assert network.labels == Labels(None, 5)
    assert "pretrained_cfg" in network.notes[0]
