"""The input equals the standard pipelines' to the bit, and its frame leads back to the photo's pixels."""

import dataclasses
import json

import numpy as np
import pytest
import timm
import torch
import torchvision.models as tv
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from timm.data import create_transform, resolve_data_config

from phosphene.network.frame import Box, Frame
from phosphene.network.preprocessing import Preprocessing

SIZES = [(300, 400), (257, 301), (400, 223), (64, 50), (1, 1), (3, 200), (256, 256)]


def photo(height: int, width: int) -> np.ndarray:
    smooth = np.random.default_rng(height * 1000 + width).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.array(Image.fromarray(smooth).resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "weights",
    [
        tv.AlexNet_Weights.IMAGENET1K_V1,
        tv.ResNet50_Weights.IMAGENET1K_V2,
        tv.EfficientNet_B1_Weights.IMAGENET1K_V2,
        tv.Inception_V3_Weights.IMAGENET1K_V1,
        tv.Swin_T_Weights.IMAGENET1K_V1,
        tv.segmentation.FCN_ResNet50_Weights.DEFAULT,
        tv.detection.FasterRCNN_ResNet50_FPN_Weights.DEFAULT,
    ],
    ids=str,
)
def test_input_equals_torchvisions_transforms(weights, size):
    pixels = photo(*size)
    if "Segmentation" in type(weights.transforms()).__name__ and max(size) > 50 * min(size):
        pytest.skip("nothing is cropped: both would make millions of pixels")
    expected = weights.transforms()(Image.fromarray(pixels))[None]
    assert torch.equal(Preprocessing.from_torchvision(weights).prepare(pixels), expected)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "name",
    [
        "resnet50.a1_in1k",
        "tf_efficientnet_lite0.in1k",
        "volo_d4_448.sail_in1k",  # crop_pct above 1: black padding
        "coatnet_rmlp_2_rw_384.sw_in12k_ft_in1k",  # squash
        "vit_base_patch16_224.augreg_in21k",
    ],
)
def test_input_equals_timms_transform(name, size):
    cfg = timm.get_pretrained_cfg(name)
    expected = create_transform(**resolve_data_config(pretrained_cfg=cfg.to_dict()))(Image.fromarray(photo(*size)))
    assert torch.equal(Preprocessing.from_timm(cfg).prepare(photo(*size)), expected[None])


@pytest.mark.parametrize("size", [size for size in SIZES if max(size) < 60 * min(size)])
@pytest.mark.parametrize("crop", ["center", "squash", "border"])
@pytest.mark.parametrize("side", [(64, 96), (80, 80), (97, 51)])
@pytest.mark.parametrize("pct", [0.8, 1.0])
def test_every_crop_mode_equals_timms(crop, side, size, pct):
    cfg = {"input_size": (3, *side), "crop_mode": crop, "crop_pct": pct, "interpolation": "bilinear"}
    expected = create_transform(**resolve_data_config(pretrained_cfg=cfg))(Image.fromarray(photo(*size)))
    assert torch.equal(Preprocessing.from_timm(cfg).prepare(photo(*size)), expected[None])


def test_antialias_off_equals_torchvisions_tensor_resize():
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms import functional as V

    ours = Preprocessing((48, 48), (60, 60), interpolation="bilinear", antialias=False).prepare(photo(200, 150))
    tensor = torch.from_numpy(photo(200, 150)).permute(2, 0, 1)
    resized = V.resize(tensor, [60], interpolation=InterpolationMode.BILINEAR, antialias=False)
    assert torch.equal(ours[0], V.center_crop(resized, [48, 48]).float() / 255)


