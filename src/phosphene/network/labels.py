"""What a network's outputs are called, and which output a name means.

ImageNet's names come from torchvision's weights metadata, which is on this machine whether or not any weights are.
Names are not unique (older torchvision has two `crane`, two `maillot`): an ambiguous name is an error that lists the
indices, never a silent choice.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_SHOWN = 5
_TOO_CLOSE_TO_CALL = 0.6  # difflib's own default cutoff


@lru_cache(maxsize=1)
def imagenet() -> tuple[str, ...]:
    """The 1,000 ImageNet class names in torchvision's order (synsets sorted). Downloads nothing."""
    from torchvision.models import ResNet50_Weights

    return tuple(ResNet50_Weights.IMAGENET1K_V1.meta["categories"])


@dataclass(frozen=True)
class Labels:
    """Class names by index and indices by name.

    `names` is None if only the number of classes is known, and `count` is None if this is not known either.
    """

    names: tuple[str, ...] | None = None
    count: int | None = None

    def __post_init__(self) -> None:
        if self.names is None:
            return
        names = tuple(str(name) for name in self.names)
        object.__setattr__(self, "names", names)
        if self.count is None:
            object.__setattr__(self, "count", len(names))
        elif self.count != len(names):
            raise ValueError(f"labels name {len(names)} classes, but the network has {self.count}")

    @classmethod
    def imagenet(cls) -> "Labels":
        """The labels of a network with ImageNet's 1,000 classes."""
        return cls(imagenet())

    def __len__(self) -> int:
        return self.count or 0

    def __bool__(self) -> bool:
        return self.count is not None

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> str:
        """The name of class `index`, or 'class 17' where no names are known. IndexError beyond the last class."""
        if self.count is not None and not 0 <= index < self.count:
            raise IndexError(self._beyond(index))
        return f"class {index}" if self.names is None else self.names[index]

    def index(self, label: str | int) -> int:
        """The index of the class that `label` means: an index, its digits, 'class 17', a name or one of its parts.

        Case and surrounding space do not matter. A part is what stands between commas ("great grey owl, great gray
        owl, Strix nebulosa") and must belong to one class only. Raises LookupError for an index beyond the last
        class, for a name of several classes (it lists their indices), and for an unknown name (it lists near ones).
        """
        if isinstance(label, bool) or not isinstance(label, (str, int)):
            raise TypeError(f"a label is a class's name or index, not {label!r}")
        if isinstance(label, int):
            return self._checked(label)
        text = label.strip().casefold()
        for indices in (self._named(text), self._with_part(text)):
            if len(indices) == 1:
                return indices[0]
            if indices:
                choices = ", ".join(f"{i} ({self[i]})" for i in indices)
                raise LookupError(f"label {label!r} is the name of {len(indices)} classes; choose by index: {choices}")
        digits = text.removeprefix("class ").strip()
        if digits.isascii() and digits.removeprefix("-").isdigit():
            return self._checked(int(digits))
        raise LookupError(self._unknown(label, text))

    def _checked(self, index: int) -> int:
        if index < 0 or (self.count is not None and index >= self.count):
            raise LookupError(self._beyond(index))
        return index

    def _beyond(self, index: int) -> str:
        if self.count is None:
            return f"class {index} does not exist; indices begin at 0"
        return f"class {index} does not exist; the network has {self.count} classes, 0 to {self.count - 1}"

    def _named(self, text: str) -> list[int]:
        return [i for i, name in enumerate(self.names or ()) if name.casefold() == text]

    def _with_part(self, text: str) -> list[int]:
        return [i for i, name in enumerate(self.names or ()) if "," in name and text in _parts(name)]

    def _unknown(self, label: str, text: str) -> str:
        if self.names is None:
            how_many = "" if self.count is None else f", 0 to {self.count - 1}"
            return f"label {label!r} is not known: this network came without class names; give an index{how_many}"
        near = self.near(text)
        hint = f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
        return f"label {label!r} is not among the {len(self)} classes{hint}"

    def near(self, label: str) -> tuple[str, ...]:
        """Up to five names like `label`, the best first: similar spelling, then names that contain it as a word."""
        text = label.strip().casefold()
        by_part = {part: name for name in self.names or () for part in [name.casefold(), *_parts(name)]}
        alike = difflib.get_close_matches(text, by_part, n=_SHOWN, cutoff=_TOO_CLOSE_TO_CALL)
        holding = [part for part in by_part if text and text in part]
        names = [by_part[part] for part in [*alike[:2], *holding, *alike[2:]]]
        return tuple(dict.fromkeys(names))[:_SHOWN]


def _parts(name: str) -> list[str]:
    return [part.strip().casefold() for part in name.split(",")]
