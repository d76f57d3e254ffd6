"""Why a request is refused, as a status and a sentence; and the sentence for what an instrument raised."""

from __future__ import annotations

import errno


class RefusedError(Exception):
    """A request that is refused: the HTTP status and one sentence that says what to do."""

    def __init__(self, status: int, sentence: str) -> None:
        sentence = sentence.encode("utf-8", "backslashreplace").decode()  # it may quote half of a surrogate pair
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


# what instruments raise for what people ask: the page shows the same sentence as the terminal
ASKED_WRONGLY = (ValueError, LookupError, TypeError, FileNotFoundError, NotImplementedError)
OUR_FAULT = (KeyError, UnicodeError)  # instruments raise neither on purpose


def refusal_of(error: BaseException) -> RefusedError:
    """The refusal for an error: its own sentence where it is about the request, a general one for our own faults."""
    if isinstance(error, RefusedError):
        return error
    sentence = str(error)
    if isinstance(error, LookupError) and not isinstance(error, OUR_FAULT) and sentence:
        return RefusedError(404, sentence)
    if isinstance(error, ASKED_WRONGLY) and not isinstance(error, OUR_FAULT) and sentence:
        return RefusedError(422, sentence)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RefusedError(507, "the server's disk is full; make room and ask again")
    if isinstance(error, MemoryError) or "out of memory" in sentence:
        return RefusedError(507, "this takes more memory than there is; choose a smaller image or fewer images at once")
    kind = type(error).__name__
    return RefusedError(500, f"the server failed ({kind}: {' '.join(sentence.split())[:200]}); its terminal says where")
