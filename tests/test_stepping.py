"""Instruments that work in steps: called, taken one by one, stopped, filmed, and made again as they were stopped."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image as PillowImage
from typer.testing import CliRunner

import phosphene as ph
import phosphene.cli
from phosphene import instrument as instruments
from phosphene.commands.stepping import last_result
from phosphene.instrument import INSTRUMENTS, Result, instrument, last, result_kind


@dataclass(frozen=True, eq=False, kw_only=True)
class Count(Result):
    """How far it counted."""

    step: int
    steps: int

    @property
    def progress(self) -> str:
        return f"{self.step}"

    def frame(self) -> np.ndarray:
        return np.full((8, 8, 3), self.step % 256, np.uint8)


@pytest.fixture
def counting():
    @instrument
    def counting(steps: int = 5, stop: int = 99) -> Iterator[Count]:
        """Counts."""
        for step in range(1, steps + 1):
            if step == stop:
                raise KeyboardInterrupt
            yield Count(step=step, steps=steps)

    yield counting
    del INSTRUMENTS["counting"]


def test_called_it_gives_its_last_result_and_taken_each(counting):
    assert counting(steps=3).step == 3
    steps = list(counting.steps(steps=3))
    assert [each.step for each in steps] == [1, 2, 3]
    assert [each.made["step"] for each in steps] == [1, 2, 3]
    assert steps[0].made["options"] == {"steps": 3, "stop": 99}
    assert last(counting.steps(steps=9), 4).step == 4
    assert last(counting.steps(steps=2), 4).step == 2
    assert result_kind(counting) is Count
    assert result_kind(ph.activations).__name__ == "Activations"
    with pytest.raises(TypeError, match="near it: steps"):
        counting.steps(stps=3).__next__()


def test_an_interrupt_keeps_what_stands_and_its_film(counting, tmp_path, capsys):
    found = last_result(counting, {"steps": 8, "stop": 4}, tmp_path / "film.gif")
    assert found.step == 3
    assert "stopped after step 3 of 8" in capsys.readouterr().err
    with PillowImage.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 3
    with pytest.raises(KeyboardInterrupt):
        last_result(counting, {"stop": 1}, None)


def test_a_long_run_has_no_more_frames_than_its_film_takes(counting, tmp_path, monkeypatch):
    frames = []
    monkeypatch.setattr("phosphene.picture.film.write_film", lambda path, given, rate: frames.extend(given) or path)
    last_result(counting, {"steps": 5000, "stop": 9999}, tmp_path / "film.gif")
    assert 190 <= len(frames) <= 195


def test_the_command_writes_the_picture_and_the_film(tmp_path):
    words = ["synthesize", "blocks.0.0:3", "blocks.0.0:4", "--steps", "4", "--size", "40"]
    files = ["--film", str(tmp_path / "film.webp"), "--out", str(tmp_path / "sheet.png")]
    ran = CliRunner().invoke(phosphene.cli.app, words + files)
    assert ran.exit_code == 0, ran.output
    assert ph.read_made(tmp_path / "sheet.png")["made"]["step"] == 4
    with PillowImage.open(tmp_path / "film.webp") as film:
        assert film.n_frames == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["synthesize"], "TARGET is missing"),
        (["synthesize", "blocks.0.0:3", "--film", "film.avi"], "must end in .mp4, .webp, .gif"),
        (["synthesize", "blocks.0.0:3", "--film", "nowhere/film.gif"], "there is no folder 'nowhere'"),
        (["synthesize", "blocks.0.0:3", "--steps", "0"], "steps is at least 1"),
    ],
)
def test_what_can_not_be_run_is_refused_before_anything_is(words, told):
    ran = CliRunner().invoke(phosphene.cli.app, words)
    assert ran.exit_code == 2
    assert told in ran.output
    assert "Traceback" not in ran.output


def test_again_takes_as_many_steps_as_were_taken(tmp_path):
    """In a process of its own, stopped as a person stops it."""
    sheet = tmp_path / "sheet.png"
    code = (
        "import _thread, threading, phosphene.cli, sys\n"
        "from phosphene.synthesis.engine import ascent\n"
        "plain = ascent.Moment\n"
        "def moment(step, *rest):\n"
        "    if step >= 4: _thread.interrupt_main()\n"
        "    return plain(step, *rest)\n"
        "ascent.Moment = moment\n"
        f"sys.argv = 'phosphene synthesize blocks.0.0:3 --steps 999 --size 40 -o'.split() + [{str(sheet)!r}]\n"
        "phosphene.cli.main()\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert sheet.exists(), ran.stderr
    assert "of 999; what stands is kept" in ran.stderr
    ph.again(sheet).save(tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == sheet.read_bytes()


def test_instruments_are_those_of_their_names():
    assert instruments.INSTRUMENTS["synthesize"] is ph.synthesize
