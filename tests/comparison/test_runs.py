"""Long comparisons: cut into stretches for several machines, and stopped anywhere, they give what one run gives."""

import json
import pickle
import shutil
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import phosphene as ph
from phosphene.data import checkpoint, collection, passing
from phosphene.data.checkpoint import Checkpoint
from phosphene.data.sources import folder as folders

SIDE = 16


def network_of(seed: int) -> ph.Network:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU()),
            nn.Sequential(nn.Conv2d(6, 5, 3, padding=1, stride=2), nn.ReLU()),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4),
        )  # fmt: skip
    return ph.Network(module.eval(), ph.Preprocessing.plain(size=SIDE), list("abcd"))


@pytest.fixture(scope="module")
def networks():
    return network_of(0), network_of(1)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """61 photos, one of which is broken, so that batches are not all full."""
    root = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for index in range(61):
        path = root / "ab"[index % 2] / f"{index:02}.png"
        path.parent.mkdir(exist_ok=True)
        coarse = generator.integers(0, 255, (4, 4, 3), np.uint8)
        Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path)
    (root / "a" / "20.png").write_bytes(b"no image")
    return root


def asked(networks, photos):
    """Each instrument with its arguments, as a function of how it runs."""
    a, b = networks
    return {
        "equivariance": lambda **how: ph.equivariance.steps(
            a, photos, "rotate:20", layers=["0", "1"], neighbourhood=1, **how
        ),
        "invariance": lambda **how: ph.invariance.steps(a, photos, "flip-horizontal", layers=["0", "1"], **how),
        "stitch": lambda **how: ph.stitch.steps(a, b, "0", "0", photos, task=2, **how),
        "cka": lambda **how: ph.similarity.steps(a, b, photos, layers=["0", "1"], batch=8, **how),
        "networks": lambda **how: ph.compare_networks.steps([a, b], photos, **how),
        "rsa": lambda **how: ph.similarity.steps(a, b, photos, layers=["0", "1"], kind="rsa", batch=8, **how),
    }


NAMES = ["equivariance", "invariance", "stitch", "cka", "rsa", "networks"]


def numbers(result, exact=False) -> str:
    """Everything that the result says, and sums that were added in another order alike."""

    def rounded(value):
        if isinstance(value, dict):
            return {key: rounded(each) for key, each in value.items()}
        if isinstance(value, list):
            return [rounded(each) for each in value]
        if isinstance(value, float):
            return float(f"{value:.5g}") if abs(value) > 1e-9 else 0.0
        return value

    values = json.loads(json.dumps(result.to_dict()))
    for row in values.get("rows", ()):
        row.pop("images_per_second", None)  # which is measured each time
    return json.dumps(values if exact else rounded(values), indent=0)


def last(steps):
    *_, result = steps
    return result


@pytest.fixture
def apart(monkeypatch):
    """A cluster whose machines share nothing but what is sent."""
    sent = []

    def spread(address, networks, task, parts, workers=None, *, ordered=False):
        assert ordered
        data = pickle.dumps((tuple(networks), task))
        for part in parts:
            own_networks, own_task = pickle.loads(data)
            sent.append(part)
            yield pickle.loads(pickle.dumps(own_task(own_networks, pickle.loads(pickle.dumps(part)), 2)))

    monkeypatch.setattr(passing, "spread", spread)
    return sent


