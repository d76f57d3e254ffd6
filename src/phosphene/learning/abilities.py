"""What a learned system can do, beyond learning: small protocols, checked by `isinstance`.

The command line, the sheets and the page are made from these, not from the systems' names.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Solves(Protocol):
    """Learns in closed form, without steps."""

    def solve(self, examples: Any) -> None:
        """Sets the weights to the best ones for these examples."""


@runtime_checkable
class Encodes(Protocol):
    def encode(self, x: Tensor) -> Tensor:
        """The codes (N, codes) of examples (N, ...)."""


@runtime_checkable
class Decodes(Protocol):
    @property
    def code_size(self) -> int:
        """How many numbers a code has; before any example is seen, each is about N(0, 1)."""

    @property
    def most_used(self) -> list[int]:
        """The codes that change examples most, in this order."""

    def decode(self, codes: Tensor) -> Tensor:
        """The examples (N, ...) of codes (N, codes)."""


@runtime_checkable
class Samples(Protocol):
    def sample(self, count: int, *, seed: int = 0) -> Tensor:
        """New examples (count, ...)."""


@runtime_checkable
class SamplesClasses(Protocol):
    @property
    def classes(self) -> int:
        """How many classes there are."""

    def sample(self, count: int, *, seed: int = 0, labels: Tensor | None = None) -> Tensor:
        """New examples (count, ...), of these classes (count,) or of all in turn."""

    def decode_as(self, codes: Tensor, labels: Tensor) -> Tensor:
        """The examples (N, ...) of codes (N, codes) and classes (N,)."""


@runtime_checkable
class Discriminates(Protocol):
    def real_probability(self, x: Tensor) -> Tensor:
        """The critic's probability (N,) that examples are real."""


@runtime_checkable
class Scores(Protocol):
    def log_prob(self, x: Tensor) -> Tensor:
        """The natural logarithm of the density or probability of examples, (N,)."""


@runtime_checkable
class ScoresByPrior(Protocol):
    """Has codes z with a prior, so that log p(x) = log E_z p(x | z) can be estimated with draws of it."""

    def prior_log_prob(self, x: Tensor, samples: int) -> Tensor:
        """Nats (N,) with so many codes of the prior; too low in the mean."""

    def exact_log_prob(self, x: Tensor) -> Tensor:
        """Nats (N,) by an integral over all codes. ValueError where there are more than two."""


@runtime_checkable
class ScoresByEncoder(Protocol):
    """Has an encoder besides, which gives a bound."""

    def bound(self, x: Tensor) -> Tensor:
        """The ELBO (N,) in nats."""

    def log_prob(self, x: Tensor, samples: int = 1000) -> Tensor:
        """Nats (N,) by importance sampling with so many codes of the encoder."""


@runtime_checkable
class ScoresPixels(Protocol):
    def pixel_log_prob(self, x: Tensor) -> Tensor:
        """log p of each value of examples (N, ...) given all others, (N, ...); their sum is not log p(x)."""


@runtime_checkable
class Completes(Protocol):
    def complete(self, x: Tensor, known: Tensor) -> Tensor:
        """The examples with what is not `known` (a mask of their shape) filled in."""


@runtime_checkable
class Classifies(Protocol):
    def classify(self, x: Tensor) -> Tensor:
        """The scores (N, classes) of examples."""


@runtime_checkable
class OpensItself(Protocol):
    """Was made of a network, and is one itself; made as `kind(settings, architecture=network)` where that is given."""

    def source(self, spec: str, card: Any) -> Any:
        """What `load` opens for its folder (`network.opening.source.Source`)."""


ABILITIES: dict[str, type] = {
    "encode": Encodes,
    "decode": Decodes,
    "sample": Samples,
    "log_prob": Scores,
    "complete": Completes,
    "classify": Classifies,
}


def abilities(system: Any) -> tuple[str, ...]:
    """The names of what it can do."""
    return tuple(name for name, protocol in ABILITIES.items() if isinstance(system, protocol))
