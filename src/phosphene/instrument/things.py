"""The things that every account may name: networks, and photos and tensors as images."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..network import Network
from ..network.opening.reopening import check_opening, read_preprocessing, reopened
from ..picture import Photo, read
from ..picture.account import damaged
from .travelling import Kind, Origin, travels


def _network_account(network: Network) -> dict[str, Any]:
    return {
        "opening": network.opening,
        "class": type(network.module).__name__,
        "preprocessing": network.preprocessing.to_dict(),
        "fingerprint": network.fingerprint,
    }


def _reopened_network(account: Mapping[str, Any], origin: Origin) -> Network:
    opening, file = account["opening"], origin.picture
    if not opening:
        raise ValueError(
            f"{file} was made with a {account['class']} that Python code built, so it can't be opened by name; make "
            "the picture again in Python"
        )
    try:
        check_opening(opening)
        read_preprocessing(account["preprocessing"])
    except ValueError as error:
        raise damaged(file, str(error)) from error
    how = "again(file, trust=True), or phosphene again FILE --trust"
    network = reopened(opening, account["preprocessing"], by=str(file), how=how, trust=origin.trust)
    if network.fingerprint != account["fingerprint"]:
        raise ValueError(f"{file} was made with other weights than {network.name} has now; it can't be made again")
    return network


def _is_image(value: Any) -> bool:
    return isinstance(value, Photo) or type(value).__name__ in ("Tensor", "ndarray", "Parameter")


def _image_account(value: Any) -> dict[str, Any]:
    if not isinstance(value, Photo):
        return {"tensor": list(value.shape)}
    account: dict[str, Any] = {"name": value.name, "path": value.path, "sha256": value.sha256}
    if value.path is None:  # nowhere else to be read from: the picture carries it
        account["pixels"] = base64.b64encode(value.encoded or value._repr_png_()).decode("ascii")
    return account


def _reopened_image(account: Mapping[str, Any], origin: Origin) -> Photo:
    picture = origin.picture
    if "tensor" in account:
        shape = " × ".join(map(str, account["tensor"]))
        raise ValueError(f"{picture} was made from a tensor ({shape}), which it does not hold; make it again in Python")
    if "pixels" in account:
        try:
            carried = read(base64.b64decode(account["pixels"], validate=True))
        except ValueError as error:
            raise damaged(picture, f"the photo in it can't be read: {error}") from error
        return replace(carried, name=account["name"], path=None, sha256=account["sha256"])
    original = Path(account["path"])
    candidates = [origin.photo] if origin.photo else [original, picture.parent / original.name]
    files = [candidate for candidate in candidates if candidate.is_file()]
    if not files:
        raise FileNotFoundError(
            f"{picture} was made from the photo {account['path']}, which is not there; say where it is with --photo"
        )
    photo = read(files[0])
    if photo.sha256 != account["sha256"]:
        raise ValueError(f"{files[0]} is not the photo that {picture} was made from: its content differs")
    return photo


NETWORK = travels(Kind("networks", lambda value: isinstance(value, Network), _network_account, _reopened_network))
IMAGE = travels(Kind("images", _is_image, _image_account, _reopened_image))
