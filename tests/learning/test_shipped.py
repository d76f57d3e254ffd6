"""The systems that come with Phosphene: each opens by its name, and its card's numbers are those of its weights."""

import pytest
import torch

import phosphene as ph
from phosphene.learning.checkpoints.card import read_card
from phosphene.learning.checkpoints.shipped import TRAINED, folder_of, shipped


def test_a_few_small_ones_are_shipped():
    assert {"ppca-mnist-5k", "vae-mnist-5k", "gan-ring"} <= set(shipped())
    for name in shipped():
        held = {path.name for path in (TRAINED / name).iterdir()}
        assert {"card.json", "weights.safetensors", "held-out.safetensors"} <= held
        assert sum(path.stat().st_size for path in (TRAINED / name).iterdir()) < 700_000


@pytest.mark.parametrize("name", shipped())
def test_the_numbers_of_its_card_are_had_again_from_its_data(name):
    card = read_card(TRAINED / name)
    try:
        data = ph.learning.data_set(card.data["name"])
    except LookupError as error:
        pytest.skip(str(error))
    assert data.account()["sha256"] == card.data["sha256"]
    numbers = ph.learning.open(name).evaluate(data.test)
    assert numbers == pytest.approx(dict(card.numbers), rel=2e-3)


def test_it_opens_by_its_name_in_python_and_as_a_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = ph.load("learned:vae-mnist-5k")
    codes = net.module(torch.zeros(2, 1, 28, 28))
    assert codes.shape == (2, 10)
    assert net.spec == "learned:vae-mnist-5k"
    with pytest.raises(LookupError, match="there are gan-ring, ppca-mnist-5k, vae-mnist-5k"):
        ph.load("learned:nothing")
    assert ph.learning.learned("ppca-mnist-5k").card.system == "ppca"


def test_a_folder_of_ones_own_goes_before_a_shipped_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert folder_of("gan-ring") == TRAINED / "gan-ring"
    (tmp_path / "gan-ring").mkdir()
    (tmp_path / "vae-mnist-5k").mkdir()
    assert folder_of("gan-ring") == folder_of("./gan-ring")
    assert ph.load("learned:vae-mnist-5k").spec == "learned:vae-mnist-5k"  # which names the shipped one
    with pytest.raises(LookupError, match="no learned system"):
        ph.load("learned:../trained/vae-mnist-5k")
