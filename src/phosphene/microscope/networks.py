"""The networks that a microscope offers: those named at its start and the embedded one, opened when first looked at."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..instrument.recipe import EMBEDDED
from ..network import Network, load, near
from .limits import Limits
from .refusals import RefusedError

log = logging.getLogger(__name__)


@dataclass
class Offered:
    """A network of the list: its name in URLs, how it is opened, and the network once it is open."""

    name: str
    opening: Mapping[str, Any] = field(default_factory=dict)  # arguments of `load`
    network: Network | None = None
    given: bool = False  # in Python, and stays open
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class Networks:
    """The networks of a microscope by their names. Nothing that a request names is opened unless it is in the list."""

    def __init__(self, networks: Sequence[str | Mapping[str, Any] | Network], limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._offered: dict[str, Offered] = {}
        self._used: OrderedDict[str, None] = OrderedDict()  # open ones, last used last
        self._lock = threading.Lock()
        for each in networks:
            if isinstance(each, Network):
                self._add(Offered(self._free(each.spec or type(each.module).__name__), network=each, given=True))
            else:
                opening = {"spec": each} if isinstance(each, str) else dict(each)
                self._add(Offered(self._free(str(opening["spec"])), opening))
        if EMBEDDED not in self._offered:
            self._add(Offered(EMBEDDED, {"spec": EMBEDDED}))

    def _add(self, offered: Offered) -> None:
        self._offered[offered.name] = offered

    def _free(self, name: str) -> str:
        """The name, with a number where another network has it."""
        number, free = 1, name
        while free in self._offered:
            number += 1
            free = f"{name} ({number})"
        return free

    @property
    def names(self) -> list[str]:
        """All names, those given at the start first."""
        return list(self._offered)

    def device(self, name: str | None) -> str:
        """Where a network computes, for the queue: 'cpu', 'cuda:0'. A network not yet open is opened on its way."""
        offered = self._entry(name)
        if offered.network is not None:
            return str(offered.network.device)
        return str(offered.opening.get("device") or "cpu")

    def open(self, name: str | None) -> Network:
        """The network of that name, or the first. Raises RefusedError for a name that is not in the list."""
        offered = self._entry(name)
        with offered.lock:  # two requests open it once
            if offered.network is None:
                offered.network = load(**offered.opening)
            network = offered.network
        with self._lock:
            if not offered.given:
                self._used[offered.name] = None
                self._used.move_to_end(offered.name)
            while len(self._used) > self.limits.networks:
                oldest, _ = self._used.popitem(last=False)
                self._offered[oldest].network = None
        return network

    def opened(self) -> list[Network]:
        """Those that are open now."""
        return [each.network for each in self._offered.values() if each.network is not None]

    def of_weights(self, fingerprints: Collection[str], likely: Sequence[str | None]) -> str | None:
        """The name of a network with the weights of one of the fingerprints, or None; the likely names are tried first.

        Networks are opened for it, one after another, until one has them. One that can't be opened has none.
        """
        first = [self.name_of(name) for name in likely if not name or name in self._offered]
        opened = [name for name, offered in self._offered.items() if offered.network is not None]
        for name in dict.fromkeys([*first, *opened, *self._offered]):
            try:
                if self.open(name).fingerprint in fingerprints:
                    return name
            except Exception:  # says why where it is chosen itself
                log.info("%s can't be opened", name, exc_info=True)
        return None

    def name_of(self, name: str | None) -> str:
        """The name as the list has it; the first network's where none is given."""
        return self._entry(name).name

    def _entry(self, name: str | None) -> Offered:
        if not name:
            return next(iter(self._offered.values()))
        if name not in self._offered:
            listed = near(name, self.names) or f"; it offers {', '.join(self.names)}"
            raise RefusedError(
                404, f"this microscope does not offer the network {name!r}{listed}. Others are named when it starts"
            )
        return self._offered[name]
