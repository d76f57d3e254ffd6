"""What the networks, and the answers that they give, are called: the same word only for the same thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ...network import Network
from ...network.labels import Labels


def network_titles(networks: Sequence[Network]) -> list[str]:
    """Each network's name, numbered where several have the same; ValueError if one network is given twice."""
    known: set[tuple] = set()
    for network in networks:
        names = network.labels.names
        same = network.name, network.fingerprint, network.preprocessing, names
        if same in known:
            raise ValueError(f"{network.name} is given twice, with the same weights; give each network once")
        known.add(same)
    counts, seen = Counter(network.name for network in networks), Counter[str]()
    titles = []
    for network in networks:
        seen[network.name] += 1
        titles.append(network.name if counts[network.name] == 1 else f"{network.name} ({seen[network.name]})")
    return titles


def answer_keys(networks: Sequence[Network], titles: Sequence[str]) -> list[list[str]] | None:
    """For each network, its classes' keys: two answers are the same if their keys are. None: compare the numbers.

    Networks with the same labels are compared by the number of the class. Otherwise the key is the name up to its first
    comma, or the whole name where several classes of the network begin alike. ValueError for a network without class
    names beside one that has other classes.
    """
    labels = [network.labels for network in networks]
    if all(each.names == labels[0].names and each.count == labels[0].count for each in labels):
        return None
    for title, each in zip(titles, labels, strict=True):
        if each.names is None:
            raise ValueError(
                f"{title} names no classes and the networks have not all the same number, so their answers can't be "
                "compared; give it its labels: phosphene.Network(module, preprocessing, labels)"
            )
    return [_keys(each) for each in labels]


def _keys(labels: Labels) -> list[str]:
    firsts = [name.partition(",")[0].strip().casefold() for name in labels]
    counts = Counter(firsts)
    return [first if counts[first] == 1 else name.casefold() for first, name in zip(firsts, labels, strict=True)]
