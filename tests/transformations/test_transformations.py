"""Transformations act on pixels and on grids alike; texts and values mean the same."""

import math

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as tv
from skimage.data import astronaut

from phosphene.transformations import (
    Blur,
    Brightness,
    Compose,
    Contrast,
    Crop,
    Flip,
    Grey,
    Rotate,
    Scale,
    Transformation,
    Translate,
    transformation_of,
)

EVERY = [
    "flip-horizontal", "flip-vertical", "rotate:45", "rotate:-90", "scale:1.25", "scale:0.8", "translate:0.1,-0.05",
    "crop:0.8", "crop:0,0,0.5,0.5", "grey", "brightness:1.3", "contrast:0.5", "blur:2", "flip-horizontal+grey",
    "rotate:10+scale:1.1+blur:1",
]  # fmt: skip


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    return torch.from_numpy(astronaut()[:256, 64:320]).permute(2, 0, 1)[None].double() / 255


@pytest.mark.parametrize("text", EVERY)
def test_a_text_and_the_value_that_it_makes_mean_the_same(text, photo):
    value = transformation_of(text)
    again = transformation_of(str(value))
    assert again == value
    assert hash(again) == hash(value)
    assert str(again) == str(value)
    images = value.images(photo)
    assert images.shape == photo.shape
    assert 0 <= images.min() <= images.max() <= 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Flip("horizontal"), lambda x: x.flip(3)),
        (Flip("vertical"), lambda x: x.flip(2)),
        (Rotate(90), lambda x: torch.rot90(x, 1, (2, 3))),
        (Rotate(-90), lambda x: torch.rot90(x, -1, (2, 3))),
        (Rotate(180), lambda x: x.flip(2, 3)),
        (Compose([Flip("horizontal"), Rotate(90)]), lambda x: torch.rot90(x.flip(3), 1, (2, 3))),
        (Rotate(360), lambda x: x),
        (Scale(1.0), lambda x: x),
    ],
)
def test_what_moves_pixels_onto_pixels_is_exact_on_images_and_grids(value, expected):
    x = torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(value.images(x), expected(x))
    resampling = value.resampling((6, 6), (224, 224))
    assert resampling.permutes
    assert bool(resampling.valid.all())
    assert torch.equal(resampling(x), expected(x))


def test_a_rotation_and_a_scaling_are_torchvisions(photo):
    for degrees in (30, -77):
        ours = Rotate(degrees).images(photo)
        theirs = tv.rotate(photo, degrees, interpolation=tv.InterpolationMode.BILINEAR)
        inside = Rotate(degrees).resampling((256, 256), (256, 256)).valid
        assert (ours - theirs)[..., inside].abs().mean() < 0.01  # bicubic against bilinear
    bigger = tv.center_crop(tv.resize(photo, [512, 512], tv.InterpolationMode.BICUBIC, antialias=True), [256, 256])
    assert (Scale(2).images(photo) - bigger.clamp(0, 1)).abs().mean() < 0.004
    assert torch.equal(Crop(0.5).images(photo), Scale(2).images(photo))
    shifted = Translate(16 / 256, -8 / 256).images(photo)
    assert torch.equal(shifted[..., :-8, 16:], photo[..., 8:, :-16])


def test_a_rotation_turns_counter_clockwise():
    x = torch.zeros(1, 1, 9, 9)
    x[..., 4, 8] = 1  # at the right
    up = Rotate(90).images(x)[0, 0]
    assert up[0, 4] == 1
    assert Rotate(45).images(x)[0, 0].argmax() in (1 * 9 + 7, 2 * 9 + 6, 1 * 9 + 6)


def test_places_that_come_from_outside_the_frame_are_not_valid():
    valid = Translate(0.25, 0).resampling((4, 8), (64, 128)).valid
    assert valid.tolist() == [[False, False] + [True] * 6] * 4
    smaller = Scale(0.5).resampling((8, 8), (224, 224)).valid
    assert smaller[2:6, 2:6].all()
    assert int(smaller.sum()) == 16
    share = Rotate(45).resampling((200, 200), (200, 200)).valid.float().mean()
    assert share == pytest.approx(2 * (math.sqrt(2) - 1), abs=0.01)  # the octagon that both squares share


