"""Which instrument refuses which kind of network, and what it says. All else has to answer."""

from __future__ import annotations

COLOURS = "synthesize class_image invert caricature dream diverse adversarial fool robustness sensitivities".split()
CLASSES = "classify judge adversarial robustness fool class_image".split()  # need a score for each class of an image
ADDRESSES = ["probabilities", "occlusion of a probability", "place of a class"]  # name a class of the output
SEGMENTING, DETECTING = ("maps", "maps of one class"), ("boxes in dicts", "boxes in a tensor")
ATTENDING = ("attention with separate projections", "attention with joint projections")
ENDS_BENT = ("ends in a softmax", "ends in a sigmoid", "ends in a log-softmax", "a mean of two softmaxes")

BY_KIND: list[tuple[tuple[str, ...], list[str], str]] = [
    (
        ("one logit", "one number an image"),
        ["adversarial", "robustness"],
        "one score an image, so there is no other class",
    ),
    (SEGMENTING, [*CLASSES, "gradient of the answer"], "an image, not one score a class; it is no classifier"),
    (DETECTING, [*CLASSES, *ADDRESSES, "gradient of the answer", "selectivity"], "answers with a .* no score for each"),
    (("2 channels", "4 channels", "6 channels"), COLOURS, "takes inputs of . channels and a photo has 3"),
    (("ends in a softmax", "ends in a log-softmax", "a mean of two softmaxes"), ["lrp"], "held constant"),
    (ENDS_BENT, ["cam"], "cam needs a network that ends in global average pooling and a linear layer"),
    ((*SEGMENTING, *DETECTING), ["cam"], "the score does not take all places of .* alike"),
    (
        ("dropout that is always on",),
        ["occlusion", "occlusion of a probability", "cam", "locate", "integrated_gradients"],
        "answers at random: the same image gives other values each time, from dropout on",
    ),
    (("a scripted part",), ["deconvnet", "guided", "lrp"], "the inside of 'second', a scripted part, can't be seen"),
    (
        (*ATTENDING, "attention pooling by a learned query", "a scripted part"),
        ["cam"],
        "does not take all places of .* alike",
    ),
    (ATTENDING, ["locate"], "has no number above 0"),
    (("maps of one class",), ["selectivity"], "has no maps of at least 2 channels"),
]


def refusal_of(kind: str, instrument: str) -> str | None:
    """What the sentence has to match; None where the instrument has to answer."""
    if instrument == "place of a class" and kind not in (*SEGMENTING, *DETECTING):
        return "logits has 1 rows and 1 columns of units, no place 5,6"
    return next((words for kinds, names, words in BY_KIND if kind in kinds and instrument in names), None)
