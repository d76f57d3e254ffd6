"""A network opened: the module, how a photo becomes its input, what its classes are called, and what it computes.

Everything an instrument does to a network goes through here, and leaves the module bit for bit as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import overload

from torch import Tensor

from .addresses import Address
from .answers import Guess, NoScoresError, guesses, no_classifier
from .frame import Box
from .geometry import UNKNOWN, Extent, Field
from .inputs import HasSides, Images
from .module import changes, fingerprint, tensors_of
from .preprocessing import HasPixels
from .receptive import seen_by
from .running.outputs import Head
from .running.outputs import log_probabilities as log_of
from .running.outputs import probabilities as of
from .running.seam import OUTPUT
from .values import Values


class Network(Values):
    """Any vision network, with names for all values that it computes.

    `preprocessing` may be an image processor of transformers. None uses what the module says about itself (models of
    timm and transformers do), otherwise values in [0, 1], 224 × 224 or of the given size. `labels` are class names in
    the order of the outputs. `head` says how outputs become probabilities: "softmax" (exactly one class is right),
    "sigmoid" (each score is a yes or no by itself), "probabilities" or "log-probabilities" (the outputs already are
    such). None finds the head itself, and takes several scores for those of a softmax; so name the head of a network
    with several labels per image. `spec` is the text that opens the same network again, if there is one. `notes` say
    where settings came from, and what was assumed.
    """

    # ---- receptive fields

    def receptive_field(
        self, target: str | Address, unit: tuple[int, int] | None = None, size: int | Sequence[int] | None = None
    ) -> Field | Extent | Box:
        """What the units of a layer see of the network's input.

        A `Field` (window size, stride and start per axis, in input pixels), `WHOLE` or `UNKNOWN`; for `layer:channel`
        the field of that channel, which can be smaller after a concatenation. With a `unit` (row, column), or an
        address with a place, the `Box` that this unit sees, clipped to the input: exact, also at the border and for
        irregular windows; `UNKNOWN` if it can't be determined.
        """
        address = self.address(target, size)
        if unit:
            address = replace(address, place=unit)
        return seen_by(address, self.layer(address.layer, size), self.survey(size))

    def window(self, target: str | Address, photo: HasSides, unit: tuple[int, int] | None = None) -> Box | Extent:
        """The part of the photo that a unit sees, in the photo's pixels; `UNKNOWN` if it can't be determined.

        These are all pixels that can change the unit, including the reach of the resizing; whole pixels, clipped to the
        photo.
        """
        frame = self.frame(photo)
        box = self.receptive_field(target, unit, frame.size)
        if not isinstance(box, Box):
            return box if isinstance(box, Extent) and box is UNKNOWN else frame.source(frame.whole_input)
        return frame.source(box)

    # ---- answers

    @property
    def known_head(self) -> Head | None:
        """The head, as given or as already determined; None if it has not been determined yet."""
        return self._head

    @property
    def head(self) -> Head:
        """How scores become probabilities: as given, or as determined from the computation of the output."""
        return self._head_at(self.preprocessing.size)

    def probabilities(self, scores: Tensor) -> Tensor:
        """The probabilities for scores (N, classes, ...) of the network; differentiable."""
        return of(scores, self.head)

    def log_probabilities(self, scores: Tensor) -> Tensor:
        """Their logarithms, as precise as the scores allow; differentiable."""
        return log_of(scores, self.head)

    def scores(self, images: Images) -> Tensor:
        """The score of each class for each image (N, classes), as the network returns them; see `head`.

        Raises ValueError, in one sentence, for a network that gives no score for each class of an image.
        """
        x = self.inputs(images)
        scores = self.record(x, OUTPUT)[OUTPUT]
        if scores.ndim != 2 or len(scores) != len(x):
            raise NoScoresError(no_classifier(self.name, scores, len(x)))
        self._head_at(tuple(x.shape[-2:]))  # known from a size that the network runs at
        return scores

    @overload
    def classify(self, images: HasPixels, k: int = 5) -> list[Guess]: ...

    @overload
    def classify(self, images: Images, k: int = 5) -> list[Guess] | list[list[Guess]]: ...

    def classify(self, images: Images, k: int = 5) -> list[Guess] | list[list[Guess]]:
        """The `k` most probable classes of a photo, best first; for several photos, a list for each."""
        answers = guesses(self.scores(images), self.head, self.labels, k)
        return answers[0] if len(answers) == 1 else answers

    # ---- identity

    @property
    def fingerprint(self) -> str:
        """A hash of all weights and buffers: two networks with the same one compute the same."""
        state = changes(tensors_of(self.module))
        if self._fingerprint is None or self._fingerprint[0] != state:
            self._fingerprint = state, fingerprint(self.module)
        return self._fingerprint[1]
