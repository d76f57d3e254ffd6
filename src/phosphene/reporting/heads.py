"""What the report says of a network's scores and probabilities, by its head."""

from __future__ import annotations

SENTENCES = {
    "softmax": "The softmax turns the scores into probabilities that add up to 1; they say how the classes compare for "
    "this network, not how likely it is to be right.",
    "sigmoid": "The sigmoid turns each score into a probability of its own; they need not add up to 1, and say how "
    "sure this network is, not how likely it is to be right.",
    "probabilities": "These are probabilities already; they say how sure this network is, not how likely it is to be "
    "right.",
    "log-probabilities": "These are logarithms of probabilities; they say how sure this network is, not how likely "
    "it is to be right.",
}
NOTES = {
    "softmax": "probability after the softmax over all {} scores, score before it.",
    "sigmoid": "probability after the sigmoid of each score ({} in all), score before it.",
    "probabilities": "probability and score are the same: what the network returns for each of {} classes.",
    "log-probabilities": "score as the network returns it for each of {} classes, probability its exponential.",
}
