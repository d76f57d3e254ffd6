"""A network opened: what it takes, what it answers, and what it says about what it can't take."""

import pytest
import torch
from torch import nn

from phosphene.network import Labels, Network


class Tiny(nn.Module):
    def __init__(self, channels=3, classes=4) -> None:
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(channels, 5, 3), nn.BatchNorm2d(5), nn.Linear(5, classes)

    def forward(self, x):
        return self.fc(self.norm(self.conv(x)).mean((2, 3)))


IMAGES = torch.rand(2, 3, 12, 10, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("images", "error", "sentence"),
    [
        (torch.rand(1, 1, 8, 8), ValueError, "Tiny takes images of 3 channels; this tensor has 1 (1 × 1 × 8 × 8)"),
        (
            torch.rand(3, 8, 8),
            ValueError,
            "the network's input is (N, C, H, W); this tensor is 3 × 8 × 8; add the batch",
        ),
        (torch.tensor(1.0), ValueError, "this tensor is a single number"),
        (torch.rand(0, 3, 8, 8), ValueError, "this tensor is 0 × 3 × 8 × 8"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), ValueError, "is a float tensor; this one is torch.uint8"),
        (torch.full((1, 3, 8, 8), torch.nan), ValueError, "the images hold 192 values that are NaN or infinite"),
        (torch.full((1, 3, 1, 1), torch.inf), ValueError, "the images hold 3 values that are NaN or infinite"),
        ("photo.jpg", TypeError, "images are photos (phosphene.read opens them) or a float tensor"),
        ([], ValueError, "no images were given"),
    ],
)
@pytest.mark.parametrize("ask", ["classify", "record", "maps"])
def test_images_that_mean_nothing_are_refused_in_a_sentence(images, error, sentence, ask):
    network = Network(Tiny())
    questions = {
        "classify": lambda: network.classify(images),
        "record": lambda: network.record(images, "conv"),
        "maps": lambda: network.maps(images, "conv"),
    }
    with pytest.raises(error) as caught:
        questions[ask]()
    assert sentence in str(caught.value)


def test_an_image_too_small_for_the_network_is_refused_with_its_size():
    with pytest.raises(ValueError, match="does not run on an input of 3 × 2 × 2"):
        Network(Tiny()).classify(torch.rand(1, 3, 2, 2))


def test_a_network_answers_at_any_size_that_it_runs_at():
    network = Network(Tiny())
    for height, width in ((8, 8), (31, 17), (64, 3)):
        images = torch.rand(1, 3, height, width)
        assert network.maps(images, "conv").shape == (1, 5, height - 2, width - 2)
        assert network.layer("conv", (height, width)).shape == (5, height - 2, width - 2)


def test_guesses_are_the_softmax_best_first(unchanged):
    module = Tiny()
    network = Network(module, labels=["ant", "bee", "cat", "dog"])
    with unchanged(module):
        one, two = network.classify(IMAGES, k=2)
    with torch.no_grad():
        scores = module.eval()(IMAGES)
    probabilities, order = scores.softmax(1).sort(1, descending=True)
    for guesses, best, row, image in zip((one, two), order, probabilities, scores, strict=True):
        assert [g.index for g in guesses] == best[:2].tolist()
        assert [g.label for g in guesses] == [network.labels[int(i)] for i in best[:2]]
        assert [g.probability for g in guesses] == pytest.approx(row[:2].tolist())
        assert [g.score for g in guesses] == pytest.approx(image[best[:2]].tolist())


def test_a_network_without_labels_calls_classes_by_their_numbers():
    guesses = Network(Tiny()).classify(IMAGES[:1], k=10)
    assert len(guesses) == 4
    assert all(guess.label == f"class {guess.index}" for guess in guesses)
    with pytest.raises(LookupError, match="came without class names; give the class's number, not 'goose'"):
        Network(Tiny()).record(IMAGES, "logits:goose")


def test_a_network_that_gives_maps_is_no_classifier():
    with pytest.raises(ValueError, match=r"gives 4 × 12 × 10 an image, not one score a class; it is no classifier"):
        Network(nn.Sequential(nn.Conv2d(3, 4, 1))).classify(IMAGES)


def test_scores_and_probabilities_are_recorded_by_a_class_name():
    network = Network(Tiny(), labels=Labels(("ant", "bee", "cat", "dog")))
    found = network.record(IMAGES, "logits", "logits:cat", "logits:2", "probabilities:cat", "probabilities")
    assert torch.equal(found["logits:cat"], found["logits"][:, 2])
    assert torch.equal(found["logits:2"], found["logits:cat"])
    assert torch.equal(found["probabilities"], found["logits"].softmax(1))
    assert torch.equal(found["probabilities:cat"], found["probabilities"][:, 2])


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("conv:5", r"conv of Tiny has 5 channels \(0 to 4\), no 5"),
        ("conv:1@10,0", "conv has 10 rows and 8 columns of units, no place 10,0"),
        ("conv@-1,0", "no place -1,0"),
        ("conv@0,-3", "no place 0,-3"),
        ("conv@cls", "conv has no token 'cls'"),
        ("convv", "layer 'convv' is not in Tiny; near it: conv, clone; network.layers.. lists all"),
        ("logits:4", "4"),
    ],
)
def test_what_the_network_does_not_have_is_said(address, sentence):
    with pytest.raises(LookupError, match=sentence):
        Network(Tiny()).record(IMAGES, address)


def test_units_are_picked_from_the_layers_maps():
    found = Network(Tiny()).record(IMAGES, "conv", "conv:3", "conv:3@2,4", "conv@2,4")
    assert torch.equal(found["conv:3"], found["conv"][:, 3])
    assert torch.equal(found["conv:3@2,4"], found["conv"][:, 3, 2, 4])
    assert torch.equal(found["conv@2,4"], found["conv"][:, :, 2, 4])


def test_compiled_and_parallel_modules_are_the_module_inside():
    module = Tiny()
    for wrapped in (torch.compile(module), nn.DataParallel(module), nn.DataParallel(torch.compile(module))):
        assert Network(wrapped).module is module


@pytest.mark.parametrize("what", ["resnet18", None, lambda x: x])
def test_what_is_no_module_is_refused(what):
    with pytest.raises(TypeError, match=r"a network is a torch.nn.Module, not "):
        Network(what)


def test_the_fingerprint_changes_with_any_weight_and_buffer_and_comes_back():
    module = Tiny()
    network = Network(module)
    first = network.fingerprint
    assert network.fingerprint == first
    for tensor in [*module.parameters(), *module.buffers()]:
        with torch.no_grad():
            before = tensor.clone()
            tensor.view(-1)[-1] += 1
            assert network.fingerprint != first
            tensor.copy_(before)
            assert network.fingerprint == first


def test_equal_networks_have_equal_fingerprints():
    torch.manual_seed(0)
    one = Tiny()
    torch.manual_seed(0)
    assert Network(one).fingerprint == Network(Tiny()).fingerprint
    torch.manual_seed(1)
    assert Network(one).fingerprint != Network(Tiny()).fingerprint


def test_a_grey_network_takes_grey_tensors():
    network = Network(Tiny(channels=1))
    assert network.channels == 1
    assert network.classify(torch.rand(1, 1, 9, 9))
    with pytest.raises(ValueError, match="takes images of 1 channels; this tensor has 3"):
        network.classify(IMAGES)
