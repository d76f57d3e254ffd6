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
    SOURCE = "source"  # of any number of images: folders, archives, tables, data sets, photos
    PHOTO = "photo"
    PHOTOS = "photos"  # photos to compare with, by their files and folders, too
    FOLDER = "folder"
    FOLDERS = "folders"
    FILE = "file"  # of data that belongs to the images, such as boxes
    ATLAS = "atlas"
    LAYER = "layer"
    LAYERS = "layers"
    TARGET = "target"  # a class or unit
    UNIT = "unit"
    LABEL = "label"  # a class, by its name or number
    LABELS = "labels"
    METHOD = "method"  # a way to do it, by its name
    METHODS = "methods"
    QUERY = "query"  # images of an atlas, by key or number, or photos to compare with them
    RUN = "run"  # how it runs, which changes nothing of what comes out: no account names it
    OPTION = "option"


WORDS = {Role.LABEL: "class", Role.LABELS: "class"}  # what faces call a role, whatever the parameter's name


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
    former: tuple[str, ...] = ()  # names that it had before
    positional: bool = False  # whether Python callers must give it, in its place, be it None

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is REQUIRED

    @property
    def word(self) -> str:
        """What it is called where it is written as text: by its role where that has a word of its own."""
        return WORDS.get(self.role, self.name).replace("_", "-")

    def read(self, text: Any) -> Any:
        """The value that a text, or a list of texts, stands for. ValueError names the field."""
        if text is None or self.kind is None:
            return text
        if not self.required and text == self.kind.default_of(self.default):
            return self.default
        try:
            return self.kind.convert(text)
        except ValueError as error:
            words = " ".join(map(str, text)) if isinstance(text, list) else text
            raise ValueError(f"--{self.word} {words}: {error}") from error
