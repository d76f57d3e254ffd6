"""One frame of a camera: a layer's maps and the network's answer, from one pass; nothing of it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..network import Network
from ..network.answers import Guess, NoScoresError, guesses, no_classifier
from ..network.running.seam import OUTPUT
from ..picture import Photo
from .values import Maps, laid_out

CLASSES = 5


@dataclass(frozen=True, eq=False)
class CameraFrame:
    """What a network makes of a frame: a layer's maps, its likeliest classes or why there are none, what it sees."""

    maps: Maps
    classes: list[Guess]
    why: str | None
    about: dict[str, Any]

    def header(self) -> dict[str, Any]:
        """What goes along with the maps, as JSON; in the form of /api/answer."""
        rows = [guess._asdict() for guess in self.classes]
        return {"classes": rows, **({"why": self.why} if self.why else {}), **self.about}


def frame_of(network: Network, photo: Photo, layer: str, k: int = CLASSES) -> CameraFrame:
    """The maps of `layer` and the `k` likeliest classes of a photo."""
    x = network.inputs(photo)
    frame = network.frame(photo)
    known = network.layer(layer, frame.size)  # refuses one that is not there, with near names
    seen = frame.seen.clip(photo.height, photo.width)
    about = {
        "width": photo.width,
        "height": photo.height,
        "seen": list(seen.as_tuple()),
        "input": list(frame.to_photo(frame.whole_input).as_tuple()),
        "head": network.known_head,
    }
    try:
        values = network.record(x, layer, OUTPUT)
    except NoScoresError as error:
        return CameraFrame(laid_out(network, known, network.record(x, layer)[layer], frame), [], str(error), about)
    maps, scores = laid_out(network, known, values[layer], frame), values[OUTPUT]
    if scores.ndim != 2 or len(scores) != 1:
        return CameraFrame(maps, [], no_classifier(network.name, scores, 1), about)
    return CameraFrame(maps, guesses(scores, network.head, network.labels, k)[0], None, about | {"head": network.head})
