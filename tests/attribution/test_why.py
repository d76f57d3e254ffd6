"""Several methods side by side: each is what its instrument gives, and one range holds for all targets."""

import importlib.util

import pytest
import timm
import torch
from torch import nn

import phosphene as ph
from phosphene.attribution.maps.answered import percent
from phosphene.picture import Text


def classifier():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4)]
    return ph.Network(nn.Sequential(*layers), labels=["ant", "bee", "cat", "dog"])


def foot(found):
    """All that is written on the sheet, in one line."""
    return " ".join(mark.string for mark in found.picture().drawing.marks if isinstance(mark, Text))


def test_every_map_is_what_its_instrument_gives(unchanged):
    network, x = classifier(), torch.rand(1, 3, 32, 32)
    with unchanged(network.module):
        found = ph.why(network, x, "logits:bee", methods="gradient,cam,occlusion:window=16,stride=8")
    torch.testing.assert_close(found.results[0].maps, ph.gradient(network, x, "logits:bee").maps)
    torch.testing.assert_close(found.results[1].maps, ph.cam(network, x, "logits:bee").maps)
    expected = ph.occlusion(network, x, "logits:bee", window=16, stride=8)
    torch.testing.assert_close(found.results[2].maps, expected.maps)
    assert found.names == ("gradient", "class activation map", "occlusion (window 16, stride 8)")


def test_a_method_has_one_range_for_all_targets():
    network, x = classifier(), torch.rand(1, 3, 32, 32)
    found = ph.why(network, x, ["logits:bee", "logits:dog"], methods=["gradient", "cam"])
    gradients = found.results[0].maps
    assert found.ranges("minmax")[0].high == pytest.approx(float(gradients.max()))
    assert len(found.picture().ranges) == 2
    assert "one range over all targets" in foot(found)


def test_a_method_that_cannot_answer_is_named_at_the_foot():
    torch.manual_seed(0)
    network = ph.Network(timm.create_model("vit_tiny_patch16_224", img_size=32, depth=1, num_classes=4))
    x = torch.rand(1, 3, 32, 32)
    found = ph.why(network, x, "logits:1")
    assert "found no ReLU" in found.refused["guided backprop"]
    assert "class activation map" in found.refused
    assert "Without guided backprop: " in foot(found)
    with pytest.raises(ValueError, match="found no ReLU"):
        ph.why(network, x, "logits:1", methods="guided")


def test_what_is_asked_is_fixed_before_the_methods_run():
    network, x = classifier(), torch.rand(2, 3, 32, 32)
    found = ph.why(network, x, methods="gradient,occlusion:window=16,stride=16")
    best = network.record(x, "logits")["logits"].argmax(1)
    assert [target.partition(" ")[0] for target in found.targets] == [f"logits:{int(b)}" for b in best]
    assert found.to_dict()["methods"][1]["name"].startswith("occlusion")


def test_a_wrong_method_gets_a_sentence():
    with pytest.raises(LookupError, match="near it: gradient"):
        ph.why(classifier(), torch.rand(1, 3, 32, 32), methods="gradint")


def test_many_targets_are_laid_out_on_pages():
    torch.manual_seed(0)
    network = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 20)))
    x = torch.rand(1, 3, 16, 16)
    targets = [f"logits:{number}" for number in range(15)]
    for found in (
        ph.why(network, x, targets, methods="gradient"),
        ph.occlusion(network, x, targets, window=8, stride=8),
    ):
        first, second = (" ".join(_told(found.picture(page=page))) for page in (1, 2))
        assert "logits:11 ·" in first
        assert "logits:12 ·" not in first
        assert "logits:12 ·" in second
        assert "page 2 of 2" in second
        with pytest.raises(ValueError, match=r"there are 2 pages of .*, no 3"):
            found.picture(page=3)


def _told(picture):
    return [mark.string for mark in picture.drawing.marks if isinstance(mark, Text)]


# ---- what was answered


