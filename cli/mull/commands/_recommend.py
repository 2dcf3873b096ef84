"""Offering the recommended model, and refusing what pebble is not made for: shared by ask, batch, chat and models.

In: what is asked, and whether pebble answers only because no model was chosen. Out: nothing, or `BeyondPebble` with the
recommended model in its hint. Nothing is downloaded before the user has said yes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from mull.errors import MullError

if TYPE_CHECKING:
    from mull.backends.recommendation import Recommendation
    from mull.commands._input import UserInput
    from mull.commands._session import Setup
    from mull.settings import AnswerFormat
    from mull.store.records import Attachment
    from mull.terminal.console.streams import Streams


class BeyondPebble(MullError):
    """A prompt that pebble, which was not chosen by name, is not made for.

    `wanted`: the model to download instead, if there is one.
    """

    def __init__(self, takes: str = "", *, in_chat: bool = False) -> None:
        if takes:
            message = f"pebble, the built-in demo, takes no {takes}."
        else:
            message = (
                "This is beyond pebble, the built-in demo, which does small sums and word problems, counts letters, "
                "sorts numbers and letters, and knows mull."
            )
        from mull.models.disk.packaged import offer

        hint, self.wanted = real_model(in_chat=in_chat)
        use = "/model" if in_chat else "-m"
        other = f" {text}." if (text := offer(use)) else ""
        super().__init__("beyond_pebble", message, f"{hint}{other} {use} pebble lets pebble try.")


def real_model(*, in_chat: bool = False) -> tuple[str, Recommendation | None]:
    """How to get the recommended model, as a sentence; and the model, if it has to be downloaded."""
    from mull.backends.recommendation import recommended
    from mull.models.hub.environment import offline

    best = recommended()
    if best is None:
        return "mull models lists larger models.", None
    if _installed(best.name):
        return f"{best.name} is installed: {'/model' if in_chat else '-m'} {best.name} uses it.", None
    variable = offline()
    once = f", once {variable} is unset" if variable else ""
    return f"Get a real model: {best.command}{once}.", best


def check_for_pebble(
    text: str,
    *,
    files: Collection[Attachment] = (),
    answer_format: AnswerFormat | None = None,
    follows: bool = False,
    begun: bool = False,
    in_chat: bool = False,
) -> None:
    """Raise BeyondPebble for what pebble is not made for. `follows`: an earlier turn gives the text its meaning.
    `begun`: another model began the answer.
    """
    if begun:
        raise BeyondPebble("answer that another model began", in_chat=in_chat)
    if files:
        raise BeyondPebble("files", in_chat=in_chat)
    if answer_format is not None:
        raise BeyondPebble("schema, choices, grammar or format", in_chat=in_chat)
    from mull.models.builtin.domain import in_domain

    if not in_domain(text, follows=follows):
        raise BeyondPebble(in_chat=in_chat)


def check_question(question: UserInput, setup: Setup, streams: Streams | None) -> None:
    """The same for what `mull ask` was given, after saying on `streams` why it is not the session's own model."""
    last = setup.conversation.last
    begun = question.empty and last is not None and last.model != setup.backend.name
    if question.empty and not begun:
        return
    try:
        check_for_pebble(
            question.text,
            files=question.files,
            answer_format=setup.run.preferences.answer_format,
            follows=bool(setup.conversation.path),
            begun=begun,
        )
    except BeyondPebble:
        if streams is not None:
            for notice in setup.notices:
                streams.note(notice)
        raise


def offer_download(model: Recommendation, streams: Streams) -> bool:
    """Offer the download where a user can answer; anything but yes is no. Returns whether it took place."""
    from mull.fs.size import size_text
    from mull.models.hub.environment import offline

    if not (streams.stdin_tty and streams.stderr_tty) or offline() or _installed(model.name):
        return False
    try:
        if not streams.confirm(f"Download {model.name} ({size_text(model.bytes)})?"):
            return False
    except KeyboardInterrupt:
        streams.stderr.write("\n")
        return False
    from mull.commands._download import fetch

    fetch(model.name, streams)
    return True


def _installed(name: str) -> bool:
    from mull.config import read_config
    from mull.models.resolve import find

    try:
        return find(name, folders=read_config().model_folders()).path.is_file()
    except MullError:
        return False
