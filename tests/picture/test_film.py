"""Films: read back frame by frame, and refused in a sentence."""

import numpy as np
import pytest
from PIL import Image

from phosphene.picture.film import write_film

FRAMES = [np.full((20, 31, 3), value, np.uint8) for value in (0, 90, 180, 255)]


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_an_animation_has_the_frames_and_their_time(tmp_path, suffix):
    path = write_film(tmp_path / f"film{suffix}", FRAMES, 10)
    with Image.open(path) as film:
        assert film.n_frames == 4
        assert film.size == (31, 20)
        for index, frame in enumerate(FRAMES):
            film.seek(index)
            film.load()
            assert abs(np.asarray(film.convert("RGB")).astype(int) - frame).max() <= 3
        assert film.info["duration"] == 100
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_an_mp4_has_the_frames_on_even_sides(tmp_path):
    av = pytest.importorskip("av")
    path = write_film(tmp_path / "film.mp4", FRAMES, 25)
    with av.open(str(path)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert float(film.streams.video[0].average_rate) == 25
    assert [frame.shape for frame in frames] == [(20, 30, 3)] * 4
    assert [abs(int(frame.mean()) - int(was.mean())) < 8 for frame, was in zip(frames, FRAMES, strict=True)] == [
        True
    ] * 4


@pytest.mark.parametrize(
    ("name", "frames", "rate", "sentence"),
    [
        ("film.avi", FRAMES, 10, "must end in .mp4, .webp, .gif"),
        ("film.gif", [], 10, "at least one frame"),
        ("film.gif", FRAMES, 0, "more than 0 frames a second"),
    ],
)
def test_what_can_not_be_written_is_refused_and_nothing_is_left(tmp_path, name, frames, rate, sentence):
    with pytest.raises(ValueError, match=sentence):
        write_film(tmp_path / name, frames, rate)
    assert not list(tmp_path.iterdir())
