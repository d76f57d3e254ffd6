"""An instrument's command: it opens the network, reads the photo, runs the instrument, and writes or prints the result.

The result is written as a picture, some also as a folder with a page, or printed as JSON. The instrument's parameters
are words and options (`plan`), and so are those of its result's `picture(...)`; the command line adds its own for the
network and for the output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...instrument.form import form_of
from .. import stepping
from .. import terminal as show
from .added_options import OUTPUT
from .arguments import arguments_of, call_of, path_of
from .command import sign
from .plan import FILM, Plan, added_values, plan_of


def instrument_command(function: Callable[..., Any]) -> Callable[..., None]:
    """The function that a command line for this instrument runs: arguments as text in, a picture or JSON out."""
    plan = plan_of(form_of(function))

    def command(**values: Any) -> None:
        _run(plan, values)

    command.__doc__ = function.__doc__
    sign(command, list(plan.parameters.values()))
    return command


def _run(plan: Plan, values: Mapping[str, Any]) -> None:
    call = call_of(plan, values)
    output = added_values(plan, values, OUTPUT)
    as_json = output["json"] or not plan.form.draws
    film = values.get(FILM)
    stepping.check_film(film)
    path = page = None
    if plan.form.pages and show.is_page(output["out"]):
        page = output["out"]
    elif output["out"] or not as_json:
        path = path_of(call, output["out"])
        show.check_saving(path, output["theme"], output["scale"])

    arguments, drawing = arguments_of(call)
    if plan.form.stepwise:
        result = stepping.last_result(plan.form.function, arguments, film)
    else:
        with show.working(plan.form.name):
            result = plan.form.function(**arguments)
    for sentence in result.notes:
        show.note(sentence)
    if as_json:
        show.print_json(result.to_dict())
    elif (table := result.table()) is not None:
        show.print_table(table)
    if page is not None:
        with show.working(f"writing {page}"):
            written = result.zoomable(page)
        show.print_path(written, output["open"], quiet=as_json)
    if path is not None:
        with show.working(f"drawing {path}"):
            picture = result.picture(**drawing)
        show.save(picture, path, output["theme"], output["scale"], output["open"], quiet=as_json)