def test_the_sheet_says_what_the_network_answers_and_how_the_asked_class_stands():
    network, x = classifier(), torch.rand(1, 3, 32, 32)
    probabilities = network.record(x, "probabilities")["probabilities"][0]
    order = probabilities.argsort(descending=True)
    names = ["ant", "bee", "cat", "dog"]
    best, third = names[order[0]], names[order[2]]
    found = foot(ph.why(network, x, f"logits:{third}", methods="gradient"))
    assert f"What speaks for {third}" in found
    assert "Why this answer" not in found
    assert f"The network answers {best}, {100 * probabilities.max():.1f} %" in found
    assert f"this class has {100 * probabilities[order[2]]:.1f} %, rank 3 of 4" in found
    asked = foot(ph.why(network, x, f"logits:{best}", methods="gradient"))
    assert "Why this answer" in asked
    assert f"The network's answer, {100 * probabilities.max():.1f} %." in asked
    both = ph.why(network, x, [f"logits:{best}", f"logits:{third}"], methods="gradient")
    assert f"What speaks for {best} and {third}" in foot(both)
    assert both.to_dict()["answers"][1]["asked"]["rank"] == 3


def test_each_image_has_its_own_answer():
    network, x = classifier(), torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(2)) * 4
    found = ph.why(network, x, "logits:cat", methods="gradient")
    probabilities = network.record(x, "probabilities")["probabilities"]
    for index, answer in enumerate(found.answers):
        assert answer.rank == 1 + int((probabilities[index] > probabilities[index, 2]).sum())
        assert answer.probability == pytest.approx(float(probabilities[index, 2]))
    assert [answer.best for answer in found.answers] == [guess[0].label for guess in network.classify(x, k=1)]


def test_boxes_and_objects_say_what_the_network_answers():
    network, x = classifier(), torch.rand(1, 3, 32, 32)
    order = network.record(x, "logits")["logits"][0].argsort(descending=True)
    asked, best = int(order[1]), network.labels[int(order[0])]
    results = [ph.locate(network, x, f"logits:{asked}", method="layer_cam")]
    if importlib.util.find_spec("cv2"):
        results.append(ph.objects(network, x, f"logits:{asked}", method="gradient"))
    for found in results:
        assert f"The network answers {best}, " in foot(found)
        assert "rank 2 of 4" in foot(found)


def test_of_what_is_no_class_nothing_is_said():
    network, x = classifier(), torch.rand(1, 3, 32, 32)
    unit = foot(ph.why(network, x, "0:2", methods="gradient"))
    assert "What speaks for 0:2" in unit
    assert "answer" not in unit
    maps = ph.Network(nn.Conv2d(3, 4, 3), ph.Preprocessing.plain(16))
    found = ph.why(maps, torch.rand(1, 3, 16, 16), "logits:1", methods="gradient")
    assert found.answers == (None,)
    assert "answers" not in foot(found)


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0.631, "63.1 %"),
        (0.001, "0.1 %"),
        (0.0004, "0.04 %"),
        (1e-9, "less than 0.0001 %"),
        (0.0, "0 %"),
        (1, "100.0 %"),
    ],
)
def test_probabilities_are_told_with_digits_that_say_something(probability, text):
    assert percent(probability) == text


def test_each_method_is_a_step_and_the_last_one_is_the_whole():
    layers = [nn.Conv2d(3, 6, 5), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4)]
    network, x = ph.Network(nn.Sequential(*layers)), torch.rand(1, 3, 32, 32)
    methods = ["guided", "gradient", "cam", "deconvnet"]  # the first and the last need a ReLU
    steps = list(ph.why.steps(network, x, "logits:1", methods=methods))
    assert [(one.step, one.steps, len(one.names), len(one.refused)) for one in steps] == [
        (2, 4, 1, 1), (3, 4, 2, 1), (4, 4, 2, 2),
    ]  # fmt: skip
    assert [one.progress for one in steps] == ["class activation map", "deconvnet", "all methods"]
    assert all(one.picture() for one in steps)
    assert [one.finished for one in steps] == [False, False, True]
    whole = ph.why(network, x, "logits:1", methods=methods)
    assert "step" not in whole.made
    assert (whole.names, whole.refused) == (steps[-1].names, steps[-1].refused)
    for mine, its in zip(whole.results, steps[-1].results, strict=True):
        assert torch.equal(mine.maps, its.maps)
