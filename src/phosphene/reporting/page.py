"""The report's page: every section computed, set by the template, and written whole or not at all.

The file needs nothing outside itself, and holds no date: the same network and photo give the same bytes.
"""

from __future__ import annotations

import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..instrument.spelling import command, script
from ..network import Network
from ..picture import THEMES, Photo, compact, write_whole
from . import heads, sections
from .choose import choose
from .synthesised import synthesised

if TYPE_CHECKING:
    from ..atlas import Atlas
    from .from_atlas import Known

PACKAGES = ("phosphene", "torch", "torchvision", "timm", "numpy", "pillow")
SUFFIXES = (".html", ".htm")


def report(
    network: Network, photo: Photo, path: str | os.PathLike[str], atlas: str | os.PathLike[str] | None = None
) -> Path:
    """One self-contained HTML file that tells what the network sees in the photo; returns its path.

    It shows the photo as the network gets it, the five best classes and maps of why the best two got their scores, the
    network drawn with a table of its layers, its filters, and for an early, a middle and a late layer its activation
    maps and its strongest units with what they see of the photo, and images made for its best class and those units.
    With an `atlas` of the network, opened or its path, each of these units is shown with the patches of the data set
    that it answers to most, and the photo with the images that are most like it; layers are then those that the atlas
    holds, where it has any near. The file appears whole or not at all.

    Raises ValueError for a suffix that is not .html, a network that does not run on the photo or an atlas of another
    one, TypeError for what is no photo or no network, FileNotFoundError for a missing folder, OSError if the disk
    refuses.
    """
    target = _target(path)
    if not isinstance(network, Network):
        raise TypeError(f"a report is on a phosphene.Network, not {type(network).__name__}; phosphene.load opens one")
    if not isinstance(photo, Photo):
        raise TypeError(f"a report is on one photo, not {type(photo).__name__}; phosphene.read opens one")
    write_whole(target, page(network, photo, atlas).encode("utf-8", "replace"))
    return target


def page(network: Network, photo: Photo, atlas: str | os.PathLike[str] | None = None) -> str:
    """The report as HTML."""
    layers = network.layers(network.frame(photo).size)
    chosen = choose(layers)
    known: Known | None = None
    belonging: Atlas | None = None
    if atlas is not None:
        from . import from_atlas

        belonging = from_atlas.belonging(atlas, network)
        chosen = from_atlas.held(belonging, network, chosen, layers)
    filters, no_filters = sections.kernels(network)
    classes = sections.classes(network, photo)
    versions = {name: metadata.version(name) for name in PACKAGES} | {"python": platform.python_version()}
    record: dict[str, Any] = {
        "network": {"spec": network.spec, "class": type(network.module).__name__, "fingerprint": network.fingerprint},
        "photo": {"name": photo.name, "path": photo.path, "sha256": photo.sha256},
        "preprocessing": network.preprocessing.to_dict(),
        "layers": {part.part: part.layer.name for part in chosen},
        "versions": versions,
    }
    units = [sections.units(network, photo, part) for part in chosen]
    if belonging is not None:
        known = from_atlas.known(belonging, network, photo, units)
        record["atlas"] = known.path
    environment = Environment(
        loader=PackageLoader("phosphene.reporting", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": _count, "compact": compact, "shape": _shape, "percent": _percent}
    return environment.get_template("page.html.jinja").render(
        network=network,
        kind=type(network.module).__name__,
        photo=photo,
        header=sections.header(network, photo),
        classes=classes,
        reasons=sections.reasons(network, photo, classes) if classes else None,
        answer=network.survey(network.frame(photo).size).output,
        count=f"{len(network.scores(photo)[0]):,}" if classes else "",
        about_scores=heads.SENTENCES[network.head] if classes else "",
        about_numbers=heads.NOTES[network.head] if classes else "",
        architecture=sections.architecture(network),
        filters=filters,
        no_filters=no_filters,
        maps=[sections.maps(network, photo, part) for part in chosen],
        units=units,
        known=known,
        synthesised=synthesised(network, photo, classes, units),
        themes=THEMES,
        versions=versions,
        script=script(network, photo, known.path if known else None),
        command=command(network, "report", [], photo, ["--atlas", known.path] if known else ()),
        record=json.dumps(record, ensure_ascii=False, indent=1).replace("<", "\\u003c"),
    )


def _target(path: Any) -> Path:
    target = Path(path)
    if target.suffix.lower() not in SUFFIXES:
        raise ValueError(f"a report is an HTML file; {str(target)!r} must end in .html")
    if target.is_dir():
        raise ValueError(
            f"{str(target)!r} is a folder; name the report's file, such as {str(target / 'report.html')!r}"
        )
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(target.parent)!r} to write {target.name!r} in; make it first")
    return target


def _count(value: int) -> str:
    """A count as people read it: 4,652,008 is 4.65 million."""
    for size, word in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if value >= size:
            return f"{value / size:.3g} {word}"
    return f"{value:,}"


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _percent(probability: float) -> str:
    """A probability in percent; what rounds to nothing is said to be below."""
    if 0 < probability < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= probability < 1:
        return "> 99.9 %"
    return f"{100 * probability:.1f} %"
