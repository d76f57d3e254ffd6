"""The report's page: every section computed, set by the template, and written whole or not at all.

The file needs nothing outside itself, and holds no date: the same network and photo give the same bytes.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..instrument.account import account_of
from ..instrument.recipe import command, script
from ..network import Network
from ..picture import THEMES, Photo, compact, write_whole
from . import heads, sections
from .beside import beside, check, source_text
from .choose import choose
from .synthesised import synthesised

if TYPE_CHECKING:
    from ..atlas import Atlas
    from .from_atlas import AtlasPart

PACKAGES = ("phosphene", "torch", "torchvision", "timm", "numpy", "pillow")
SUFFIXES = (".html", ".htm")


def report(
    network: Network,
    photo: Photo,
    path: str | os.PathLike[str],
    atlas: str | os.PathLike[str] | None = None,
    *,
    against: Network | None = None,
    images: Any = None,
) -> Path:
    """Writes one self-contained HTML file about what the network sees in the photo, and returns its path.

    The page shows the network's input, the five best classes, and saliency maps for the best two. It has a drawing of
    the network with a table of its layers, and its filters. For an early, a middle and a late layer it shows the
    activation maps and the strongest units with their part of the photo. At the end are synthesised images for the best
    class and those units. With an `atlas` of the network (opened, or its path), each of these units has its strongest
    patches of the data set, and the photo has the images that are most similar to it; the layers are then the nearest
    ones that the atlas stores. With a second network `against` the first a section shows what that one answers; with
    `images` (a folder, archive, table or data set, best with a sub-folder for each class) also how alike the layers of
    both are, where they agree, with the photos, and accuracy against cost where the classes are known. The file appears
    only when it is complete.

    Raises ValueError for a suffix that is not .html, a network that does not run on the photo, an atlas of another
    network, a network against itself or images without a second network, TypeError for a value that is not a photo or
    network, FileNotFoundError for a missing folder, OSError if the disk refuses.
    """
    target = _target(path)
    if not isinstance(network, Network):
        raise TypeError(f"a report is on a phosphene.Network, not {type(network).__name__}; phosphene.load opens one")
    if not isinstance(photo, Photo):
        raise TypeError(f"a report is on one photo, not {type(photo).__name__}; phosphene.read opens one")
    check(network, against, images)
    write_whole(target, page(network, photo, atlas, against, images).encode("utf-8", "replace"))
    return target


def page(
    network: Network,
    photo: Photo,
    atlas: str | os.PathLike[str] | None = None,
    against: Network | None = None,
    images: Any = None,
) -> str:
    """The report as HTML."""
    layers = network.layers(network.frame(photo).size)
    choices = choose(layers)
    # an atlas takes the place of layers that it does not hold by near ones that it does
    atlas_part: AtlasPart | None = None
    belonging: Atlas | None = None
    if atlas is not None:
        from . import from_atlas

        belonging = from_atlas.belonging(atlas, network)
        choices = from_atlas.layers_in_atlas(belonging, network, choices, layers)
    # the sections that others build on, and what the page is made of
    classes = sections.classes(network, photo)
    second = beside(network, against, photo, classes, images) if against is not None else None
    filters, no_filters = sections.kernels(network)
    made = account_of("report", {"network": network, "photo": photo})
    versions = {name: metadata.version(name) for name in PACKAGES} | {"python": platform.python_version()}
    record: dict[str, Any] = {
        "network": {"spec": network.spec, "class": type(network.module).__name__, "fingerprint": network.fingerprint},
        "photo": {"name": photo.name, "path": photo.path, "sha256": photo.sha256},
        "preprocessing": network.preprocessing.to_dict(),
        "layers": {part.part: part.layer.name for part in choices},
        "versions": versions,
    }
    units = [sections.units(network, photo, part) for part in choices]
    if belonging is not None:
        atlas_part = from_atlas.atlas_part_of(belonging, network, photo, units)
        record["atlas"] = atlas_part.path
    more, source = (["--atlas", atlas_part.path] if atlas_part else []), source_text(images)
    against_account = None
    if second is not None and against is not None:
        against_account = account_of("report", {"network": against, "photo": photo})
        record["against"] = {
            "spec": against.spec, "class": type(against.module).__name__, "fingerprint": against.fingerprint,
            "images": source,
        }  # fmt: skip
    written_source = None if images is None else repr(source) if source else "..."  # as Python writes it
    # the template asks for the rest
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
        maps=[sections.maps(network, photo, part) for part in choices],
        units=units,
        known=atlas_part,
        beside=second,
        synthesised=synthesised(network, photo, classes, units),
        themes=THEMES,
        versions=versions,
        script=script(made, atlas_part.path if atlas_part else None, against_account, written_source),
        command=_command(made, more, against_account, images),
        record=json.dumps(record, ensure_ascii=False, indent=1).replace("<", "\\u003c"),
    )


def _command(made: Mapping[str, Any], options: Sequence[str], against: Mapping[str, Any] | None, images: Any) -> str:
    """The command that writes the report; '' where the command line can't name what it is made of."""
    if against is None:
        return command("report", made, options)
    (second,) = against["networks"].values()
    opening, source = second.get("opening") or {}, source_text(images)
    if set(opening) != {"spec"} or (images is not None and source is None):
        return ""
    return command("report", made, [*options, "--against", opening["spec"], *(["--images", source] if source else [])])


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
