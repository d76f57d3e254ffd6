"""Priors and transforms by name, as texts that every face can write.

    NAME                            with its defaults: 'noise'
    NAME:VALUE                      with its main value: 'tv:0.05', 'scale:0.9-1.1'
    NAME:VALUE,OPTION=VALUE,…       with other options: 'tv:0.05,beta=1.5', 'crop:0.5-1.2,rotate=10'

Put commas between several; they are applied in this order. 'usual' stands for the instrument's own,
'none' for none at all. In Python you can also give the objects themselves; a picture's record contains the texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from ...instrument.kinds import Kind, one_or_several
from ...instrument.texts import specs
from ...instrument.travelling import OPTIONS, travels
from ...instrument.travelling import Kind as Travelling
from ...network import near
from .objectives import Objective
from .options import positive
from .priors import (
    GREY,
    Blur,
    ClipContribution,
    ClipNorm,
    Colours,
    Decay,
    Fade,
    Falling,
    OfSpectrum,
    Prior,
    alpha_norm,
    exact,
    squared_norm,
    total_variation,
)
from .transforms import Cropped, Moved, Noised, Roll, Several, Transform

NONE, USUAL = "none", "usual"
CODE = "python"  # in an account, before the name of what only Python code can be

_TEXTS = Kind(list[str], "NAME:VALUE,…", one_or_several)
Priors = Annotated[str | Objective | OfSpectrum | Prior | Sequence[str | Objective | OfSpectrum | Prior], _TEXTS]
Transforms = Annotated[str | Transform | Sequence[str | Transform], _TEXTS]


@dataclass(frozen=True)
class Named:
    """The meaning of a name: what makes the part, and how each of its values is read, the main one first."""

    make: Callable[..., Any]
    reads: Mapping[str, Callable[[str], Any]]
    needs: bool = False  # whether the main value must be given


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"it takes a number, not {text!r}") from None


def whole(text: str) -> int:
    if not text.strip().isdigit():
        raise ValueError(f"it takes a whole number, not {text!r}")
    return int(text)


def range_of(text: str) -> tuple[float, float]:
    """The two numbers of '0.9-1.1'."""
    match = re.fullmatch(r"\s*([\d.]+)\s*[-–]\s*([\d.]+)\s*", text)
    if match is None:
        raise ValueError(f"it takes a range such as 0.9-1.1, not {text!r}")
    return number(match[1]), number(match[2])


def number_or_range(text: str) -> float | tuple[float, float]:
    return range_of(text) if re.search(r"[\d.]\s*[-–]", text) else number(text)


def _cost(term: Callable[..., Objective]) -> Callable[..., Objective]:
    """A function that makes a cost from its weight and the term's own options."""
    return lambda weight, **options: positive(weight, "a weight", zero=True) * term(**options)


def _crop(range: tuple[float, float] = (0.5, 1.2), rotate: float = 0.0) -> Cropped:
    return Cropped(*range, rotate)


PRIORS: Mapping[str, Named] = {
    "tv": Named(_cost(total_variation), {"weight": number, "beta": number}, needs=True),
    "l2": Named(_cost(squared_norm), {"weight": number, "mean": number}, needs=True),
    "lp": Named(
        _cost(lambda p=6.0, mean=GREY: alpha_norm(p, mean)), {"weight": number, "p": number, "mean": number}, needs=True
    ),
    "decay": Named(Decay, {"rate": number, "mean": number}, needs=True),
    "blur": Named(lambda sigma, every=4: Blur(sigma, every), {"sigma": number, "every": whole}, needs=True),
    "clip-norm": Named(ClipNorm, {"percentile": number, "mean": number}, needs=True),
    "clip-contribution": Named(ClipContribution, {"percentile": number, "mean": number}, needs=True),
    "fade": Named(Fade, {"share": number}),
    "spectrum": Named(Falling, {"power": number}, needs=True),
    "colours": Named(Colours, {"kind": str.strip}, needs=True),
}
TRANSFORMS: Mapping[str, Named] = {
    "jitter": Named(lambda pixels: Roll(pixels), {"pixels": whole}, needs=True),
    "shift": Named(lambda share=16 / 224: Moved(share, 0.0, 0.0), {"share": number}),
    "scale": Named(lambda range=0.1: Moved(0.0, range, 0.0), {"range": number_or_range}),
    "rotate": Named(lambda degrees=10.0: Moved(0.0, 0.0, degrees), {"degrees": number}),
    "crop": Named(_crop, {"range": range_of, "rotate": number}),
    "noise": Named(Noised, {"deviation": number}),
}


# ---- from texts and objects to parts


def priors_of(priors: Priors, usual: Sequence[Any]) -> tuple[Any, ...]:
    """Costs, changes of the pixels and properties of a spectrum, in the order of the texts.

    Raises LookupError for an unknown name, ValueError for an impossible value, TypeError for other objects.
    """
    return tuple(_parts(priors, usual, "prior", PRIORS, lambda each: isinstance(each, (Objective, OfSpectrum))))


def transform_of(transforms: Transforms, usual: Transform | None) -> Transform | None:
    """One transform that applies all of them in order; None for none. Raises as `priors_of` does.

    Shifts, scales and rotations that follow each other are one movement, so that the image is resampled once.
    """
    parts: list[Transform] = []
    for part in _flat(
        _parts(transforms, () if usual is None else (usual,), "transform", TRANSFORMS, lambda each: False)
    ):
        movement = _join(parts[-1], part) if parts else None
        if movement is not None:
            parts[-1] = movement
        else:
            parts.append(part)
    return None if not parts else parts[0] if len(parts) == 1 else Several(tuple(parts))


