"""Errors as a person wants to read them: one sentence on stderr, no traceback.

Exit codes: 2 for what the command line or the library refuses (a wrong name, a file that is not there), 130 for Ctrl-C,
70 (EX_SOFTWARE of sysexits.h) for what nobody foresaw.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from .usage import UsageError, usage_sentence

DEBUG = "PHOSPHENE_DEBUG"
REFUSED = (ValueError, LookupError, TypeError, OSError, ImportError)


def wants_traceback(ctx: typer.Context, wanted: bool) -> bool:
    """Remembers `--debug`, wherever on the line it stands."""
    if wanted:
        ctx.meta[DEBUG] = True
    return wanted


@contextmanager
def plainly(ctx: Any) -> Iterator[None]:
    """What goes wrong inside ends the command with a sentence and an exit code; with `--debug` with a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:  # the reader, `| head`, has seen enough; what is still buffered goes nowhere
        if sys.__stdout__ is not None and sys.stdout is sys.__stdout__:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())
        raise typer.Exit(0) from None
    except (typer.Exit, typer.Abort):
        raise
    except UsageError as error:
        complain(usage_sentence(error, ctx))
        raise typer.Exit(2) from None
    except (*REFUSED, RuntimeError, AssertionError, AttributeError, ArithmeticError, MemoryError) as error:
        if ctx.meta.get(DEBUG) or os.environ.get(DEBUG, "0") not in ("", "0"):
            raise
        if isinstance(error, REFUSED):
            complain(sentence(error))
            raise typer.Exit(2) from None
        text = f"{type(error).__name__}: {sentence(error)}".rstrip(": ")
        complain(f"phosphene did not expect this: {text} (--debug shows where)")
        raise typer.Exit(70) from None


def sentence(error: BaseException) -> str:
    """An error's own words: KeyError without its quotes, OSError without its number."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{os.fsdecode(error.filename)!r}: " if isinstance(error.filename, (str, bytes)) else ""
        text = f"{where}{error.strerror}"
    else:
        text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return " ".join(text.split()) or type(error).__name__


def complain(text: str) -> None:
    from rich.text import Text

    from .terminal import stderr

    stderr().print(Text.assemble(("error: ", "bold red"), text), soft_wrap=True)
