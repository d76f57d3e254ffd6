"""Representations that nobody trained, opened by name as networks: `hog`."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from ..hog import HOG, Settings
from ..labels import Labels
from ..preprocessing import Preprocessing
from .source import Source

NAME = "hog"
SIZE = (224, 224)


def open_hog() -> Source:
    """Histograms of oriented gradients of 224 × 224 px, votes shared between directions as Dalal and Triggs have it.

    Its layers are `gradients`, `cells` and `blocks`, which it returns as maps. With shared votes a flip of the image
    exchanges directions exactly.
    """
    parts = HOG(Settings(), "shared")
    stages = OrderedDict(gradients=parts.gradients, cells=parts.cells, blocks=parts.blocks)
    return Source(nn.Sequential(stages).eval(), Preprocessing(size=SIZE, resize=SIZE), Labels(), spec=NAME)