def _flat(transforms: Iterable[Transform]) -> Iterator[Transform]:
    for each in transforms:
        if isinstance(each, Several):
            yield from _flat(each.transforms)
        else:
            yield each


def _join(first: Transform, second: Transform) -> Moved | None:
    """Both movements as one; None if both move in the same way, or one is no movement."""
    if not isinstance(first, Moved) or not isinstance(second, Moved):
        return None
    one, other = _movements(first), _movements(second)
    return None if one.keys() & other.keys() else Moved(**{**dict.fromkeys(_MOVEMENTS, 0.0), **one, **other})


_MOVEMENTS = {"shift": "shift", "scale": "scale", "turn": "rotate"}  # a movement's fields, and their names as texts


def _movements(moved: Moved) -> dict[str, Any]:
    """The fields of a movement that move anything."""
    return {field: value for field in _MOVEMENTS if (value := getattr(moved, field)) != 0}


def _parts(
    parts: Any, usual: Sequence[Any], what: str, table: Mapping[str, Named], is_part: Callable[[Any], bool]
) -> list[Any]:
    several = list(parts) if isinstance(parts, (list, tuple)) else [parts]
    result: list[Any] = []
    names: list[str] = []
    for each in several:
        if isinstance(each, str):
            for spec in specs([each]):
                names.append(spec)
                result += usual if spec == USUAL else [] if spec == NONE else [_named(spec, what, table)]
        elif is_part(each) or callable(each):
            names.append("")
            result.append(each)
        else:
            raise TypeError(f"a {what} is a text such as {_example(table)!r}, or the object, not {each!r}")
    if not names:
        raise ValueError(f"no {what} was named; write {NONE!r} for none, or one of {', '.join(table)}")
    if NONE in names and len(names) > 1:
        raise ValueError(f"{NONE!r} stands alone, and other {what}s are given with it; leave out one or the other")
    return result


def _named(spec: str, what: str, table: Mapping[str, Named]) -> Any:
    """The part that a text names."""
    head, *rest = spec.split(",")
    name, colon, main = head.partition(":")
    name = name.strip().replace("_", "-")
    if name == CODE:
        raise ValueError(f"the {what} {main} is Python code, which a text does not hold; make it again in Python")
    if name not in table:
        raise LookupError(f"there is no {what} {name!r}{near(name, table)}; the {what}s are {', '.join(table)}")
    entry = table[name]
    first = next(iter(entry.reads))
    if colon and "=" in main:
        main, rest = "", [main, *rest]
    values = {first: main} if main.strip() else {}
    for part in rest:
        option, _, value = (piece.strip() for piece in part.partition("="))
        if option not in entry.reads:
            raise LookupError(f"{name} has no option {option!r}; it takes {', '.join(entry.reads)}")
        if option in values:
            raise ValueError(f"{name} is given {option} twice; give it once")
        values[option] = value
    if entry.needs and first not in values:
        raise ValueError(f"{name} needs its {first}: {name}:{first.upper()}")
    try:
        return entry.make(**{option: entry.reads[option](value) for option, value in values.items()})
    except ValueError as error:
        raise ValueError(f"{what} {spec!r}: {error}") from None


def _example(table: Mapping[str, Named]) -> str:
    return "tv:0.05" if table is PRIORS else "jitter:16"


# ---- and back


def spec_of(part: Any) -> str:
    """The text that names a part; for Python code without such a text, 'python:' and its name in the code."""
    text = "" if part is None else _spec(part)
    return text or f"{CODE}:{getattr(part, '__qualname__', type(part).__name__)}"


def _spec(part: Any) -> str:
    if isinstance(part, Objective):
        known = all(each.spec and weight >= 0 for weight, each in part.terms)
        return ",".join(each.spec.format(weight=exact(weight)) for weight, each in part.terms) if known else ""
    if isinstance(part, Several):
        return ",".join(spec_of(each) for each in part.transforms)
    if isinstance(part, Moved):
        return ",".join(f"{_MOVEMENTS[field]}:{_text(value)}" for field, value in _movements(part).items()) or "shift:0"
    if isinstance(part, Cropped):
        return f"crop:{_text((part.low, part.high))}" + (f",rotate={exact(part.turn)}" if part.turn else "")
    if isinstance(part, Blur):
        return f"blur:{exact(part.sigma_px)}" + (f",every={part.every}" if part.every != 4 else "")
    if isinstance(part, Fade):
        return "fade" if part.share is None else f"fade:{exact(part.share)}"
    if isinstance(part, Colours):
        return f"colours:{part.kind}"
    for kind, (name, field) in _FIELDS.items():
        if isinstance(part, kind):
            mean = getattr(part, "mean", GREY)
            return f"{name}:{exact(getattr(part, field))}" + (f",mean={exact(mean)}" if mean != GREY else "")
    return ""


_FIELDS = {
    Decay: ("decay", "rate"),
    ClipNorm: ("clip-norm", "percentile"),
    ClipContribution: ("clip-contribution", "percentile"),
    Falling: ("spectrum", "power"),
    Roll: ("jitter", "most"),
    Noised: ("noise", "deviation"),
}


def _text(value: float | tuple[float, float]) -> str:
    return "-".join(map(exact, value)) if isinstance(value, tuple) else exact(value)


def _is_part(value: Any) -> bool:
    return isinstance(value, (Objective, OfSpectrum)) or callable(value)


travels(Travelling(OPTIONS, _is_part, spec_of, lambda text, origin: text))
