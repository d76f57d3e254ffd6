"""What a network computes, value by value: the layers that it has, and their values for images, by their addresses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from .addresses import OUTPUTS, Address, near
from .answers import NoScoresError, no_scores
from .describing.describing import completed
from .heads import head_of, noise
from .inputs import Images, pair
from .intake import Intake
from .labels import Labels
from .module import changes, unwrapped
from .picking import laid, names_a_layer, picked, within
from .preprocessing import Preprocessing
from .running.outputs import Head, checked, described, main_tensor, per_image
from .running.outputs import probabilities as of
from .running.recording import Call, NotComputedError, recorded
from .running.rules import Rules
from .running.seam import OUTPUT
from .running.steadiness import Steadiness, joined, tried, very_different
from .survey import Layer, Survey, survey


class Values(Intake):
    """A module, and every value that it computes; `Network` adds what it sees and what it answers."""

    def __init__(
        self,
        module: nn.Module,
        preprocessing: Preprocessing | Any = None,
        labels: Labels | Sequence[str] | None = None,
        *,
        head: Head | None = None,
        spec: str | None = None,
        opening: Mapping[str, Any] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.module = unwrapped(module)
        known = completed(self.module, preprocessing, labels)
        self.labels = known.labels or Labels()
        self.spec = spec
        self.opening = {"spec": spec} if opening is None and spec else dict(opening or {})  # what `load` takes
        self.notes = (*notes, *known.notes)
        self._head = checked(head) or known.head
        super().__init__(known.preprocessing)
        self._surveys: dict[tuple[int, int], Survey] = {}
        self._lock = threading.Lock()
        self._fingerprint: tuple[tuple, str] | None = None
        self._steadiness: tuple[tuple, Steadiness] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another process; there it surveys anew."""
        return {**self.__dict__, "_surveys": {}, "_lock": None, "_fingerprint": None, "_steadiness": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = {**state, "_lock": threading.Lock()}

    @property
    def name(self) -> str:
        """The network's name in captions: its spec, or its module's class."""
        return self.spec or type(self.module).__name__

    def __repr__(self) -> str:
        return f"Network({self.name}, {self.preprocessing.describe()})"

    # ---- what it computes

    def survey(self, size: int | Sequence[int] | None = None) -> Survey:
        """All values for an input of `size` (height, width) pixels, without computing them; the result is cached."""
        input_size = pair(size) or self.preprocessing.size
        self._check_dimensions((self.channels or 3, *input_size))
        with self._lock:
            if input_size not in self._surveys:
                shape = (self.channels or 3, *input_size)
                self._surveys[input_size] = survey(self.module, shape, self.dtype, self.device)
            return self._surveys[input_size]

    def layers(self, size: int | Sequence[int] | None = None) -> list[Layer]:
        """Every value that the network computes from an image of `size` pixels, in order."""
        return list(self.survey(size).layers)

    def layer(self, name: str, size: int | Sequence[int] | None = None) -> Layer:
        """The layer of that name. LookupError, with near names, if there is none."""
        survey_at_size = self.survey(size)
        name = OUTPUT if name in OUTPUTS else name
        for layer in survey_at_size.layers:
            if layer.name == name:
                return layer
        if name == OUTPUT:
            raise LookupError(no_scores(self.name, survey_at_size.output))
        raise self._unknown(name, [layer.name for layer in survey_at_size.layers])

    def address(self, target: str | Address, size: int | Sequence[int] | None = None) -> Address:
        """The address with its layer, channel and place checked and a class's name replaced by its number."""
        address = Address.parse(target)
        return within(address, self.layer(address.layer, size), self.labels, self.name)

    def record(self, images: Images, *addresses: str | Address, rules: Rules | None = None) -> dict[str, Tensor]:
        """The values at `addresses` for the images: a dict from each address, as given, to a copy of the value.

        Values are (N, C, H, W) for maps, and otherwise as the network computes them; `layer:17` gives (N, H, W),
        `layer:17@5,6` and `logits:goose` (N,). If the other images of a batch would change an image's values
        (`steadiness`), images run one at a time. The network runs no further than the last value asked for. Gradients
        flow if the images require them. `rules` replaces functions during this run. Raises LookupError for a name that
        the network does not compute, with similar names; ValueError for images that it can't take.
        """
        if not addresses:
            raise ValueError("name at least one layer to record; network.layers() lists them all")
        x = self.inputs(images)
        parsed = self._parsed(x, addresses)
        values = self._run(x, parsed.values(), rules)
        return {text: self._picked(values, address, x) for text, address in parsed.items()}

    def reduce(self, images: Images, functions: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
        """The results of a function for each layer, called on the layer's value during the run; nothing else is stored.

        Use it for values that are too large to copy. A function may be called more than once in a run. It must not
        change the value, and must keep nothing that shares the value's memory. Otherwise like `record`, but for whole
        layers, and always for all images together, even if they change each other's values.
        """
        x = self.inputs(images)
        keep = {OUTPUT if name in OUTPUTS else name: function for name, function in functions.items()}
        values = self._run(x, [Address(name) for name in functions], None, keep=keep)
        return {name: values[OUTPUT if name in OUTPUTS else name] for name in functions}

    def call_of(self, images: Images, layer: str, *addresses: str | Address) -> tuple[Call, dict[str, Tensor]]:
        """The call of the module that computes `layer`, and the values at `addresses` of the same run.

        Raises LookupError if a function computes the layer; the rest is as in `record`.
        """
        x = self.inputs(images)
        name = self.address(Address.parse(layer).layer, tuple(x.shape[-2:])).layer
        name = OUTPUT if name in OUTPUTS else name
        call, parsed = Call(name), self._parsed(x, addresses)
        values = self._run(x, [Address(name), *parsed.values()], None, call)
        return call, {text: self._picked(values, address, x) for text, address in parsed.items()}

    def _parsed(self, x: Tensor, addresses: Iterable[str | Address]) -> dict[str, Address]:
        """Each address, as given, checked if it names more than a layer."""
        parsed = {str(address): Address.parse(address) for address in addresses}
        if not all(names_a_layer(address) for address in parsed.values()):
            parsed = {text: self.address(address, tuple(x.shape[-2:])) for text, address in parsed.items()}
        return parsed

    def _run(
        self,
        x: Tensor,
        addresses: Iterable[Address],
        rules: Rules | None,
        call: Call | None = None,
        keep: Mapping[str, Callable[[Any], Any]] | None = None,
    ) -> dict:
        names = {OUTPUT if address.layer in OUTPUTS else address.layer for address in addresses}
        if len(x) > 1 and call is None and keep is None and self.steadiness(tuple(x.shape[-2:])).coupled:
            each = [self._run(one, map(Address, names), rules) for one in x.split(1)]
            holds = {layer.name: layer.batch for layer in self.layers(tuple(x.shape[-2:]))}
            return {name: joined([values[name] for values in each], holds.get(name, 0)) for name in names}
        try:
            return recorded(self.module, x, names, rules, call, keep)
        except NotComputedError as error:
            raise self._unknown(error.name, error.computed) from None

    def _picked(self, values: dict[str, Any], address: Address, x: Tensor) -> Any:
        whole = values[OUTPUT if address.layer in OUTPUTS else address.layer]
        value = main_tensor(whole)
        if value is None and address.layer in OUTPUTS:
            raise NoScoresError(no_scores(self.name, described(whole)))
        if value is None:
            raise ValueError(f"{address.layer} of {self.name} is {described(whole)} and holds no tensor")
        if address.layer in OUTPUTS:
            rows = per_image(value, len(x))
            value = value if rows is None else rows
        if address.layer == "probabilities":
            value = of(value, self._head_at(tuple(x.shape[-2:])))
        if names_a_layer(address):
            return value if address.layer in OUTPUTS else whole
        return picked(value, address, self.layer(address.layer, tuple(x.shape[-2:])))

    def maps(self, images: Images, layer: str) -> Tensor:
        """The layer's values as maps (N, C, rows, columns); tokens are arranged on their grid, vectors have one place.

        Tokens without a place (cls, registers) are left out; `layer@cls` records them.
        """
        x = self.inputs(images)
        source_layer = self.layer(layer, tuple(x.shape[-2:]))
        value = main_tensor(self.record(x, layer)[layer])
        assert value is not None
        return laid(value, source_layer, self.name)

    def _unknown(self, name: str, names: Sequence[str]) -> LookupError:
        count = len(set(names))
        listing = f"'phosphene layers {self.spec}' lists" if self.spec else "network.layers() lists"
        return LookupError(f"layer {name!r} is not in {self.name}{near(name, names)}; {listing} all {count}")

    def steadiness(self, size: int | Sequence[int] | None = None) -> Steadiness:
        """Whether random numbers, or the other images of a batch, change what the network computes for an image.

        Tested with three runs of an image of `size` (height, width) pixels, once for the network's weights.
        """
        weights = changes(self.module.parameters())
        if self._steadiness is None or self._steadiness[0] != weights:
            input_size = pair(size) or self.preprocessing.size
            channels = self.channels or self.preprocessing.channels
            images = very_different(channels, input_size)
            if channels == 3 == self.preprocessing.channels:
                images = self.normalise(images)
            try:
                names = {layer.name for layer in self.layers(input_size)}
                outcome = tried(self.module, images.to(self.device, self.dtype), names)
            except Exception:  # anybody's forward: who asks for its values is told why it does not run
                return Steadiness()
            self._steadiness = weights, outcome
        return self._steadiness[1]

    def _head_at(self, size: tuple[int, ...]) -> Head:
        if self._head is None:
            any_survey = next(iter(self._surveys.values()), None) or self.survey(size)
            shape = (self.channels or 3, *any_survey.size)
            self._head = head_of(
                any_survey, lambda: main_tensor(self._run(noise(shape), [Address(OUTPUT)], None)[OUTPUT])
            )
        return self._head
