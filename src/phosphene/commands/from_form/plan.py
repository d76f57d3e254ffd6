"""The words and options of an instrument's command line, from the roles of its form's fields.

Words are the main things of a question: an atlas, several networks, photos or another source of images, a layer, a
target, a class, and every other required parameter. Photos to look at are words; a photo for something else (a start,
a guide) is an option with that name. A class is `--class` everywhere, also where a word names it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import typer

from ...instrument.fields import Field, Role
from ...instrument.form import Form
from ...instrument.kinds import Kind
from .. import options as shared
from .. import stepping
from .. import terminal as show
from .added_options import ATLAS, NETWORK, OUTPUT
from .command import as_sentence, former_options, option, word

PICTURE = "Picture"
CLASSES = "class_names"
FILM = "film"


@dataclass
class Plan:
    """The words and options of a command line, and the fields that they are for.

    A field's words and options go by the field's name; the command line's own are --class, --film and those of
    NETWORK, ATLAS and OUTPUT.
    """

    form: Form
    parameters: dict[str, inspect.Parameter] = field(default_factory=dict)  # of the command
    offered: dict[str, Field] = field(default_factory=dict)  # of them, the instrument's and its picture's own
    images: Field | None = None  # the word for the network's photos
    layer: Field | None = None  # the word for the layer
    classes: Field | None = None  # what --class is for: a class, a target or a unit

    @property
    def opens(self) -> bool:
        """Whether the options on weights and device are for its networks."""
        return bool(self.form.of(Role.NETWORK, Role.NETWORKS))

    @property
    def atlas(self) -> Field | None:
        """What takes the atlas."""
        return self.form.one(Role.ATLAS)

    @property
    def class_option(self) -> str:
        """The name of the parameter of --class: the field's own, unless a word or another option has that name."""
        field = self.classes
        is_class = field is not None and field.role in (Role.LABEL, Role.LABELS)
        return field.name if field is not None and is_class and not field.required else CLASSES

    @property
    def several(self) -> bool:
        """Whether the network gets several photos, and folders."""
        return self.images is not None and self.images.role is Role.IMAGE_SET

    @property
    def needs_layer(self) -> bool:
        return self.layer is not None and self.layer.required

    def add(self, name: str, annotation: Any, default: Any) -> None:
        """A word or option of the command line's own, unless the instrument has taken the name."""
        keyword = inspect.Parameter.KEYWORD_ONLY
        self.parameters.setdefault(name, inspect.Parameter(name, keyword, default=default, annotation=annotation))

    def offer(self, field: Field, panel: str | None = None) -> None:
        """The field's word, where the form has one for it, or its option."""
        self.offered[field.name] = field
        if field.name in {each.name for each in self.form.words}:
            # --class can replace the word, which then is the first photo
            optional = not field.required or field is self.classes or field.role is Role.PHOTOS
            self.parameters[field.name] = word(field, optional)
        elif field.required:
            self.parameters[field.name] = option(field, panel)
        elif field.name != self.class_option:
            for each in (option(field, panel), *former_options(field)):
                self.parameters[each.name] = each


def plan_of(form: Form) -> Plan:
    """The words and options of the command line for a form."""
    plan = Plan(form, classes=_classes(form))
    _add_words(plan)
    several_networks = len(form.of(Role.NETWORK)) > 1
    for each in form.fields:
        if each.role is Role.NETWORK and several_networks:
            plan.add(each.name, shared.network_word(each.name, each.help), inspect.Parameter.empty)
        elif each.role is Role.NETWORK:
            plan.add(each.name, shared.Spec, None)
        elif each.role is Role.NETWORKS:
            plan.offer(replace(each, kind=Kind(list[str], "SPEC", list)))
        elif each.role is Role.ATLAS:
            plan.add(each.name, shared.AtlasWord, inspect.Parameter.empty)
        elif each.name not in plan.parameters:
            plan.offer(each)
    if plan.classes is not None:
        plan.add(plan.class_option, _class_option(plan.classes), None)
    for each in form.drawing:
        plan.offer(each, PICTURE)
    if form.films:
        plan.add(FILM, stepping.Film, None)
    added = (NETWORK if plan.opens else ATLAS if plan.atlas else {}) | OUTPUT
    if form.pages:
        added["out"] = (show.PageOut, None)
    for name, (annotation, default) in added.items():
        plan.add(name, annotation, default)
    return plan


def _classes(form: Form) -> Field | None:
    """The field that `--class` sets: a class, or a target or unit, which can be a class's score.

    None for an atlas, where you ask about units of its layers.
    """
    if form.one(Role.ATLAS):
        return None
    return form.one(Role.LABEL, Role.LABELS) or form.one(Role.TARGET, Role.UNIT)


def _class_option(field: Field) -> Any:
    """--class for the field."""
    several = "; may be given several times" if field.role in (Role.TARGET, Role.LABELS) else ""
    if field.role in (Role.TARGET, Role.UNIT):
        text = f"a class, by its score: short for the target logits:NAME{several}"
    else:
        text = f"the same as {field.word.upper()}{several}" if field.required else field.help
    return Annotated[list[str] | None, typer.Option("--class", metavar="NAME|NUMBER", help=as_sentence(text))]


def _add_words(plan: Plan) -> None:
    """The words for the photo and for the layer or the target, which come first where they must be given."""
    plan.images, plan.layer = plan.form.images, plan.form.layer
    layer, target = plan.layer, plan.form.one(Role.TARGET, Role.UNIT)
    if layer is not None and layer.required:
        plan.add(layer.name, _layer_word(layer), inspect.Parameter.empty)
    if target is not None and target.required and plan.several:
        plan.offer(target)
    if plan.images is not None:
        several = shared.PhotosWord if layer else shared.ImagesWord
        plan.add(plan.images.name, several if plan.several else shared.PhotoWord, None)
    if layer is not None:
        plan.add(layer.name, _layer_word(layer), None)


def _layer_word(layer: Field) -> Any:
    argument = typer.Argument(
        metavar="LAYER",
        autocompletion=shared.complete_layer,
        help=as_sentence(layer.help or "which layer"),
        show_default=False,
    )
    return Annotated[str if layer.required else str | None, argument]


def added_values(plan: Plan, values: Mapping[str, Any], names: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    """The command line's own options; their defaults where the instrument has taken the name for itself."""
    return {
        name: default if name in plan.offered else values.get(name, default) for name, (_, default) in names.items()
    }
