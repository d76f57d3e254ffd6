"""Transfer: the head is logistic regression, nothing is lost by a stop, and the folder opens as the same network."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
import transfer_toys as toys
from torch import nn
from torch.nn import functional
from typer.testing import CliRunner

import phosphene as ph
import phosphene.cli
from phosphene.learning.transfer import transferring
from phosphene.learning.transfer.early import early_look
from phosphene.learning.transfer.features import features
from phosphene.learning.transfer.head import score_layer, with_head
from phosphene.learning.transfer.photos import photo_folder
from phosphene.learning.transfer.probe import Probe, Scale, probe_for
from phosphene.learning.transfer.range_test import judged
from phosphene.learning.transfer.split import held_out

pytest.importorskip("lightning_fabric", reason="the extra 'learning' is not installed")

WHOLE = {"whole": True, "steps": 6, "rate": 0.01, "augment": "photo", "batch": 8}


@pytest.fixture(scope="module", autouse=True)
def short():
    """Fewer steps of the layer of scores, which converge well enough where they are not what is tested."""
    recipe = Probe.recipe
    Probe.recipe = replace(recipe, steps=120)
    yield recipe
    Probe.recipe = recipe


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return toys.folder(tmp_path_factory.mktemp("photos") / "colours", 12)


@pytest.fixture(scope="module")
def frozen(photos, tmp_path_factory):
    return ph.transfer(toys.build(), photos, tmp_path_factory.mktemp("frozen") / "net")


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory):
    return ph.transfer(toys.build(), photos, tmp_path_factory.mktemp("whole") / "net", **WHOLE)


def outcome(network):
    return ph.learning.learned(network.spec)


# ---- what it is


def test_the_result_is_a_network_of_the_folders_classes(frozen, photos):
    assert isinstance(frozen, ph.Network)
    assert list(frozen.labels) == ["blue", "green", "red"]
    assert frozen.accuracy == outcome(frozen).accuracy.share
    assert 0 <= frozen.right.low <= frozen.accuracy <= frozen.right.high <= 1
    photo = ph.read(photos / "red" / "0-000.png")
    assert frozen.scores(photo).shape == (1, 3)
    assert ph.gradient(frozen, photo, "logits:red").values.abs().max() > 0


def test_accuracy_is_that_of_the_network_on_the_photos_that_the_card_holds_out(frozen, photos):
    held = photo_folder(photos)
    for _ in held.read(lambda photo: 0):
        pass
    learned, out = held.split(0.2)
    right = 0
    for at in out:
        one = held.photos[at]
        right += frozen.classify(held.photo(one), k=1)[0].index == one.label
    assert frozen.accuracy == right / len(out)
    card = outcome(frozen).card
    assert card.data["sha256"] == {"train": held.hash_of(learned), "test": held.hash_of(out)}
    assert np.array(card.outcome["confusion"]).sum() == len(out)


@pytest.mark.parametrize("penalty", [0.1, 1.0])
def test_the_frozen_head_is_scikit_learns_logistic_regression(photos, tmp_path, penalty, short, monkeypatch):
    from sklearn.linear_model import LogisticRegression

    monkeypatch.setattr(Probe, "recipe", short)
    network = toys.build()
    result = ph.transfer(network, photos, tmp_path / "net", penalty=penalty)
    held = photo_folder(photos)
    inputs = [x for _, values, _, _ in held.read(network.prepare) for x in values]
    read = features(network.module, score_layer(network), torch.cat(inputs)).double().numpy()
    labels = np.array([one.label for one in held.photos])
    learned, out = held.split(0.2)
    scaled = read / np.sqrt(read[learned].var(0).mean())
    oracle = LogisticRegression(C=penalty, tol=1e-10, max_iter=10_000).fit(scaled[learned], labels[learned])
    ours = result.probabilities(result.scores(torch.cat([inputs[at] for at in out]))).numpy()
    np.testing.assert_allclose(ours, oracle.predict_proba(scaled[out]), atol=2e-4)


def test_features_are_what_the_layer_of_scores_is_given(photos):
    network = toys.build()
    x = network.prepare(ph.read(photos / "red" / "0-000.png"))
    by_hand = network.module.body(x).mean((2, 3))
    assert torch.equal(features(network.module, score_layer(network), x), by_hand)


def test_weights_for_scaled_features_serve_for_the_features_themselves():
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(40, 5, generator=chance) * torch.tensor([1.0, 100.0, 0.01, 3.0, 0.0]) + 7
    scale = Scale.of(x)
    probe = probe_for(x, 3, 1.0)
    nn.init.normal_(probe.linear.weight, generator=chance)
    weight, bias = scale.raw(probe)
    expected = probe.linear(scale.examples(x, torch.zeros(40)).x)
    torch.testing.assert_close(functional.linear(x, weight, bias), expected, rtol=1e-4, atol=2e-3)


# ---- what it leaves alone, and what is the same each time


@pytest.mark.parametrize("options", [{}, WHOLE], ids=["frozen", "whole"])
def test_the_network_that_it_begins_with_stays_bit_for_bit(photos, tmp_path, unchanged, options):
    network = toys.build()
    with unchanged(network.module):
        ph.transfer(network, photos, tmp_path / "net", **options)


def test_frozen_all_other_weights_are_those_of_the_network(frozen):
    before, after = toys.build().module.state_dict(), frozen.module.state_dict()
    assert {
        name for name in after if not name.startswith("top") and not torch.equal(before[name], after[name])
    } == set()


def test_whole_all_weights_move_and_batch_norms_keep_their_statistics(whole):
    before, after = toys.build().module.state_dict(), whole.module.state_dict()
    still = {name for name in after if not name.startswith("top") and torch.equal(before[name], after[name])}
    assert still == {"body.1.running_mean", "body.1.running_var", "body.1.num_batches_tracked"}


@pytest.mark.parametrize("options", [{}, WHOLE], ids=["frozen", "whole"])
def test_the_same_seed_writes_the_same_bytes(photos, tmp_path, request, options):
    former = request.getfixturevalue("whole" if options else "frozen")
    torch.manual_seed(123)  # the caller's own generator is no part of it
    again = ph.transfer(toys.build(), photos, tmp_path / "again", **options)
    for file in ("weights.safetensors", "worst.safetensors"):
        assert (tmp_path / "again" / file).read_bytes() == (tmp_path / former.spec / file).read_bytes()
    assert again.card.numbers == former.card.numbers


def test_another_seed_augments_otherwise(whole, photos, tmp_path):
    other = ph.transfer(toys.build(), photos, tmp_path / "other", seed=1, **WHOLE)
    assert other.fingerprint != whole.fingerprint


# ---- the folder


def spec_of_file() -> str:
    return f"{toys.__file__}:build"


def test_the_folder_holds_weights_and_a_card_and_no_pickle(frozen):
    from pathlib import Path

    names = sorted(path.name for path in Path(frozen.spec).iterdir())
    assert names == ["card.json", "weights.safetensors", "worst.safetensors"]
    card = json.loads((Path(frozen.spec) / "card.json").read_text())
    assert card["system"] == "transfer"
    assert card["config"]["layer"]["name"] == "top"


def test_a_network_of_a_library_opens_again_with_the_same_scores(photos, tmp_path):
    result = ph.transfer(ph.load("torchvision:squeezenet1_1@none"), photos, tmp_path / "net", classes=["red", "blue"])
    again = ph.load(tmp_path / "net")
    photo = ph.read(photos / "red" / "0-000.png")
    assert torch.equal(again.scores(photo), result.scores(photo))
    assert again.fingerprint == result.fingerprint
    assert list(again.labels) == ["red", "blue"]
    assert again.accuracy == result.accuracy
    assert result.card.config["base"] == {"spec": "torchvision:squeezenet1_1@none"}
    assert "right for" in again.notes[0]
    assert isinstance(again.module.classifier[2], nn.Identity)  # the ReLU that would cut scores off
    other = ph.transfer(again, photos, tmp_path / "second")  # a transfer of a transfer
    assert torch.equal(ph.load(tmp_path / "second").scores(photo), other.scores(photo))
    assert other.card.config["base"] == result.card.config["base"]


def test_a_network_built_in_python_is_opened_with_what_it_began_with(frozen, photos):
    assert frozen.card.config["base"] is None
    assert any("has no name that opens it again" in note for note in frozen.card.notes)
    with pytest.raises(
        ValueError, match=r"Python code built, which no file can name; open it by ph.load\(FOLDER, arch"
    ):
        ph.load(frozen.spec)
    photo = ph.read(photos / "red" / "0-000.png")
    for architecture in (toys.build(), toys.build().module, lambda: toys.Small(7)):
        again = ph.load(frozen.spec, architecture=architecture)
        assert torch.equal(again.scores(photo), frozen.scores(photo))
    with pytest.raises(ValueError, match="can't be opened as transfer"):
        ph.load(frozen.spec, architecture=toys.Small(width=5))
    with pytest.raises(ValueError, match="has no layer 'top', where the class scores come from"):
        ph.load(frozen.spec, architecture="torchvision:squeezenet1_1")
    assert outcome(frozen).sheet().blocks


def test_code_that_a_card_names_runs_only_where_it_is_named_again(photos, tmp_path):
    ph.transfer(ph.load(spec_of_file()), photos, tmp_path / "net")
    card = json.loads((tmp_path / "net" / "card.json").read_text())
    assert card["config"]["base"]["spec"] == spec_of_file()
    with pytest.raises(ValueError, match=r"opening it would run that code; if you trust it, say so: ph.load"):
        ph.load(tmp_path / "net")
    assert ph.load(tmp_path / "net", architecture=spec_of_file()).accuracy == card["numbers"]["accuracy"]


def test_the_sheet_is_made_again_from_its_picture_and_knows_both_themes(frozen, tmp_path):
    result = outcome(frozen)
    result.save(tmp_path / "sheet.png")
    result.save(tmp_path / "dark.png", theme="dark")
    ph.again(tmp_path / "sheet.png").save(tmp_path / "again.png")
    assert (tmp_path / "sheet.png").read_bytes() == (tmp_path / "again.png").read_bytes()
    assert (tmp_path / "dark.png").read_bytes() != (tmp_path / "sheet.png").read_bytes()
    rows = result.table().rows
    assert [row[0] for row in rows] == ["all", "blue", "green", "red"]
    assert sum(int(row[2]) for row in rows[1:]) == rows[0][2]
    assert json.dumps(result.to_dict())


def test_the_worst_photos_are_the_wrong_ones_with_the_largest_losses(frozen):
    stated = outcome(frozen).card.outcome["worst"]
    keys = [(each["right"], -each["loss"]) for each in stated]
    assert keys == sorted(keys)
    assert all(each["right"] == (each["answer"] == each["truth"]) for each in stated)
    assert all(each["true"] == pytest.approx(np.exp(-each["loss"]), rel=1e-4) for each in stated)
    assert outcome(frozen).card.outcome["why"]["method"] == "cam"


# ---- stops


@pytest.mark.parametrize("taken", [2, 5])
def test_a_run_that_was_stopped_goes_on_to_the_weights_of_one_run(whole, photos, tmp_path, taken):
    steps = transferring(toys.build(), photos, tmp_path / "run", **WHOLE)
    for moment in steps:
        if moment.progress.startswith("network:") and moment.step == taken:
            break
    steps.close()
    assert not (tmp_path / "run" / "card.json").exists()
    with pytest.raises(ValueError, match="holds a training that was stopped; go on with resume=True"):
        next(transferring(toys.build(), photos, tmp_path / "run", **WHOLE))
    with pytest.raises(ValueError, match=r"training in .* has not ended"):
        ph.load(tmp_path / "run")
    for other, sentence in ({"seed": 3}, "another seed"), ({"augment": "none"}, "with augment photo, not none"):
        with pytest.raises(ValueError, match=sentence):
            list(transferring(toys.build(), photos, tmp_path / "run", resume=True, **{**WHOLE, **other}))
    seen = list(transferring(toys.build(), photos, tmp_path / "run", resume=True, **WHOLE))
    assert seen[-1].result.fingerprint == whole.fingerprint
    assert seen[-1].result.card.losses["network"] == whole.card.losses["network"]
    assert [moment.step for moment in seen if moment.progress.startswith("network:")] == list(range(taken + 1, 7))
    assert not (tmp_path / "run" / "resume.safetensors").exists()


def test_a_stopped_head_goes_on_too(frozen, photos, tmp_path):
    steps = transferring(toys.build(), photos, tmp_path / "run")
    for moment in steps:
        if moment.progress.startswith("head:") and moment.step == 40:
            break
    steps.close()
    *_, last = transferring(toys.build(), photos, tmp_path / "run", resume=True)
    assert last.result.fingerprint == frozen.fingerprint


def test_a_full_disk_is_one_sentence_and_the_former_file_stays(photos, tmp_path, monkeypatch):
    from phosphene.learning.checkpoints import folder as folders

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("phosphene.learning.transfer.course.EVERY_S", 0.0)
    steps = transferring(toys.build(), photos, tmp_path / "run", **WHOLE)
    for moment in steps:
        if moment.progress.startswith("network:"):
            break
    before = (tmp_path / "run" / "resume.safetensors").read_bytes()
    monkeypatch.setattr(folders.os, "fsync", full)
    with pytest.raises(OSError, match=r"could not be written \(No space left on device\); the former one is whole"):
        list(steps)
    assert (tmp_path / "run" / "resume.safetensors").read_bytes() == before
    monkeypatch.undo()
    *_, last = transferring(toys.build(), photos, tmp_path / "run", resume=True, **WHOLE)
    assert last.result.accuracy >= 0


def test_ctrl_c_on_the_command_line_loses_nothing(photos, tmp_path):
    words = f"transfer {photos} -n {spec_of_file()} --whole --steps 40000 --rate 0.001 --minutes 60".split()
    command = [sys.executable, "-m", "phosphene", *words, "--to", str(tmp_path / "run"), "-o", str(tmp_path / "a.png")]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=_hears_ctrl_c)
    try:
        deadline = time.monotonic() + 90
        while not (tmp_path / "run" / "resume.safetensors").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130
    assert "--resume goes on" in told.replace("\n", " ")
    assert "Traceback" not in told


def _hears_ctrl_c():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background commands don't


# ---- the split


def hashes(count: int, seed: int = 0) -> list[str]:
    return [bytes(row).hex() for row in np.random.default_rng(seed).integers(0, 256, (count, 32), np.uint8)]


def test_adding_photos_moves_no_former_one_to_the_other_side():
    digests, labels = hashes(300), [at % 5 for at in range(300)]
    sides = held_out(digests, labels)
    for seed in range(1, 6):
        more = hashes(100, seed)
        assert held_out(digests + more, labels + [at % 5 for at in range(100)])[:300] == sides
    assert 0.14 < sum(sides) / 300 < 0.26


def test_folds_have_no_photo_in_common_and_hold_out_each_once():
    digests, labels = hashes(200), [0] * 200
    sides = [held_out(digests, labels, 0.2, fold) for fold in range(5)]
    assert [sum(several) for several in zip(*sides, strict=True)] == [1] * 200
    with pytest.raises(ValueError, match=r"folds of 0\.2 of the photos are 0 to 4, not 5"):
        held_out(digests, labels, 0.2, 5)


def test_copies_are_on_one_side_and_every_class_has_both():
    for seed in range(40):
        digests = hashes(12, seed)
        digests += digests[:4]  # copies
        labels = [at % 4 for at in range(12)] + [0, 1, 2, 3]
        sides = held_out(digests, labels)
        assert sides[12:] == sides[:4]
        for label in range(4):
            assert len({side for side, own in zip(sides, labels, strict=True) if own == label}) == 2


def test_what_is_held_out_does_not_hang_on_names_or_order(photos, tmp_path):
    def held(source):
        found = photo_folder(source)
        for _ in found.read(lambda photo: 0):
            pass
        return found.hash_of(found.split(0.2)[1])

    for file in sorted(photos.rglob("*.png")):
        there = tmp_path / file.parent.name / f"z{hash(file.name) % 1000:03d}{file.name}"
        there.parent.mkdir(exist_ok=True)
        shutil.copy(file, there)
    assert held(photos) == held(tmp_path)


# ---- what is looked at before


def test_it_says_before_it_runs_what_it_learns_from_and_whether_four_photos_can_be_learned(photos, tmp_path):
    notices = [
        moment.notice for moment in transferring(toys.build(), photos, tmp_path / "net", **WHOLE) if moment.notice
    ]
    assert any("photos to learn from" in notice and "by heart" in notice for notice in notices)
    assert any("augmentation.webp shows" in notice for notice in notices)
    assert any("learning all weights: 6 steps of 8 photos" in notice for notice in notices)
    assert (tmp_path / "net" / "augmentation.webp").is_file()


def test_what_cannot_be_learned_by_heart_is_said(tmp_path):
    class Blind(toys.Small):
        def forward(self, x):
            return super().forward(x * 0)

    source = toys.folder(tmp_path / "photos", 6)
    result = ph.transfer(ph.Network(toys.seeded(Blind), ph.Preprocessing.plain(20)), source, tmp_path / "net")
    assert any("could not learn even 4 photos by heart" in note for note in result.card.notes)
    assert "could not learn" in outcome(result).sheet().caption


def test_what_is_only_slow_to_learn_is_no_reason_for_a_warning(photos):
    network = toys.build()
    module = with_head(network, score_layer(network), 3)
    some = [ph.read(photos / name / "0-000.png") for name in ("blue", "green", "red")]
    x = torch.cat([network.prepare(photo) for photo in some])
    fine, sentence = early_look(module, x, torch.arange(3), "softmax", rates=1)
    assert fine
    assert "by heart" in sentence


def test_the_learning_rate_finder_draws_its_curve_and_marks_the_chosen_rate(photos, tmp_path):
    options = {name: value for name, value in WHOLE.items() if name != "rate"}
    result = ph.transfer(toys.build(), photos, tmp_path / "net", None, **options)
    rates = result.card.outcome["rates"]
    assert result.card.recipe["rate"] == rates["chosen"] == pytest.approx(max(rates["turn"] / 10, 1e-4))
    assert rates["turn"] in rates["rates"]
    assert np.diff(np.log(rates["rates"])) == pytest.approx(np.log(rates["rates"][1] / rates["rates"][0]))
    headings = [
        getattr(block, "heading", "") for row in outcome(result).sheet().blocks for block in getattr(row, "blocks", [])
    ]
    assert "Learning-rate finder" in headings


def test_the_turn_of_a_curve_is_its_last_rate_that_is_no_worse_than_the_first():
    assert judged([1e-4, 1e-3, 1e-2, 1e-1], [1.0, 0.8, 0.9, 3.0]).chosen == pytest.approx(1e-3)
    assert judged([1e-4, 1e-3], [1.0, 2.0]).chosen == 1e-4  # no smaller than the smallest


def test_the_time_that_is_left_becomes_steps(photos, tmp_path):
    options = {"whole": True, "rate": 0.01, "batch": 8}
    result = ph.transfer(toys.build(), photos, tmp_path / "net", 0.05, **options)
    assert result.card.steps >= 1
    assert result.card.minutes < 0.5


def test_augmentation_is_a_picture_before_it_is_used(photos, tmp_path):
    network = ph.load("torchvision:squeezenet1_1@none")
    shown = ph.augmentation(network, photos, kind="photo", rows=3, copies=5)
    assert shown.photos.shape == (3, 6, 224, 224, 3)
    assert not np.array_equal(shown.photos[:, 1], shown.photos[:, 2])
    again = ph.augmentation(network, photos, kind="photo", rows=3, copies=5)
    assert np.array_equal(shown.photos, again.photos)
    plain = ph.augmentation(toys.build(), photos, kind="none").photos
    assert all(np.array_equal(plain[:, 0], plain[:, at]) for at in range(1, plain.shape[1]))
    shown.save(tmp_path / "shown.png")
    ph.again(tmp_path / "shown.png").save(tmp_path / "again.png")
    assert (tmp_path / "shown.png").read_bytes() == (tmp_path / "again.png").read_bytes()
    with pytest.raises(ValueError, match="augmentation is photo, drawing or none, not 'strong'"):
        ph.augmentation(toys.build(), photos, kind="strong")


def test_drawings_are_never_mirrored():
    from phosphene.learning.transfer.changes import augmented

    image = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    image[..., :10] = 255  # light at the left
    with torch.random.fork_rng():
        for _ in range(30):
            out = augmented(image, "drawing", (28, 28))
            assert out[..., :8].mean() > out[..., -8:].mean()


# ---- other networks


class Binary(toys.Small):
    def __init__(self):
        super().__init__(1)


@pytest.mark.parametrize(
    "make", [Binary, lambda: toys.Small(channels=1), lambda: nn.Sequential(toys.Small(), nn.Softmax(1))]
)
@pytest.mark.parametrize("options", [{}, WHOLE], ids=["frozen", "whole"])
def test_other_outputs_and_grey_networks_learn_too(photos, tmp_path, make, options):
    module = toys.seeded(make)
    channels = next(part for part in module.modules() if isinstance(part, nn.Conv2d)).in_channels
    result = ph.transfer(ph.Network(module, ph.Preprocessing.plain(20, channels)), photos, tmp_path / "net", **options)
    photo = ph.read(photos / "red" / "0-000.png")
    answers = result.classify(photo, k=3)
    assert sum(guess.probability for guess in answers) == pytest.approx(1, abs=1e-5)
    assert result.accuracy > 0.3


def test_a_network_that_ends_in_features_gets_a_layer_behind_them(photos, tmp_path):
    body = toys.seeded(lambda: toys.Small().body)
    result = ph.transfer(ph.Network(body, ph.Preprocessing.plain(20)), photos, tmp_path / "net")
    assert result.module.head.in_features == 12
    again = ph.load(tmp_path / "net", architecture=body)
    photo = ph.read(photos / "red" / "0-000.png")
    assert torch.equal(again.scores(photo), result.scores(photo))


# ---- what can't be


class Functional(toys.Small):
    def forward(self, x):
        return functional.linear(self.body(x).mean((2, 3)), self.top.weight)


class Joined(toys.Small):
    def __init__(self):
        super().__init__()
        self.second = nn.Linear(12, 7)

    def forward(self, x):
        x = self.body(x).mean((2, 3))
        return (self.top(x) + self.second(x * x)) / 2


class Sigmoids(toys.Small):
    def forward(self, x):
        return super().forward(x).sigmoid()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (Functional, "come from the function linear in its forward, not from a layer of its own"),
        (Joined, r"joined from those of 2 layers \(top, second\), and one alone can be exchanged"),
        (Sigmoids, "it changes its scores afterwards. Give the network that returns the scores themselves"),
        (lambda: nn.Sequential(nn.Conv2d(3, 5, 1), nn.Upsample(scale_factor=1)), "it is no classifier"),
        (lambda: toys.Small(channels=5), "takes inputs of 5 channels and a photo has 3"),
    ],
)
def test_a_network_whose_scores_cannot_be_exchanged_is_refused_in_a_sentence(photos, tmp_path, make, sentence):
    with pytest.raises(ValueError, match=sentence):
        ph.transfer(ph.Network(toys.seeded(make), ph.Preprocessing.plain(20)), photos, tmp_path / "net")
    assert not (tmp_path / "net").exists()


def test_features_that_are_no_numbers_are_refused_with_the_photo(photos, tmp_path):
    network = toys.build()
    with torch.no_grad():
        network.module.body[0].weight.fill_(float("nan"))
    with pytest.raises(
        ValueError, match=r"computes NaN or infinite features for 36 of 36 photos, the first blue/0-000"
    ):
        ph.transfer(network, photos, tmp_path / "net")


def test_bad_folders_are_refused_in_a_sentence(photos, tmp_path):
    network = toys.build()

    def refused(folder, kind, sentence, **options):
        with pytest.raises(kind, match=sentence):
            ph.transfer(network, folder, tmp_path / "net", **options)
        assert not (tmp_path / "net").exists()

    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", ValueError, "holds no image")
    refused(tmp_path / "nowhere", FileNotFoundError, "there is no")
    refused(photos / "red", ValueError, "has no sub-folders with photos; put the photos of each class into one")
    refused(toys.folder(tmp_path / "one", 3, names=("red",)), ValueError, "has one class, 'red'; telling classes apart")
    lone = toys.folder(tmp_path / "lone", 3)
    for file in sorted((lone / "blue").iterdir())[1:]:
        file.unlink()
    refused(lone, ValueError, "class 'blue' of .* has 1 different photo, and a class takes two at least")
    broken = toys.folder(tmp_path / "broken", 3)
    for file in (broken / "blue").iterdir():
        file.write_bytes(b"\x89PNG\r\n\x1a\n no image")
    refused(broken, ValueError, "class 'blue' of .* has 0 different photos")
    refused(photos, LookupError, "has no class 'rad'; near it: red", classes=["rad", "blue"])
    refused(photos, ValueError, "class 'red' is named twice", classes=["red", "red"])
    refused(photos, ValueError, "has one class, 'red'", classes=["red"])
    refused(photos, TypeError, "classes are a list of names, not the single text", classes="red")
    refused(photos, ValueError, "minutes are above 0, not -1", minutes=-1)
    refused(photos, ValueError, "share of photos to hold out is between 0 and 1", held_out=1.5)
    refused(photos, ValueError, "penalty, C of the logistic regression, is above 0", penalty=0)
    refused(photos, ValueError, "holds no training to go on with", resume=True)
    with pytest.raises(ValueError, match="holds other files already"):
        ph.transfer(network, photos, photos)
    with pytest.raises(TypeError, match=r"transfer begins with a phosphene\.Network, not Small"):
        ph.transfer(network.module, photos, tmp_path / "net")


def test_broken_and_unsorted_files_are_left_out_and_named(tmp_path):
    source = toys.folder(tmp_path / "photos", 8)
    (source / "red" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no image")
    shutil.copy(source / "red" / "0-000.png", source / "outside.png")
    shutil.copy(source / "red" / "0-000.png", source / "red" / "copy.png")
    result = outcome(ph.transfer(toys.build(), source, tmp_path / "net"))
    notes = " ".join(result.remarks)
    assert "1 photo can't be read and is left out: " in notes
    assert "broken.png" in notes
    assert "1 photo outside of the sub-folders" in notes.replace("belongs", "belong")
    assert "1 photo is a copy of another and on the same side of the split" in notes
    assert result.card.data["train"] + result.card.data["test"] == 25


# ---- the command


def test_the_command_learns_tells_and_draws(photos, tmp_path):
    run = CliRunner()
    words = ["transfer", str(photos), "-n", "torchvision:squeezenet1_1@none", "--to", str(tmp_path / "net")]
    ran = run.invoke(phosphene.cli.app, [*words, "--classes", "red, blue", "-o", str(tmp_path / "sheet.png")])
    assert ran.exit_code == 0, ran.output
    told = " ".join(ran.output.split())
    assert "95 % interval" in told
    assert "photos to learn from" in told
    assert "looks into it" in told
    assert ph.read_made(tmp_path / "sheet.png")["made"]["instrument"] == "learned"
    ran = run.invoke(phosphene.cli.app, ["layers", "-n", str(tmp_path / "net")])
    assert ran.exit_code == 0
    assert "classifier.1" in ran.output
    for words, sentence in {
        ("transfer", str(photos), "--classes", "rad"): "has no class 'rad'; near it: red",
        ("transfer", str(photos), "--augment", "strong"): "augmentation is photo, drawing or none",
        ("transfer", str(photos / "red")): "has no sub-folders with photos",
        ("learn", "transfer"): "a transfer begins with a network",
    }.items():
        ran = run.invoke(phosphene.cli.app, [*words, "--to", str(tmp_path / "other")])
        assert ran.exit_code == 2, ran.output
        assert sentence in " ".join(ran.output.split())
