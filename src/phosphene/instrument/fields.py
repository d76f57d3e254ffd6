"""A field: one thing that an instrument is given, with its role, how it is written, its help and its default."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .kinds import Kind

REQUIRED = inspect.Parameter.empty  # the default of what must be given


class Role(StrEnum):
    """What a parameter is for."""

    NETWORK = "network"
    NETWORKS = "networks"
    IMAGES = "images"  # what the network is shown: photos, or its input
    IMAGE_SET = "image set"  # any number of images, by their files and folders, too
    PHOTO = "photo"
    PHOTOS = "photos"  # photos to compare with, by their files and folders, too
    QUERIES = "queries"  # images of an atlas, by their keys or numbers, or photos, by their files
    FOLDER = "folder"
    FILE = "file"  # of data that belongs to the images, such as boxes
    ATLAS = "atlas"
    LAYER = "layer"
    LAYERS = "layers"
    TARGET = "target"  # a class or unit
    UNIT = "unit"
    LABEL = "label"  # a class, by its name or number
    LABELS = "labels"
    OPTION = "option"


@dataclass(frozen=True)
class Field:
    """One thing that an instrument, or its picture, is given.

    `kind` says how its value is written as text, and which choices there are; None for what is opened instead.
    """

    name: str
    role: Role
    help: str
    default: Any
    kind: Kind | None

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is REQUIRED