def test_an_inverse_undoes_the_movement(photo):
    for text in ("rotate:20", "scale:1.3", "translate:0.1,0.05", "flip-vertical+rotate:20+scale:1.2"):
        g = transformation_of(text)
        assert g.inverse is not None
        both = g.affine(256, 200).then(g.inverse.affine(256, 200))
        np.testing.assert_allclose(both.matrix, np.eye(2), atol=1e-12)
        np.testing.assert_allclose(both.shift, 0, atol=1e-9)
    assert Grey().inverse is None
    assert Compose([Flip("vertical"), Blur(1)]).inverse is None


def test_movements_that_follow_each_other_interpolate_once(photo):
    there_and_back = Compose([Rotate(33), Scale(1.2), Scale(1 / 1.2), Rotate(-33)])
    torch.testing.assert_close(there_and_back.images(photo), photo)


def test_a_power_is_a_member_of_the_same_family():
    assert Rotate(30).power(0.5) == Rotate(15)
    assert Scale(4).power(0.5) == Scale(2)
    assert Translate(0.2, 0.1).power(0.5) == Translate(0.1, 0.05)
    assert Brightness(4).power(0.5) == Brightness(2)
    assert Contrast(4).power(0.5) == Contrast(2)
    assert Flip("vertical").power(0.5) is None


def test_photometric_ones_move_nothing(photo):
    for text in ("grey", "brightness:0.5", "contrast:2", "blur:3"):
        g = transformation_of(text)
        assert not g.geometric
        assert g.resampling((7, 7), (224, 224)).permutes
    assert torch.equal(Brightness(0.5).images(photo), photo * 0.5)
    grey = Grey().images(photo)
    assert torch.equal(grey[:, 0], grey[:, 2])
    one = photo[:, :1]
    assert torch.equal(Grey().images(one), one)
    torch.testing.assert_close(Contrast(1.0).images(photo), photo)


def test_gradients_pass_a_resampling():
    maps = torch.rand(1, 2, 5, 5, dtype=torch.float64, requires_grad=True)
    for g in (Rotate(30), Flip("horizontal")):
        resampling = g.resampling((5, 5), (224, 224))
        assert torch.autograd.gradcheck(resampling, maps)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("rotat:45", "near it: rotate"),
        ("rotate", "rotate takes 1 number, not 0"),
        ("rotate:a", "takes numbers"),
        ("flip-horizontal:3", "takes no numbers, not 1"),
        ("scale:0", "between 0 and 1000"),
        ("scale:nan", "between 0 and 1000"),
        ("crop:0.5,0,0.2,1", "left < right"),
        ("crop:1.5", "at most 1"),
        ("crop:1,2", "takes 1 or 4 numbers, not 2"),
        ("translate:2", "between -1 and 1"),
        ("", "there is no transformation ''"),
        (3, "a transformation is a text"),
        ([], "a transformation is a text"),
    ],
)
def test_what_is_no_transformation_is_refused_in_words(value, words):
    with pytest.raises((ValueError, LookupError, TypeError), match=words):
        transformation_of(value)


def test_compose_takes_transformations_only():
    with pytest.raises(TypeError, match="Compose takes transformations"):
        Compose(["grey"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="at least one"):
        Compose([])
    with pytest.raises(ValueError, match="horizontal or vertical"):
        Flip("diagonal")  # type: ignore[arg-type]
    assert isinstance(transformation_of([Flip("vertical"), "grey"]), Transformation)
    assert str(Compose([Compose([Grey()]), Rotate(5)])) == "grey+rotate:5"


def test_places_are_valid_that_were_inside_before_each_movement():
    there_and_back = transformation_of("translate:0.5,0+grey+translate:-0.5,0").resampling((4, 8), (64, 128))
    assert there_and_back.valid.tolist() == [[True] * 4 + [False] * 4] * 4
    at_once = transformation_of("translate:0.5,0+translate:-0.5,0").resampling((4, 8), (64, 128))
    assert bool(at_once.valid.all())
