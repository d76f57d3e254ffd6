"""Are the labels in the network's order? Sure answers that are nearly never the stated class say no."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from ...network import Network
from ...network.labels import imagenet
from .finding import FEWEST, Finding, percent
from .photos import Material


def labels_in_order(network: Network, material: Material, answers: Tensor | None) -> Finding:
    """Compares answers with the classes that the folder states, as they are and in other orders."""
    count = network.labels.count
    if answers is not None and count is not None and count != answers.shape[1]:
        words = f"There are {count} labels for {answers.shape[1]} outputs: which output a label means is not known."
        numbers = {"labels": count, "outputs": answers.shape[1]}
        return Finding("labels", "fault", words, numbers, "Give one label for each output, in the outputs' order.")
    # are they ImageNet's in another order? the photos then decide whether that is a fault
    names = network.labels.names
    shuffled = names is not None and names != imagenet() and sorted(names) == sorted(imagenet())
    if shuffled:
        assert names is not None
        moved = sum(a != b for a, b in zip(names, imagenet(), strict=True))
        words = f"The labels are ImageNet's in another order: {moved} of {len(names)} stand elsewhere than usual."
        advice = "Give ImageNet's usual order (synsets sorted): labels=phosphene.Labels.imagenet(), unless trained so."
        if answers is None or not bool((material.targets >= 0).any()):
            return Finding("labels", "warning", words, {"moved": moved}, advice)
    if answers is None:
        return Finding("labels", "note", f"{network.name} does not give one score a class, so no labels were judged.")
    # the photos: how many are right in the stated order, and in others
    labelled = material.targets >= 0
    count = int(labelled.sum())
    if count < FEWEST:
        words = f"The classes of {count} photos are known, too few to judge the labels' order."
        return Finding("labels", "note", words, {"labelled": count}, "Give a folder with one sub-folder a class.")
    targets, predicted = material.targets[labelled], answers[labelled].argmax(1)
    accuracy = share(predicted, targets)
    confidence = float(answers[labelled].exp().max(1).values.mean())
    accuracies = {name: share(predicted, order[targets]) for name, order in orders(network, answers.shape[1]).items()}
    evidence: dict[str, Any] = {"photos": count, "accuracy": accuracy, "confidence": confidence, "orders": accuracies}
    evidence["consistency"] = consistency(predicted, targets)
    best = max(accuracies, key=lambda name: accuracies[name])
    # files state numbers, so only the names are wrong
    if shuffled and accuracy >= accuracies.get("ImageNet's order", 0):
        evidence["moved"] = moved
        return Finding("labels", "fault", words, evidence, advice)
    # is another order clearly better, or are sure answers wrong in all of them?
    if accuracies[best] > max(2 * accuracy, accuracy + 0.2) and accuracies[best] * count >= 3:
        words = f"The labels fit in {best}: accuracy {percent(accuracies[best])} instead of {percent(accuracy)}."
        return Finding("labels", "fault", words, evidence, f"Give the labels in {best}.")
    together = evidence["consistency"]
    if accuracy < confidence / 4 and confidence > 0.35:
        alike = "" if together is None else f"; pairs of one class agree in {percent(together)}"
        words = (
            f"Answers are sure ({percent(confidence)}) yet right in only {percent(accuracy)} of {count} photos{alike}: "
            "its classes have another order than the labels."
        )
        return Finding("labels", "fault", words, evidence, "Give the labels in the order of the training's classes.")
    if accuracy < confidence / 2:
        words = f"Right in {percent(accuracy)} of {count} photos, though sure to {percent(confidence)}."
        return Finding("labels", "note", words, evidence, "Look at the photos that are named wrongly.")
    return Finding(
        "labels", "good", f"The labels fit: {percent(accuracy)} of {count} photos are named right.", evidence
    )


def orders(network: Network, classes: int) -> dict[str, Tensor]:
    """Other places that each class could have among the outputs: name -> (classes,)."""
    index = torch.arange(classes)
    result = {
        "an order one later": (index + 1) % classes,
        "an order one earlier": (index - 1) % classes,
        "reverse order": index.flip(0),
        "the order of numbers sorted as texts": ranks([str(i) for i in range(classes)]),
    }
    names = network.labels.names
    if names and len(names) == classes:
        result["alphabetical order"] = ranks([name.casefold() for name in names])
        if sorted(names) == sorted(imagenet()):
            usual = {name: i for i, name in enumerate(imagenet())}
            result["ImageNet's order"] = torch.tensor([usual[name] for name in names])
    return result


def ranks(texts: list[str]) -> Tensor:
    rank_of = {index: rank for rank, index in enumerate(sorted(range(len(texts)), key=texts.__getitem__))}
    return torch.tensor([rank_of[index] for index in range(len(texts))])


def share(predicted: Tensor, targets: Tensor) -> float:
    return round(float((predicted == targets).double().mean()), 4)


def consistency(predicted: Tensor, targets: Tensor) -> float | None:
    """The share of pairs of photos of one class that get the same answer; None where no class has two."""
    pairs = [(a, b) for a, b in combinations(range(len(targets)), 2) if targets[a] == targets[b]]
    return sum(bool(predicted[a] == predicted[b]) for a, b in pairs) / len(pairs) if pairs else None
