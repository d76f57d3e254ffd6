"""One grammar of addresses: what in a network is meant.

`layer`, `layer:channel`, `layer:channel@row,column`, `layer@row,column`, `logits:goose`, `probabilities:goose`; for
token networks `@cls` and `@register1` name the tokens that have no place. `logits` is what the network returns,
`probabilities` what its head makes of it (`outputs`); their channels are classes, by name or number, and those of a
segmentation network have places: `logits:road@9,20`. The channel comes after the last colon, since a layer's name may
have one, too.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

OUTPUTS = ("logits", "probabilities")
_PLACE = re.compile(r"@(?:(-?\d+)\s*,\s*(-?\d+)|(cls|register\d+))$")


@dataclass(frozen=True)
class Address:
    """A layer, and a part of it: a channel or class, a place (row, column) or a token; None means all."""

    layer: str
    channel: int | str | None = None  # a class may go by its name until the network's labels are known
    place: tuple[int, int] | None = None
    token: str | None = None

    @classmethod
    def parse(cls, text: str | Address) -> Address:
        """Reads an address; ValueError says what is wrong with one that can't be read."""
        if isinstance(text, Address):
            return text
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"an address is a text such as 'layer3:17@5,6' or 'logits:goose'; got {text!r}")
        layer, colon, rest = text.strip().partition(":")
        if layer in OUTPUTS:
            if colon and not rest.strip():
                raise ValueError(f"address {text!r} names no class after the colon; write e.g. '{layer}:goose'")
            name, place, token = _split_place(rest.strip())
            return cls(layer, int(name) if name.isdecimal() else name or None, place, token)
        body, place, token = _split_place(text.strip())
        if "@" in body:
            raise ValueError(f"address {text!r}: after '@' comes 'row,column', 'cls' or 'register1'")
        layer, colon, channel = body.rpartition(":") if ":" in body else (body, "", "")
        if colon and not channel.isdecimal():
            raise ValueError(f"address {text!r}: after ':' comes a channel's number, not {channel!r}")
        if not layer:
            raise ValueError(f"address {text!r} names no layer")
        return cls(layer, int(channel) if colon else None, place, token)

    def __str__(self) -> str:
        channel = "" if self.channel is None else f":{self.channel}"
        place = f"@{self.place[0]},{self.place[1]}" if self.place else f"@{self.token}" if self.token else ""
        return f"{self.layer}{channel}{place}"


def _split_place(text: str) -> tuple[str, tuple[int, int] | None, str | None]:
    """A text without the place or the token that it ends in, and these."""
    match = _PLACE.search(text)
    if match is None:
        return text, None, None
    return text[: match.start()], None if match[3] else (int(match[1]), int(match[2])), match[3]


def near(name: str, names: Iterable[str], count: int = 3) -> str:
    """'; near it: a, b' for a name that isn't among `names`, or '' if nothing comes close."""
    choices = list(dict.fromkeys(names))
    matches = difflib.get_close_matches(name, choices, count, 0.5)
    matches += [n for n in choices if name and name.lower() in n.lower() and n not in matches][: count - len(matches)]
    return f"; near it: {', '.join(matches)}" if matches else ""
