"""What is far beyond memory is refused at once, in a sentence with the number that would fit."""

import re

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.network import room


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(12, 5),
    )  # fmt: skip
    return ph.Network(module.eval(), ph.Preprocessing.plain(32), ["a", "b", "c", "d", "e"])


PHOTO = ph.read(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
MANY = 10**10
ASKED = {
    "class_image batch": lambda network: ph.class_image(network, "a", batch=MANY),
    "class_image steps": lambda network: ph.class_image(network, "a", steps=10**15),
    "synthesize batch": lambda network: ph.synthesize(network, ["0:1", "2:3"], batch=MANY),
    "starts random": lambda network: ph.starts(network, "0:1", random=MANY),
    "diverse images": lambda network: ph.diverse(network, "0:1", images=MANY),
    "unit_image images": lambda network: ph.unit_image(network, "0:1", images=MANY),
    "side_by_side images": lambda network: ph.side_by_side([network, network], "logits:a", images=MANY),
    "invert restarts": lambda network: ph.invert(network, PHOTO, "2", restarts=MANY),
    "fool children": lambda network: ph.fool(network, "a", method="evolve", children=MANY),
    "dream zoom": lambda network: ph.dream(network, PHOTO, "2", zoom=10**15),
    "hog orientations": lambda network: ph.hog(PHOTO, orientations=10**12),
    "hog_inverse restarts": lambda network: ph.hog_inverse(PHOTO, restarts=MANY),
    "integrated steps": lambda network: ph.integrated_gradients(network, PHOTO, steps=10**9),
    "integrated middle": lambda network: ph.integrated_gradients(network, PHOTO, steps=10**12, rule="middle"),
    "rise masks": lambda network: ph.rise(network, PHOTO, masks=10**12),
    "smooth batch": lambda network: ph.smooth_grad(network, PHOTO, samples=10**12, batch=10**12),
}


@pytest.mark.parametrize("ask", ASKED)
def test_what_is_far_beyond_memory_is_refused_at_once(ask, network, unchanged):
    with unchanged(network.module), pytest.raises(ValueError, match=r"this machine has .* at most [\d,]+ would fit"):
        ASKED[ask](network)


def test_places_of_a_window_beyond_memory_are_refused(network, monkeypatch):
    monkeypatch.setattr(room, "memory", lambda device=None: 10**6)
    with pytest.raises(ValueError, match=r"^4,096 places of a window of 1 × 1 px \(a larger stride has fewer\)"):
        ph.occlusion(network, torch.zeros(1, 3, 64, 64), stride=1, window=1)


def test_the_number_that_is_said_to_fit_is_not_refused(network):
    with pytest.raises(ValueError, match="would fit") as refused:
        room.check_room(10**9, 10**6, "batch={}")
    most = int(re.search(r"at most ([\d,]+) would fit", str(refused.value))[1].replace(",", ""))
    room.check_room(most, 10**6, "batch={}")
    with pytest.raises(ValueError, match="would fit"):
        room.check_room(most + 1, 10**6, "batch={}")


def test_a_limit_of_a_container_counts(monkeypatch, tmp_path):
    whole = room.memory()
    (tmp_path / "max").write_text("max\n")
    (tmp_path / "limit").write_text("123456\n")
    monkeypatch.setattr(room, "CGROUPS", (str(tmp_path / "max"), str(tmp_path / "none")))
    assert room.memory() == whole or whole is None
    monkeypatch.setattr(room, "CGROUPS", (str(tmp_path / "max"), str(tmp_path / "limit")))
    assert room.memory() == 123456
    with pytest.raises(ValueError, match="not even the fewest would fit"):
        room.check_room(1, 200_000, "{} images")


def test_a_system_that_does_not_tell_refuses_nothing(monkeypatch):
    monkeypatch.setattr(room.os, "sysconf", lambda name: (_ for _ in ()).throw(ValueError))
    assert room.memory() is None
    room.check_room(10**15, 10**15, "{} images")


def test_layers_after_the_last_that_is_read_are_not_counted(network):
    early, late = (room.backward_bytes(network, (32, 32), [name]) for name in ("0", "logits:a"))
    assert early == 4 * 8 * 16 * 16
    assert late == early + 4 * 12 * 8 * 8 + 4 * 5


@pytest.mark.parametrize("spec", ["efficientnet_lite0", "torchvision:resnet18@none", "timm:vit_tiny_patch16_224@none"])
def test_what_is_counted_is_less_than_what_autograd_holds(spec):
    network = ph.load(spec)
    held = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes()
        return tensor

    x = torch.rand(1, 3, 224, 224, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        network.module(x).sum()
    weights = {p.untyped_storage().data_ptr() for p in network.module.state_dict().values()}
    total = sum(size for place, size in held.items() if place not in weights)
    assert 0.1 * total < room.backward_bytes(network, (224, 224), ["logits"]) <= total


def test_what_fits_is_made_as_before(network):
    assert ph.class_image(network, "a", batch=3, steps=2).images.shape == (3, 3, 32, 32)
    assert ph.rise(network, PHOTO, masks=4, batch=1000).masks == 4
    assert ph.smooth_grad(network, PHOTO, samples=2, batch=10**9).values.shape == (1, 3, 32, 32)


def test_large_images_are_refused_before_the_network_runs(monkeypatch):
    wide = ph.Network(
        nn.Sequential(nn.Conv2d(3, 64, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), ph.Preprocessing.plain(32)
    )
    monkeypatch.setattr(room, "WORTH", 0)
    monkeypatch.setattr(room, "memory", lambda device=None: 300_000)
    with pytest.raises(ValueError, match=r"batch=2: images of 32 × 32 px and what Sequential computes of them"):
        ph.class_image(wide, 3, batch=2, steps=1)
    with pytest.raises(ValueError, match=r"photos=1: images of 64 × 64 px and what Sequential computes of them"):
        ph.dream(wide, ph.read(np.zeros((64, 64, 3), np.uint8)), "0", octaves=1, steps=1)


def test_patches_and_neighbours_without_end_are_refused(network, tmp_path):
    from PIL import Image

    for index in range(3):
        (tmp_path / "set").mkdir(exist_ok=True)
        Image.fromarray(PHOTO.pixels).save(tmp_path / "set" / f"{index}.png")
    with pytest.raises(ValueError, match=r"k=1,000,000,000,000: the strongest patches of 8 units"):
        ph.Atlas.build(network, tmp_path / "set", tmp_path / "atlas", layers="0", k=10**12)
    assert not (tmp_path / "atlas").exists()
    atlas = ph.Atlas.build(network, tmp_path / "set", tmp_path / "atlas", layers="0", features="2")
    with pytest.raises(ValueError, match=r"k=1,000,000,000,000: the neighbours of 1 query"):
        atlas.neighbours("0.png", k=10**12)
