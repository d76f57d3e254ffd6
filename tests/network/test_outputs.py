"""What a network's output says: its scores, whatever they come in, and the probabilities that its head makes."""

from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from phosphene.network import Network, NoScoresError, Preprocessing
from phosphene.network.running.outputs import described, log_probabilities, main_tensor, per_image, probabilities

X = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


class Ending(nn.Module):
    """A linear classifier of mean colours, and what is made of its scores."""

    def __init__(self, end, classes=4):
        super().__init__()
        self.fc, self.end = nn.Linear(3, classes), end
        with torch.no_grad():
            self.fc.weight.copy_(torch.arange(3 * classes).view(classes, 3) / 4)

    def forward(self, x):
        return self.end(self.fc(x.mean((2, 3))))


def opened(end, classes=4, **how):
    return Network(Ending(end, classes).eval(), Preprocessing.plain(16), **how)


def scores_of(network):
    return network.module.fc(X.mean((2, 3)))


def by_hand(s):
    return s.exp() / s.exp().sum(1, keepdim=True)


@pytest.mark.parametrize(
    ("end", "classes", "head"),
    [
        (lambda s: s, 4, "softmax"),
        (lambda s: s.view(-1, 4).contiguous().float(), 4, "softmax"),
        (lambda s: s, 1, "sigmoid"),
        (lambda s: s.squeeze(1), 1, "sigmoid"),
        (lambda s: s.softmax(1), 4, "probabilities"),
        (lambda s: torch.softmax(s, -1)[:, :, None, None].flatten(1), 4, "probabilities"),
        (lambda s: nn.Softmax(dim=1)(s), 4, "probabilities"),
        (by_hand, 4, "probabilities"),
        (lambda s: s.log_softmax(1).exp(), 4, "probabilities"),
        (lambda s: torch.stack([s.softmax(1), (3 * s).softmax(1)]).mean(0), 4, "probabilities"),
        (lambda s: s.softmax(1) / 2 + (3 * s).softmax(1) / 2, 4, "probabilities"),
        (torch.sigmoid, 4, "probabilities"),
        (torch.sigmoid, 1, "probabilities"),
        (lambda s: torch.cat([1 - s.sigmoid(), s.sigmoid()], 1), 1, "probabilities"),
        (lambda s: s.sigmoid().clamp(1e-6, 1 - 1e-6), 4, "probabilities"),
        (lambda s: s.log_softmax(1), 4, "log-probabilities"),
        (lambda s: by_hand(s).log(), 4, "log-probabilities"),
        (nn.functional.logsigmoid, 4, "log-probabilities"),
        (lambda s: s.softmax(1) * 100, 4, "softmax"),
        (lambda s: s * s.sigmoid(), 4, "softmax"),
        (lambda s: s - s.softmax(1), 4, "softmax"),
        (lambda s: {"logits": s, "attention": s.softmax(1)}, 4, "softmax"),
    ],
)
def test_the_head_is_what_the_output_was_computed_by(end, classes, head):
    assert opened(end, classes).head == head


def test_a_head_that_is_said_is_not_looked_for():
    network = opened(lambda s: s, head="sigmoid")
    assert network.head == "sigmoid"
    assert torch.allclose(network.record(X, "probabilities")["probabilities"], scores_of(network).sigmoid())


def test_an_unknown_head_is_refused():
    with pytest.raises(ValueError, match="a head is softmax, sigmoid, probabilities or log-probabilities, not 'relu'"):
        opened(lambda s: s, head="relu")


@pytest.mark.parametrize("head", ["softmax", "sigmoid", "probabilities", "log-probabilities"])
def test_logarithms_are_those_of_the_probabilities(head):
    scores = torch.tensor([[0.2, 0.5, 0.3]], dtype=torch.float64)
    scores = scores.log() if head == "log-probabilities" else scores
    right = probabilities(scores, head).log()
    assert torch.allclose(log_probabilities(scores, head), right)


def test_a_single_logit_is_answered_by_its_sigmoid():
    network = opened(lambda s: s - 3, 1, labels=["tumour"])
    guess = network.classify(X[:1])[0]
    right = (scores_of(network)[0] - 3).sigmoid().item()
    assert guess.label == "tumour"
    assert guess.probability == pytest.approx(right, abs=1e-6)


@dataclass
class Answer:
    hidden: torch.Tensor
    scores: torch.Tensor


Pair = namedtuple("Pair", "hidden logits")


@pytest.mark.parametrize(
    "end",
    [
        lambda s: {"hidden": s[:, :1], "logits": s},
        lambda s: {"aux": s[:, :1], "out": s},
        lambda s: Answer(s[:, :1], s),
        lambda s: Pair(s[:, :1], s),
        lambda s: (s, s[:, :1]),
        lambda s: [s, None],
        lambda s: s[:, None],
        lambda s: s[:, :, None, None],
        lambda s: ({"logits": s}, s[:, :1]),
    ],
)
def test_scores_are_found_in_whatever_they_come_in(end):
    network = opened(end)
    assert torch.equal(network.scores(X), scores_of(network))
    assert network.layer("logits").shape == (4,)
    assert torch.equal(network.record(X, "logits:2")["logits:2"], scores_of(network)[:, 2])


def test_a_batch_of_one_that_is_squeezed_away_is_put_back():
    network = opened(lambda s: s.squeeze())
    assert network.scores(X[:1]).shape == (1, 4)
    assert network.scores(X).shape == (2, 4)


BOXES = [{"boxes": torch.zeros(0, 4), "labels": torch.zeros(0), "scores": torch.zeros(0)}]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (lambda s: [dict(BOXES[0]) for _ in s], "a list of dicts of boxes, labels, scores"),
        (lambda s: torch.cat([s, s, s]), "a tensor of 6 × 4"),
        (lambda s: None, "nothing"),
    ],
)
def test_an_output_whose_rows_are_not_images_is_no_answer(output, words):
    network = opened(output)
    for ask in (network.scores, network.classify):
        with pytest.raises(NoScoresError, match=f"answers with {words} and gives no score for each class of an image"):
            ask(X)


def test_a_class_of_a_detector_is_refused_by_its_address():
    with pytest.raises(LookupError, match="answers with a list of dicts of boxes, labels, scores"):
        opened(lambda s: [dict(BOXES[0]) for _ in s]).address("logits:3")


def test_a_place_of_a_segmentation_can_be_asked_for():
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 3, 1)).eval()
    network = Network(module, Preprocessing.plain(16), labels=["road", "sky", "tree"])
    found = network.record(X, "logits:sky@9,12", "probabilities:sky@9,12")
    assert torch.equal(found["logits:sky@9,12"], module(X)[:, 1, 9, 12])
    assert torch.allclose(found["probabilities:sky@9,12"], module(X).softmax(1)[:, 1, 9, 12])


def test_what_an_output_is_called():
    assert described({"a": 1, "b": 2}) == "a dict of a, b"
    assert described(torch.zeros(2, 3)) == "a tensor of 2 × 3"
    assert described([]) == "an empty list"
    assert main_tensor(BOXES) is None
    assert per_image(torch.zeros(6, 4), 2) is None


def test_a_network_of_many_ways_is_looked_at_quickly():
    def squared_up(s):
        for _ in range(60):  # 2^60 ways lead back
            s = s * s.clamp(-1, 1)
        return s

    assert opened(squared_up).head == "softmax"
