"""Learning into a folder: weights with a card, a stop that loses nothing, and one sentence for what can't be."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from typer.testing import CliRunner

import phosphene as ph
import phosphene.cli
from phosphene.learning.checkpoints import folder as folders
from phosphene.learning.sets.own import data_set
from phosphene.learning.to_folder import fitting

pytest.importorskip("lightning_fabric", reason="the extra 'learning' is not installed")

SMALL = {"codes": 3, "hidden": 32}


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    return ph.learning.fit("vae", "digits", tmp_path_factory.mktemp("learned") / "vae", settings=SMALL, steps=60)


def test_the_folder_is_weights_and_a_card_that_says_how_they_came_about(learned):
    card = json.loads((learned.folder / "card.json").read_text())
    assert card["system"] == "vae"
    assert card["config"]["codes"] == 3
    assert card["config"]["shape"] == [1, 8, 8]
    assert (card["steps"], card["seed"], card["recipe"]["batch"]) == (60, 0, 128)
    assert card["data"]["train"] + card["data"]["test"] == 1797
    assert card["weights"]["numbers"] == sum(value.numel() for value in learned.system.state_dict().values())
    assert card["versions"]["torch"] == torch.__version__
    assert not any(path.suffix in (".pt", ".pkl", ".pth", ".bin") for path in learned.folder.iterdir())
    assert not (learned.folder / "resume.safetensors").exists()


def test_the_cards_numbers_are_those_of_the_weights(learned):
    again = ph.learning.open(learned.folder)
    with torch.no_grad():
        assert again.evaluate(data_set("digits").test) == pytest.approx(learned.card.numbers)


def test_the_folder_opens_as_a_network_that_instruments_look_into(learned, tmp_path):
    network = ph.load(learned.folder)
    assert network.preprocessing.size == (8, 8)
    photo = ph.read(np.full((20, 20, 3), 90, np.uint8))
    ph.activations(network, photo, "encoder.1").save(tmp_path / "activations.png")
    x = data_set("digits").test.batch(torch.arange(2)).x
    with torch.no_grad():
        assert torch.equal(network.record(x, "logits")["logits"], ph.learning.open(learned.folder).encode(x))
    assert ph.gradient(network, x[:1], "logits:1").maps.abs().max() > 0


def test_the_sheet_is_made_again_from_its_picture(learned, tmp_path):
    learned.save(tmp_path / "sheet.png")
    ph.again(tmp_path / "sheet.png").save(tmp_path / "again.png")
    assert (tmp_path / "sheet.png").read_bytes() == (tmp_path / "again.png").read_bytes()
    headings = [getattr(block, "heading", "") for block in learned.sheet().blocks]
    assert "Samples" in headings


def test_a_film_of_the_training_lies_beside_it(learned):
    with PillowImage.open(learned.folder / "training.webp") as film:
        assert film.n_frames > 5


def test_the_same_seed_writes_the_same_weights(learned, tmp_path):
    again = ph.learning.fit("vae", "digits", tmp_path / "again", settings=SMALL, steps=60)
    assert again.card.weights["sha256"] == learned.card.weights["sha256"]
    other = ph.learning.fit("vae", "digits", tmp_path / "other", settings=SMALL, steps=60, seed=1)
    assert other.card.weights["sha256"] != learned.card.weights["sha256"]


def test_a_run_that_was_left_goes_on_to_the_weights_of_one_run(learned, tmp_path):
    options = {"settings": SMALL, "steps": 60}
    steps = fitting("vae", "digits", tmp_path / "run", **options)
    for _ in range(23):
        next(steps)
    steps.close()
    assert not (tmp_path / "run" / "card.json").exists()
    with pytest.raises(ValueError, match="holds a training that was stopped; go on with resume=True"):
        next(fitting("vae", "digits", tmp_path / "run", **options))
    with pytest.raises(ValueError, match=r"training in .* has not ended"):
        ph.load(tmp_path / "run")
    with pytest.raises(ValueError, match="was of another seed: 0, not 4"):
        next(fitting("vae", "digits", tmp_path / "run", seed=4, resume=True, **options))
    with pytest.raises(ValueError, match=r"had rate 0\.001, not 0\.01"):
        next(fitting("vae", "digits", tmp_path / "run", rate=0.01, resume=True, **options))
    first, *_, last = fitting("vae", "digits", tmp_path / "run", resume=True, **options)
    assert first.step == 24
    assert last.result.card.weights["sha256"] == learned.card.weights["sha256"]
    assert not (tmp_path / "run" / "resume.safetensors").exists()


def test_ctrl_c_on_the_command_line_loses_nothing(learned, tmp_path):
    words = "learn vae --set codes=3 --set hidden=32 --steps 4000".split()
    command = [sys.executable, "-m", "phosphene", *words, "--to", str(tmp_path / "run"), "-o", str(tmp_path / "a.png")]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=_hears_ctrl_c)
    try:
        deadline = time.monotonic() + 90
        while not (tmp_path / "run").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130
    assert "of 4,000" in told
    assert "--resume goes on" in told.replace("\n", " ")
    assert "Traceback" not in told
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["resume.safetensors"]


def _hears_ctrl_c():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background commands don't


def test_a_killed_process_goes_on_from_its_last_file(tmp_path, monkeypatch):
    monkeypatch.setattr("phosphene.learning.to_folder.EVERY_S", 0.0)
    whole = ph.learning.fit("vae", "digits", tmp_path / "whole", settings=SMALL, steps=12)
    steps = fitting("vae", "digits", tmp_path / "killed", settings=SMALL, steps=12)
    for _ in range(7):
        next(steps)
    data = (tmp_path / "killed" / "resume.safetensors").read_bytes()  # what the disk holds when the process dies now
    steps.close()
    (tmp_path / "killed" / "resume.safetensors").write_bytes(data)
    result = ph.learning.fit("vae", "digits", tmp_path / "killed", settings=SMALL, steps=12, resume=True)
    assert result.card.weights["sha256"] == whole.card.weights["sha256"]


def test_a_full_disk_is_one_sentence_and_leaves_the_former_file_whole(tmp_path, monkeypatch):
    folders.write(tmp_path / "a.bin", b"before")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folders.os, "fsync", full)
    with pytest.raises(
        OSError, match=r"a.bin could not be written \(No space left on device\); the former one is whole"
    ):
        folders.write(tmp_path / "a.bin", b"after")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.bin", b"before")]


def test_weights_that_the_card_was_not_written_for_are_refused(learned, tmp_path):
    for path in learned.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    data = bytearray((tmp_path / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match="their hash differs"):
        ph.load(tmp_path)
    (tmp_path / "card.json").write_text("{")
    with pytest.raises(ValueError, match="is no card of a learned system"):
        ph.learning.open(tmp_path)


def test_minutes_become_steps_before_training_begins(tmp_path):
    *_, last = fitting("vae", "digits", tmp_path / "short", settings=SMALL, minutes=0.02, steps=100_000)
    assert 10 < last.result.card.steps < 100_000
    assert last.result.card.minutes < 0.1


@pytest.fixture
def images(tmp_path):
    """Twelve images of two classes in folders, some in colour, one broken."""
    rng = np.random.default_rng(0)
    for name in ("dark", "light"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(6):
            pixels = rng.integers(0, 120, (40, 30, 3), np.uint8) + (100 if name == "light" else 0)
            PillowImage.fromarray(pixels.astype(np.uint8)).save(tmp_path / "images" / name / f"{number}.png")
    (tmp_path / "images" / "dark" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no image")
    return tmp_path / "images"


def test_ones_own_images_are_squares_with_their_classes(images):
    held = data_set(str(images), size=16)
    assert held.shape == (3, 16, 16)
    assert held.classes == ("dark", "light")
    assert len(held.train) + len(held.test) == 12
    assert len(held.test) >= 1
    light = held.train.labels == 1
    x = held.train.x.float().mean((1, 2, 3))
    assert x[light].min() > x[~light].max()
    assert any("1 image could not be read" in note for note in held.notes)
    assert data_set(str(images), size=16, colour=False).shape == (1, 16, 16)


def test_what_is_held_out_does_not_change_when_images_are_added(images):
    before = data_set(str(images), size=8)
    for number in range(40):
        noise = np.random.default_rng(100 + number).integers(0, 255, (20, 20, 3), np.uint8)
        PillowImage.fromarray(noise).save(images / "dark" / f"more{number}.png")
    after = data_set(str(images), size=8)

    def rows(part):
        return {row.tobytes() for row in part.x.numpy()}

    if len(before.test) > 1:
        assert rows(before.test) <= rows(after.test)
    assert len(rows(before.train) & rows(after.train)) >= len(before.train) - 1


def test_a_system_learns_from_ones_own_images(images, tmp_path):
    result = ph.learning.fit("ppca", images, tmp_path / "own", settings={"components": 3}, size=8)
    assert result.system.shape == (3, 8, 8)
    assert result.card.data["classes"] == ["dark", "light"]
    assert ph.load(tmp_path / "own").preprocessing.size == (8, 8)


def test_bad_data_and_folders_are_refused_in_a_sentence(tmp_path, images):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no image"):
        ph.learning.fit("vae", tmp_path / "empty", tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="or a data set by name: digits"):
        ph.learning.fit("vae", "minst", tmp_path / "out")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "0.png").write_bytes((images / "dark" / "0.png").read_bytes())
    with pytest.raises(ValueError, match="has 1 readable image, and learning takes more"):
        ph.learning.fit("vae", tmp_path / "one", tmp_path / "out")
    with pytest.raises(ValueError, match="holds other files already"):
        ph.learning.fit("vae", "digits", images)
    with pytest.raises(ValueError, match="is a file"):
        ph.learning.fit("vae", "digits", images / "dark" / "0.png")
    with pytest.raises(ValueError, match="holds no training to go on with"):
        ph.learning.fit("vae", "digits", tmp_path / "out", resume=True)
    with pytest.raises(TypeError, match="learning vae has no setting 'rates'"):
        ph.learning.fit("vae", "digits", tmp_path / "out", rates=1)
    with pytest.raises(ValueError, match="minutes are above 0"):
        ph.learning.fit("vae", "digits", tmp_path / "out", minutes=-1)
    assert not (tmp_path / "out").exists()


def test_a_loss_that_is_no_number_ends_in_a_sentence(tmp_path):
    with pytest.raises(
        ArithmeticError, match=r"the loss of 'network' is .* at step .* a smaller learning rate may help"
    ):
        ph.learning.fit("vae", "digits", tmp_path / "out", settings=SMALL, steps=200, rate=1e12)


def test_the_command_learns_and_lists(tmp_path):
    run = CliRunner()
    words = ["learn", "ppca", "--set", "components=4", "--to", str(tmp_path / "p"), "-o", str(tmp_path / "p.png")]
    ran = run.invoke(phosphene.cli.app, words)
    assert ran.exit_code == 0, ran.output
    assert "log density" in ran.output
    assert ph.read_made(tmp_path / "p.png")["made"]["instrument"] == "learned"
    assert "density-network" in run.invoke(phosphene.cli.app, ["learn", "list"]).output
    for words, sentence in {
        ("learn", "vae", "--set", "codez=3"): "a setting of vae (codes,",
        ("learn", "vae", "--set", "codes=few"): "codes is a whole number, not 'few'",
        ("learn", "gam"): "there is no system 'gam'",
        ("learned", str(tmp_path)): "holds no card.json",
    }.items():
        ran = run.invoke(phosphene.cli.app, list(words))
        assert ran.exit_code == 2
        assert sentence in " ".join(ran.output.split())


def test_classics_say_what_to_do_where_they_are_not_there(monkeypatch, tmp_path):
    import torchvision

    def offline(*_, **__):
        raise OSError("no way out")

    monkeypatch.delenv("PHOSPHENE_DATA", raising=False)
    monkeypatch.setattr(torchvision.datasets, "MNIST", offline)
    with pytest.raises(LookupError, match=r"mnist is not on this machine and could not be downloaded \(no way out\)"):
        data_set("mnist")


@pytest.mark.skipif("PHOSPHENE_DATA" not in os.environ, reason="PHOSPHENE_DATA names no folder of data sets")
@pytest.mark.parametrize(
    ("name", "shape", "counts"),
    [
        ("mnist", (1, 28, 28), (60_000, 10_000)),
        ("fashion-mnist", (1, 28, 28), (20_000, 10_000)),
        ("cifar10", (3, 32, 32), (50_000, 10_000)),
    ],
)
def test_classics_of_a_folder_are_whole(name, shape, counts):
    if not any(Path(os.environ["PHOSPHENE_DATA"]).glob(f"{name.replace('-', '_')}*.npz")):
        pytest.skip(f"{name} is not in the folder")
    held = data_set(name)
    assert held.shape == shape
    assert (len(held.train), len(held.test)) == counts
    assert held.train.labels.bincount().min() > 1000
