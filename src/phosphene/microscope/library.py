"""What a microscope may open: its networks, images and atlases, by their names."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..atlas import Atlas
from ..atlas.opened import as_swept
from ..atlas.store.work import Sweep
from ..network import Network, near
from ..picture import Photo, read
from .images import Images
from .networks import Networks
from .refusals import RefusedError

OF_JOB = re.compile(r"job/([0-9a-f]{16})")
OF_ATLAS = re.compile(r"atlas/([^/]+)/(\d{1,18})")


class OfferedAtlas(Atlas):
    """An atlas whose networks are those of the list: what it names itself is never opened."""

    def __init__(self, path: str | os.PathLike[str], networks: Networks, network: Network | None = None) -> None:
        super().__init__(path, network)
        self._offered = networks

    def network(self, sweep: Sweep) -> Network:
        """The network of the list that gave a sweep. Raises RefusedError where the list has none."""
        if self._network is not None and self._network.fingerprint == sweep.fingerprint:
            return as_swept(self._network, sweep)
        name = self._offered.of_weights({sweep.fingerprint}, [sweep.network])
        if name is None:
            raise RefusedError(
                422, f"this needs {sweep.network}, which built the atlas, and the microscope does not offer a network "
                f"with its weights; start it with --network {sweep.network}"
            )  # fmt: skip
        return as_swept(self._offered.open(name), sweep)


class Atlases:
    """The atlases named at the start, opened when first looked at, each with the network of the list that built it."""

    def __init__(self, paths: Sequence[str | os.PathLike[str]], networks: Networks) -> None:
        self._networks = networks
        self._opened: dict[str, Atlas] = {}
        self._paths: dict[str, str] = {}
        self._lock = threading.Lock()
        for path in paths:
            if isinstance(path, Atlas):
                self._opened[self._noted(path.path)] = OfferedAtlas(path.path, networks, path._network)
            else:
                self._noted(_there(os.fspath(path)))

    def _noted(self, path: str) -> str:
        stem = Path(path.rstrip("/")).stem or "atlas"
        number, name = 1, stem
        while name in self._paths:
            number += 1
            name = f"{stem}-{number}"
        self._paths[name] = path
        return name

    @property
    def names(self) -> list[str]:
        return list(self._paths)

    def open(self, name: str | None) -> Atlas:
        """The atlas of that name, or the first. Raises RefusedError where there is none."""
        if not self._paths:
            raise RefusedError(
                404,
                "no atlas is open: 'phosphene atlas build FOLDER --to my.atlas' makes one, --atlas my.atlas opens it",
            )
        name = name or next(iter(self._paths))
        if name not in self._paths:
            raise RefusedError(404, f"there is no atlas {name!r} here{near(name, self.names)}")
        with self._lock:
            if name not in self._opened:
                self._opened[name] = self._matched(self._paths[name])
            return self._opened[name]

    def _matched(self, path: str) -> Atlas:
        """The atlas with the offered network that built it, so that code which it may name need not be run."""
        atlas = OfferedAtlas(path, self._networks)
        fingerprints = {sweep.fingerprint for sweep in atlas.sweeps()}
        for network in self._networks.opened():
            if network.fingerprint in fingerprints:
                return OfferedAtlas(path, self._networks, network)
        return atlas


def _there(path: str) -> str:
    """The path of an atlas, which is there if it is a folder's; an object storage is asked when it is opened."""
    if "://" not in path and not os.path.isdir(path):
        raise FileNotFoundError(f"there is no atlas {path!r}; 'phosphene atlas build FOLDER --to {path}' makes one")
    return path


@dataclass
class Library:
    """The networks, images and atlases of a microscope, and the results of its jobs."""

    networks: Networks
    images: Images
    atlases: Atlases
    results: Callable[[str], Any] = lambda job: None  # what a job has so far

    def photo(self, name: str | None) -> Photo:
        """The image of that name: of the page's own, of an atlas as atlas/NAME/NUMBER, or what a job made as job/ID."""
        if match := OF_ATLAS.fullmatch(name or ""):
            return self.atlases.open(match[1]).photo(int(match[2]))
        if match := OF_JOB.fullmatch(name or ""):
            images = getattr(self.results(match[1]), "images", None)
            if not isinstance(images, Tensor) or images.ndim != 4:
                raise RefusedError(404, "this job has made no image")
            return read(images[0].detach().float().cpu().clamp(0, 1))
        return self.images.open(name)

    def names_a_photo(self, name: str) -> bool:
        """Whether a text is the name of an image, not of an atlas's key or number."""
        return bool(OF_ATLAS.fullmatch(name) or OF_JOB.fullmatch(name)) or self.images.has(name)

    def to_dict(self) -> dict[str, Any]:
        """Their names, for the page's lists."""
        names = self.images.names
        in_folder = sum(name.startswith("folder/") for name in names)
        return {
            "networks": self.networks.names,
            "atlases": self.atlases.names,
            "images": len(names),
            "folder": in_folder,
        }