def test_extreme_aspects_resize_only_what_the_crop_keeps():
    way = Preprocessing((224, 224), (256, 256))
    long = np.repeat(photo(1, 300), 40, axis=1)
    for pixels in (long, long.transpose(1, 0, 2)):
        x = way.prepare(pixels)
        assert x.shape == (1, 3, 224, 224)
        height, width = pixels.shape[:2]
        middle = torch.from_numpy(pixels[height // 2, width // 2].astype(np.float32)) / 255
        assert (x[0, :, 112, 112] - middle).abs().max() < 0.02


def test_a_resized_piece_equals_the_piece_of_the_resized(monkeypatch):
    way = Preprocessing((224, 224), (256, 256))
    whole = way.prepare(photo(100, 900))
    monkeypatch.setattr("phosphene.network.resizing.MOST_PIXELS", 1000)
    assert (way.prepare(photo(100, 900)) - whole).abs().max() <= 1.01 / 255


def test_an_uncropped_photo_that_would_grow_too_large_says_so():
    with pytest.raises(ValueError, match=r"1 x 9000 pixels would become 520 x 4680000, more than"):
        Preprocessing((520, 520), (520, 520), "none").prepare(photo(1, 9000))


def test_grey_is_pils_luminance_before_the_resize():
    expected = np.array(Image.fromarray(photo(40, 50)).convert("L").resize((28, 28), Image.Resampling.BICUBIC))
    x = Preprocessing.plain(28, channels=1).prepare(photo(40, 50))[0, 0, :, 1:-1]
    squashed = Preprocessing((28, 28), (28, 28), "squash", colour="grey", mean=(0,), std=(1,)).prepare(photo(40, 50))
    assert torch.equal(squashed[0, 0], torch.from_numpy(expected).float() / 255)
    assert x.shape == (28, 26)


def test_caffe_networks_get_bgr_up_to_255_minus_the_mean():
    way = Preprocessing((8, 8), colour="BGR", scale=255, mean=(104, 117, 123), std=(1, 1, 1))
    expected = torch.from_numpy(photo(8, 8)[..., ::-1].copy()).permute(2, 0, 1).float()
    assert torch.equal(way.prepare(photo(8, 8))[0], expected - torch.tensor([104.0, 117, 123]).view(3, 1, 1))


@pytest.mark.parametrize(
    "way",
    [
        Preprocessing((9, 7), mean=(0.4, 0.5, 0.6), std=(0.1, 0.2, 0.3)),
        Preprocessing((9, 7), colour="BGR", scale=255, mean=(104, 117, 123), std=(58, 57, 57)),
    ],
)
def test_normalise_is_what_prepare_does_and_denormalise_takes_it_back(way):
    images = (torch.from_numpy(photo(9, 7)).permute(2, 0, 1)[None].double() / 255).requires_grad_()
    x = way.normalise(images)
    torch.testing.assert_close(x.float(), way.prepare(photo(9, 7)))
    torch.testing.assert_close(way.denormalise(x), images)
    assert torch.autograd.gradcheck(way.normalise, images[:, :, :2, :2].detach().requires_grad_())


def test_a_grey_network_takes_the_luminance_and_gives_it_back_in_three_channels():
    way = Preprocessing((8, 8), colour="grey", mean=(0.13,), std=(0.3,))
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    grey = 0.299 * images[:, :1] + 0.587 * images[:, 1:2] + 0.114 * images[:, 2:]
    torch.testing.assert_close(way.denormalise(way.normalise(images)), grey.expand(-1, 3, -1, -1))


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 500), st.integers(1, 500)),
    st.sampled_from(["center", "squash", "border", "none"]),
    st.tuples(*[st.floats(-50, 300)] * 4),
)
def test_a_frame_leads_back_to_the_photo(size, crop, corners):
    frame = Preprocessing((60, 40), (70, 90), crop).frame(*size)
    there = frame.to_photo(frame.to_input(Box(*corners)))
    assert there.as_tuple() == pytest.approx(corners, abs=1e-6)
    assert Frame.from_dict(json.loads(json.dumps(frame.to_dict()))) == frame


def test_a_marked_pixel_is_found_where_the_frame_says():
    pixels = np.zeros((300, 500, 3), np.uint8)
    pixels[120:130, 260:270] = 255
    way = Preprocessing((224, 224), (256, 256))
    x = way.prepare(pixels)[0, 0]
    inside = way.frame(300, 500).to_input(Box(260, 120, 270, 130))
    rows, columns = torch.where(x > 0.5)
    assert (rows.min(), rows.max() + 1) == pytest.approx((inside.top, inside.bottom), abs=0.6)
    assert (columns.min(), columns.max() + 1) == pytest.approx((inside.left, inside.right), abs=0.6)


def test_the_frame_knows_what_is_seen_and_what_is_padding():
    centre = Preprocessing((224, 224), (224, 224)).frame(448, 896)
    assert centre.seen == Box(224, 0, 672, 448)
    border = Preprocessing((224, 224), (224, 224), "border").frame(448, 896)
    assert border.seen == Box(0, 0, 896, 448)
    assert border.filled == Box(0, 56, 224, 168)
    assert Frame.whole(5, 6).to_photo(Box(1, 2, 3, 4)) == Box(1, 2, 3, 4)


def test_boxes_clip_and_round_without_vanishing():
    assert Box(-3, 2, 8, 40).clip(height=10, width=6) == Box(0, 2, 6, 10)
    assert Box(20, 0, 30, 1).clip(height=10, width=6).width == 0
    assert Box(0.4, 0.5, 1.6, 2.5).round() == Box(0, 1, 2, 3)
    assert Box(3.1, 3.1, 3.3, 3.3).round() == Box(3, 3, 4, 4)


def test_a_preprocessing_survives_json_and_replace():
    way = Preprocessing.from_torchvision(tv.ResNet50_Weights.IMAGENET1K_V2)
    assert Preprocessing.from_dict(json.loads(json.dumps(way.to_dict()))) == way
    assert dataclasses.replace(way, size=(96, 96)).frame(200, 200).size == (96, 96)


def test_a_preprocessing_describes_itself_in_one_sentence():
    assert Preprocessing.from_timm(timm.get_pretrained_cfg("tf_efficientnet_lite0.in1k")).describe() == (
        "short side to 256 px (bicubic), centre 224 x 224 px, RGB in [0, 1], minus mean 0.5, divided by std 0.5"
    )
    assert str(Preprocessing.plain(28, 1)) == "short side to 28 px (bicubic), centre 28 x 28 px, grey in [0, 1]"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"crop": "middle"}, "crop 'middle' is not known; it is one of center, squash, border, none"),
        ({"colour": "grey"}, "mean came with 3 values; a network that takes grey needs 1"),
        ({"size": (0, 5)}, "size must be at least 1 x 1 pixel, not 0 x 5"),
        ({"std": (1, 0, 1)}, "std and scale must be above 0"),
    ],
)
def test_a_wrong_setting_is_refused_in_a_sentence(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        dataclasses.replace(Preprocessing((224, 224)), **change)


def test_what_is_not_one_image_is_refused():
    with pytest.raises(ValueError, match="not one image"):
        Preprocessing.from_torchvision(tv.video.R3D_18_Weights.DEFAULT)
    with pytest.raises(ValueError, match=r"uint8 pixels \(H, W, 3\), not float64 \(3, 4, 3\)"):
        Preprocessing((8, 8)).prepare(np.zeros((3, 4, 3)))