@pytest.mark.parametrize("name", NAMES)
def test_machines_apart_give_what_one_gives(networks, photos, apart, monkeypatch, name):
    monkeypatch.setattr(folders, "FILES", 7)
    ask = asked(networks, photos)[name]
    assert numbers(last(ask(ray="local"))) == numbers(last(ask()))
    assert len(apart) > 1


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_is_stopped_anywhere_goes_on_from_there(networks, photos, tmp_path, name):
    ask = asked(networks, photos)[name]
    whole = list(ask())
    folder = tmp_path / "run"
    for stop in (1, len(whole) // 3, 2 * len(whole) // 3, len(whole) - 1):
        steps = ask(checkpoint=folder)
        for _ in range(stop):
            next(steps)
        steps.close()
        resumed = list(ask(checkpoint=folder))
        assert numbers(resumed[-1], exact=True) == numbers(whole[-1], exact=True)
        assert resumed[-1].unreadable == whole[-1].unreadable
        assert not folder.exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_is_killed_goes_on_from_what_was_written(networks, photos, tmp_path, monkeypatch, name):
    monkeypatch.setattr(checkpoint, "EVERY_S", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 0)
    ask = asked(networks, photos)[name]
    whole = list(ask())
    steps = ask(checkpoint=tmp_path / "run")
    for _ in range(2 * len(whole) // 3):
        next(steps)
    shutil.copytree(tmp_path / "run", tmp_path / "killed")  # as a kill would leave it
    (tmp_path / "killed" / "measuring.pass.4711").write_bytes(b"half of a writing")
    steps.close()
    *_, result = ask(checkpoint=tmp_path / "killed")
    assert numbers(result, exact=True) == numbers(whole[-1], exact=True)
    assert not (tmp_path / "killed").exists()


def test_a_finished_pass_is_not_run_again(networks, photos, tmp_path):
    ask = asked(networks, photos)["equivariance"]
    words = [step.progress for step in ask()]
    first = next(index for index, word in enumerate(words) if word.startswith("measuring"))
    steps = ask(checkpoint=tmp_path / "run")
    for _ in range(first + 1):
        next(steps)
    steps.close()
    again = [step.progress for step in ask(checkpoint=tmp_path / "run")]
    assert not any(word.startswith("fitting: image") for word in again)
    assert "fitting: 48 images of before" in again


def test_a_checkpoint_of_another_run_is_refused(networks, photos, tmp_path):
    folder = tmp_path / "run"
    ask = asked(networks, photos)["cka"]
    steps = ask(checkpoint=folder)
    for _ in range(3):
        next(steps)
    steps.close()
    a, b = networks
    others = [
        ({"layers": ["0"]}, "its layers is"),
        ({"layers": ["0", "1"], "kernel": "rbf"}, "its kernel is linear, and here it is rbf"),
        ({"layers": ["0", "1"], "limit": 40}, "the images are others"),
        ({"layers": ["0", "1"], "batch": 4}, "the images are others"),
    ]
    for options, words in others:
        with pytest.raises(ValueError, match=words):
            ph.similarity(a, b, photos, checkpoint=folder, **({"batch": 8} | options))
    with pytest.raises(ValueError, match="its network 1 is"):
        ph.similarity(b, b, photos, layers=["0", "1"], batch=8, checkpoint=folder)
    with pytest.raises(ValueError, match="its instrument is similarity, and here it is invariance"):
        ph.invariance(a, photos, layers="0", checkpoint=folder)
    (folder / "comparing.pass").write_bytes(b"something else")
    with pytest.raises(ValueError, match="is no part of a run"):
        last(ask(checkpoint=folder))


def test_places_that_are_no_checkpoint_are_refused(photos, tmp_path):
    with pytest.raises(ValueError, match="holds other things than a run, such as"):
        Checkpoint(photos, {})
    (tmp_path / "file").write_text("text")
    with pytest.raises(ValueError, match="is a file; name another place"):
        Checkpoint(tmp_path / "file", {})


def test_what_a_cluster_can_not_divide_is_refused(networks, photos, apart, monkeypatch, tmp_path):
    a, _ = networks
    with pytest.raises(ValueError, match="lie in this process alone"):
        ph.similarity(a, a, [ph.read(path) for path in sorted(photos.glob("b/*.png"))], layers="0", ray="local")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(photos, "photos")
    part = ph.similarity(a, a, tmp_path / "a.tar", layers="0", ray="local", limit=30, batch=8)
    assert part.images + len(part.unreadable) == 30
    x = torch.rand(20, 3, SIDE, SIDE)
    assert ph.similarity(a, a, x, layers="0", batch=5, ray="local").images == 20
    monkeypatch.setattr(collection.ImageCollection, "batches", None)  # as of a source that is not listed first
    with pytest.raises(ValueError, match="does not say how many it has; give a limit"):
        ph.similarity(a, a, photos, layers="0", ray="local")


def test_how_a_run_went_is_in_no_account(networks, photos, apart, tmp_path):
    a, _ = networks
    result = ph.similarity(a, a, photos, layers="0", ray="local", checkpoint=tmp_path / "run")
    assert "ray" not in json.dumps(result.made["options"])
    assert result.made["options"].keys().isdisjoint({"ray", "checkpoint"})
