"""Why this answer: several methods side by side on one photo, for one class or for several.

Methods measure different things, so each has a range of its own; for several classes it is one for all of them, so that
what a class gets less of looks paler. Any class can be asked about: the sheet says what the network answered and how
the asked class stands, and only for the class that is the answer it is headed as the answer's why. A method that can't
answer for a network says so at the foot of the sheet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ..instrument import Result, instrument
from ..instrument.roles import Images, MethodNames, Target
from ..network import Network
from ..picture import (
    Block,
    ColourBar,
    Range,
    Row,
    Sheet,
    TextBlock,
    apply_range,
    capital,
    compact,
    ends,
    map_range,
)  # fmt: skip
from .maps.answered import Answered, answered, why_title
from .maps.attribution import Attribution
from .maps.overlay_rows import GAP, colours, over_block, photo_block, sheet_width
from .maps.paging import page_of
from .maps.targets import questions
from .trials.contenders import attempt, contenders

WIDTH = 250.0  # of a picture
COLUMNS = 4  # pictures in a row
DEFAULT = ("cam", "grad_cam", "occlusion", "guided", "integrated_gradients", "lrp", "smooth_grad")
SIGNED, PLAIN = "symmetric:99.5", "percentile:0:99.5"


@dataclass(frozen=True, eq=False, kw_only=True)
class Why(Result):
    """What several methods find for the same targets."""

    network: str
    targets: tuple[str, ...]
    names: tuple[str, ...]  # of the methods, in words
    results: tuple[Attribution, ...] = field(repr=False)  # one a method
    refused: dict[str, str]  # methods that can't answer for this network, and what they say
    answers: tuple[Answered | None, ...] = field(repr=False)  # how each target stands among the network's classes
    step: int = 0  # methods that were asked
    steps: int = 0  # of how many
    following: str = ""  # the method that is asked next

    @property
    def progress(self) -> str:
        return self.following or "all methods"

    @property
    def finished(self) -> bool:
        return self.step == self.steps

    def ranges(self, rule: str | None = None) -> list[Range]:
        """One range a method, over all its maps."""
        maps = [one.maps.float().cpu().numpy() for one in self.results]
        return [
            map_range(values, rule or (SIGNED if one.signed else PLAIN)).ranges[0]
            for values, one in zip(maps, self.results, strict=True)
        ]

    def sheet(self, *, range: str | None = None, page: int = 1) -> Sheet:
        """The photo, and every method's map over it; with several targets a block for each.

        - `range`: how each method's values become colours, over all targets: symmetric, symmetric:percentile, minmax,
          percentile:low:high or low:high; up to the 99.5th percentile if not given
        - `page`: which page of twelve targets, from 1
        """
        indices, where = page_of(len(self.targets), page, "targets")
        ranges = self.ranges(range)
        blocks: list[Block] = []
        for index in indices:
            # a target: its heading, the answer, and every method over the photo
            photo, frame = self.results[0].photo(index)
            text = f"{self.targets[index]} · {compact(float(self.results[0].scores[index]))}"
            blocks.append(TextBlock(text, size=20, weight="bold"))
            if (answer := self.answers[index]) is not None:
                blocks.append(TextBlock(capital(f"{answer}.")))
            cells = [photo_block(photo, frame, WIDTH)]
            for name, one, scale in zip(self.names, self.results, ranges, strict=True):
                shares = apply_range(one.maps[index].float().cpu().numpy(), scale)
                notes = "; ".join(part for part in (ends(scale), one.note(index)) if part)
                cells.append(over_block(photo, frame, shares, one.signed, WIDTH, name, notes))
            blocks += [Row(cells[at : at + COLUMNS], gap=GAP) for at in _range(0, len(cells), COLUMNS)]
        # a bar for methods with a sign and one for those without
        for signed, label in ((True, "against · for"), (False, "little · much")):
            kinds = [scale for scale, one in zip(ranges, self.results, strict=True) if one.signed == signed]
            if kinds:
                bar = Range(-1.0, 1.0, "-1:1") if signed else Range(0.0, 1.0, "unit")
                blocks.append(ColourBar(colours(signed), bar, f"{label}, share of the range"))
        # title and caption
        over_all = "A method has one range over all targets, which" if len(self.targets) > 1 else "A method's range"
        caption = f"{over_all} stands below its maps."
        caption += "".join(f" {_sentence(name, notes)}" for name, notes in self.refused.items())
        photos = self.results[0].names
        title = why_title([self.targets[i] for i in indices], [self.answers[i] for i in indices])
        width = max(700.0, sheet_width(min(COLUMNS, len(self.results) + 1), WIDTH))
        text = f"{self.network} on {photos}: {', '.join(self.targets[i] for i in indices)} by {', '.join(self.names)}"
        return Sheet(
            title,
            f"{self.network} on {photos}{where}",
            blocks,
            caption=caption,
            width=width,
            description=text,
            ranges=ranges,
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "targets": list(self.targets),
            "methods": [{"name": name, **one.to_dict()} for name, one in zip(self.names, self.results, strict=True)],
            "refused": self.refused,
            "answers": [None if answer is None else answer.to_dict() for answer in self.answers],
        }


_range = range  # `picture` has an option of that name


@instrument
def why(
    network: Network, images: Images, target: Target = None, *, methods: MethodNames | None = None
) -> Iterator[Why]:
    """Why the network gives an answer: saliency maps of several methods, side by side.

    The sheet also says which class is the network's answer, and the probability and rank of the class you ask about.

    A step is one method. Methods that don't work with this network are left out, and the sheet says why. Raises
    LookupError for targets and methods that do not exist, ValueError if none of the methods works.

    - `target`: a class or unit, such as 'logits:goose'; if not given, each image's best class
    - `methods`: the methods, of those that `phosphene judge` knows, each with its options, such as 'grad_cam,
      occlusion:window=48,stride=24'; seven methods if not given
    """
    x = network.inputs(images)
    question = questions(network, x, target)
    target_names = [str(address) for address in question.addresses]
    named = contenders(methods if methods else list(DEFAULT))
    result = Why(
        network=network.name, targets=question.names, names=(), results=(), refused={},
        answers=answered(network, x.detach(), question), steps=len(named),
    )  # fmt: skip
    for step, one in enumerate(named, 1):
        maps, refusal = attempt(one, one.result, network, images, target_names)
        if refusal is None:
            result = replace(result, names=(*result.names, one.name), results=(*result.results, maps))
        else:
            result = replace(result, refused={**result.refused, one.name: refusal})
        result = replace(result, step=step, following=named[step].name if step < len(named) else "")
        if result.results:
            yield result
    if not result.results:
        refusal = "; ".join(dict.fromkeys(result.refused.values()))
        raise ValueError(f"none of the methods can answer for {network.name}: {refusal}")


def _sentence(name: str, refusal: str) -> str:
    return f"Without {name}: {refusal.rstrip('.')}."
