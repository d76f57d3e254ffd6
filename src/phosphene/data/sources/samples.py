"""WebDataset's convention: members of a tar that follow each other and share a basename are one sample.

    000017.jpg  000017.cls  000017.json      an image, its class, and more about it

The basename ends at the first point of the file's name. Source: github.com/webdataset/webdataset, "The WebDataset
Format".
"""

from __future__ import annotations

import json
import re

from ...picture import SUFFIXES

NAME = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]+)")
TOLD = ("cls", "json", "txt")  # the endings of a sample's members that may tell its class
KEYS = ("class_name", "label_name", "classname", "class", "label", "cls", "category", "target")
LONGEST = 100  # characters of a text that can be a class; longer ones are captions


def parted(name: str) -> tuple[str, str]:
    """A member's basename and its ending."""
    match = NAME.fullmatch(name)
    return (match[1], match[2].lower()) if match else (name, "")


def main_image(image_names: list[str]) -> str:
    """The image of a sample, where it has several: the one without more in its ending, as in 000017.seg.png."""
    return next((name for name in image_names if f".{parted(name)[1]}" in SUFFIXES), image_names[0])


def label(members: dict[str, bytes]) -> str | None:
    """The class that a sample's members tell: a name in the JSON, the .cls, a short .txt, a number in the JSON."""
    texts = {ending: data.decode("utf-8", "replace").strip() for ending, data in members.items()}
    try:
        fields = json.loads(texts.get("json", "null"))
    except (ValueError, RecursionError):
        fields = None
    values = [fields[key] for key in KEYS if key in fields] if isinstance(fields, dict) else []
    names = [one for one in values if isinstance(one, str) and one]
    numbers = [str(one) for one in values if isinstance(one, int)]
    for text in (*names, texts.get("cls", ""), texts.get("txt", ""), *numbers):
        if text and len(text) <= LONGEST and "\n" not in text:
            return text
    return None
