"""The table of the views of a turn: from a name to the view's maker, whose module is imported on use.

In: the output form that the user asked for, and the view's options. Out: a view. A failure outside a turn, which no
view has seen, is shown here too, in the same form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mull.errors import MullError
from mull.terminal.console.streams import Streams, detach
from mull.terminal.views.base import MakeView, OutputForm, TurnView, ViewOptions


def _text(options: ViewOptions) -> TurnView:
    from mull.terminal.views.plain import plain_view

    return plain_view(options)


def _live(options: ViewOptions) -> TurnView:
    from mull.terminal.views.live import live_view

    return live_view(options)


def _json(options: ViewOptions) -> TurnView:
    from mull.terminal.views.json_output import json_view

    return json_view(options)


def _jsonl(options: ViewOptions) -> TurnView:
    from mull.terminal.views.json_output import jsonl_view

    return jsonl_view(options)


class ViewEntry(NamedTuple):
    """A view of the table.

    `is_json`: stdout carries objects for programs, failures included, and the notices and figures are in them. With
    any other view, errors, notices and --stats go to stderr.
    """

    make: MakeView
    is_json: bool = False


VIEWS: Mapping[str, ViewEntry] = {
    "text": ViewEntry(_text),
    "live": ViewEntry(_live),
    "json": ViewEntry(_json, is_json=True),
    "jsonl": ViewEntry(_jsonl, is_json=True),
}


def open_view(form: OutputForm, options: ViewOptions) -> TurnView:
    """The view for an output form. Text on a terminal whose cursor can be moved is drawn by the live view."""
    live = form == "text" and options.streams.stdout_live
    return VIEWS["live" if live else form].make(options)


def show_failure(error: MullError, form: OutputForm, streams: Streams, *, of_turn: bool) -> None:
    """Show a failure that ended the command: a sentence and a hint on stderr, and with JSON an object on stdout.

    `of_turn`: the command shows a turn, whose result has all its keys even then. An interruption needs no sentence.
    Raises OSError only for a closed pipe, for `streams.quiet_when_closed`.
    """
    if VIEWS[form].is_json:
        from mull.terminal.views.json_output import write_failure

        try:
            write_failure(error, streams, of_turn=of_turn)
        except MullError:
            detach(streams)  # the disk is full; the sentence on stderr is what is left
    if error.code != "interrupted":
        streams.error(error.message, error.hint)
