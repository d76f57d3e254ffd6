"""The options that commands share: which network, which photo, which layer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..picture import SUFFIXES, Photo, read
from .completion.options import EMBEDDED_NAME as EMBEDDED_NAME
from .completion.options import complete_layer, complete_network
from .terminal import note, working

if TYPE_CHECKING:
    from ..network import Network

NETWORK = "Network"
EMBEDDED = "the embedded EfficientNet-Lite0"
SPEC_HELP = (
    "Which network: torchvision:NAME, timm:NAME, hf-hub:OWNER/NAME, a weights file, a model's folder, a .onnx "
    f"or .pt2 file, or module:function, which returns an nn.Module or a phosphene.Network; "
    f"if not given, {EMBEDDED}. 'phosphene networks' lists those with names."
)

Spec = Annotated[
    str | None,
    typer.Option(
        "--network", "-n", metavar="SPEC", rich_help_panel=NETWORK, autocompletion=complete_network, help=SPEC_HELP
    ),
]
SpecWord = Annotated[
    str | None,
    typer.Argument(
        metavar="NETWORK", autocompletion=complete_network, show_default=False, help="The same as --network."
    ),
]


def network_word(name: str, help: str) -> Any:
    """A word for one of several networks, by the name of its parameter and what it is for."""
    argument = typer.Argument(
        metavar=name.upper(), autocompletion=complete_network, show_default=False,
        help=f"{help[:1].upper()}{help[1:]}: torchvision:NAME, timm:NAME, a weights file, a folder, a .onnx or .pt2 "
        f"file or module:function; {EMBEDDED_NAME} is the embedded one.",
    )  # fmt: skip
    return Annotated[str, argument]


Architecture = Annotated[
    str | None,
    typer.Option(
        "--architecture",
        metavar="SPEC",
        rich_help_panel=NETWORK,
        autocompletion=complete_network,
        help="The network that the weights in a file belong to, such as timm:resnet18.",
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="NAME|FILE",
        rich_help_panel=NETWORK,
        help="Which of the network's weights, a file of them, or 'none' for random ones.",
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", metavar="NUMBER", rich_help_panel=NETWORK, help="Which random weights to draw.")
]
Head = Annotated[
    str | None,
    typer.Option(
        "--head",
        metavar="NAME",
        rich_help_panel=NETWORK,
        help="How its outputs become probabilities: softmax, sigmoid (several labels an image), probabilities or "
        "log-probabilities (they are such already). If not given, found out; several labels have to be said.",
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="DEVICE",
        rich_help_panel=NETWORK,
        help="Where to compute: cpu, cuda, cuda:1 or mps; if not given, where the network is, usually cpu.",
    ),
]
AtlasWord = Annotated[
    str, typer.Argument(metavar="ATLAS", show_default=False, help="The atlas: its folder, or an object storage's URL.")
]
AtlasSpec = Annotated[
    str | None,
    typer.Option(
        "--network",
        "-n",
        metavar="SPEC",
        rich_help_panel=NETWORK,
        autocompletion=complete_network,
        help="The network that the atlas was built with; if not given, the one that the atlas names.",
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust", metavar="", rich_help_panel=NETWORK, help="Run the Python code that the atlas names as its network."
    ),
]
PhotoWord = Annotated[
    str | None,
    typer.Argument(metavar="PHOTO", show_default=False, help="A photo's file; without one, the shipped cat."),
]
PhotosWord = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PHOTOS", show_default=False, help="Photos, or folders of them; without any, the shipped cat."
    ),
]
ImagesWord = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="IMAGES", show_default=False, help="Photos, or folders of them; without any, the photos that ship."
    ),
]
_LAYER = "Which layer, or one channel (blocks.2:17) or place (blocks.2@5,6) of it; 'phosphene layers' lists them."
LayerWord = Annotated[
    str | None, typer.Argument(metavar="LAYER", autocompletion=complete_layer, show_default=False, help=_LAYER)
]


def open_network(
    spec: str | None = None,
    architecture: str | None = None,
    weights: str | None = None,
    seed: int = 0,
    device: str | None = None,
    head: str | None = None,
) -> Network:
    """The network that the options name, opened while a spinner turns; what is to be known about it on stderr."""
    with working(f"opening {spec or EMBEDDED}"):
        from ..network import load

        if device is not None:
            _check_device(device)
        network = load(spec, architecture=architecture, weights=weights, seed=seed, device=device, head=head)
    if spec is not None and network.notes:
        note("; ".join(text for text in network.notes if text))
    return network


def open_atlas(path: str, network: Network | None, trust: bool) -> Any:
    """The atlas, opened with the network that was named, if one was."""
    from ..atlas import Atlas

    return Atlas(path, network, trust=trust)


def _check_device(device: str) -> None:
    import torch

    try:
        torch.empty(1, device=device).add_(1)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = " ".join(str(error).split()).partition(". ")[0][:200]
        raise ValueError(f"device '{device}' can't be used here: {reason}") from error


def shipped_photo() -> str:
    """The path of the cat that comes with Phosphene."""
    return str(resources.files("phosphene") / "photos" / "cat.jpg")


def open_photo(path: str | None) -> Photo:
    return read(shipped_photo() if path is None else path)


def names_a_file(word: str) -> bool:
    """Whether a word is a photo rather than a layer: by its suffix, its slashes, or because it is there."""
    return Path(word).suffix.lower() in SUFFIXES or os.sep in word or os.path.isfile(word)


def sorted_words(words: Sequence[str | None], needs_layer: bool) -> tuple[str | None, str | None]:
    """(layer, photo) from the words of a command line, in either order. ValueError where one is missing."""
    stated = [word for word in words if word is not None]
    files = [word for word in stated if names_a_file(word)]
    rest = [word for word in stated if word not in files]
    if len(files) > 1:
        raise ValueError(f"'{files[0]}' and '{files[1]}' are both photos; give one photo and one layer")
    folder = next((word for word in rest if os.path.isdir(word)), None)
    if len(rest) > 1 and folder is not None:
        raise ValueError(a_folder(folder))
    if len(rest) > 1:
        raise FileNotFoundError(f"neither '{rest[0]}' nor '{rest[1]}' is a photo's file; give one layer, one photo")
    if needs_layer and not rest:
        raise ValueError("which layer? Name one before the photo; 'phosphene layers' lists them")
    return (rest[0] if rest else None), (files[0] if files else None)


def layer_and_photos(words: Sequence[str | None]) -> tuple[str, list[str]]:
    """The layer, and the photos and folders of photos, from the words of a command line in any order."""
    stated = [word for word in words if word is not None]
    photos = [word for word in stated if names_a_file(word) or os.path.isdir(word)]
    rest = [word for word in stated if word not in photos]
    if not rest and stated and not names_a_file(stated[0]):  # a layer whose name a folder has, too
        rest, photos = stated[:1], stated[1:]
    if len(rest) > 1:
        raise FileNotFoundError(f"neither '{rest[0]}' nor '{rest[1]}' is a photo's file; give one layer and photos")
    if not rest:
        raise ValueError("which layer? Name one before the photos; 'phosphene layers' lists them")
    return rest[0], photos


def a_folder(word: str) -> str:
    """What to say where a folder stands in a photo's place."""
    return f"{word!r} is a folder; give one photo in it"


def check_layer(network: Network, layer: str, several: bool = False) -> None:
    """Refuses a layer that is not there before anything is computed or shown; a folder was meant as the photo, or,
    where `several` are taken, as photos."""
    from ..network import Address

    try:
        network.layer(Address.parse(layer).layer)
    except (LookupError, ValueError) as error:
        if os.path.isdir(layer):
            said = f"{layer!r} is a folder and no layer; name a layer before it" if several else a_folder(layer)
            raise ValueError(said) from None
        raise error


def one_spec(word: str | None, option: str | None) -> Any:
    """The network named as a word or as --network, which mean the same."""
    if word is not None and option is not None:
        raise ValueError(f"two networks are named, '{word}' and '{option}'; give one")
    return option if word is None else word
