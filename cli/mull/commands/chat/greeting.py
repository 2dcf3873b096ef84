"""How a chat starts: a card with the model and what to try, one line, or the turn that it continues.

In: the chat and its model, which is not loaded yet: of a file that the catalogue does not have, the header is read
(40 ms for a vocabulary of 150,000 tokens). Out: lines on the screen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from mull import __version__
from mull.commands._recommend import real_model
from mull.commands.chat.session import Chat
from mull.errors import MullError
from mull.fs.size import size_text
from mull.models.disk import packaged
from mull.models.naming.filenames import quantization
from mull.models.resolved import Resolved
from mull.terminal.console.start_card import start_card
from mull.terminal.console.style import Styled

_THINKING = re.compile(r"think|reason|analysis|channel", re.IGNORECASE)
OFTEN = 10  # conversations; who has had as many knows what the card says
ROWS = 20  # a screen with fewer gets one line
ASK_PEBBLE = ("How many r's are in strawberry?", "What is 47 + 38?", "Put 31, 7, 19 in order.")
ASK = (
    "Explain what a hash table is, with an example.",
    "Write a short poem about rain.",
    "What should I ask before I rent a flat?",
)


def greet(chat: Chat, model: Resolved) -> None:
    """Show what the config asks for; a resumed conversation shows its last turn."""
    if chat.config.quiet:
        return
    if chat.conversation.last is not None:
        chat.show_resumed()
        return
    banner = chat.config.screen.banner or ("line" if _comes_often(chat) else "full")
    if banner == "off":
        return
    if banner == "line" or chat.streams.size()[1] < ROWS:
        chat.note(f"{_about(chat, model)[0]} · /help shows commands and keys")
        if chat.is_builtin:
            chat.note(real_model(in_chat=True)[0])
        return
    lines = start_card(chat.streams, f"mull {__version__}", list(_rows(chat, model)))
    chat.streams.write("".join(f"{line}\n" for line in lines))


def _comes_often(chat: Chat) -> bool:
    with suppress(MullError):
        return len(chat.conversation.branch.store.sessions(limit=OFTEN)) >= OFTEN
    return False


def _rows(chat: Chat, model: Resolved) -> Iterator[tuple[str, Styled]]:
    """The card's labels and texts; an empty label continues the text above, empty text is a blank line."""
    name, *facts = _about(chat, model)
    yield "model", Styled(name, "bold")
    if model.source == "builtin":
        facts.append("a demo: sums, counts, sorts")
    if facts:
        yield "", Styled((" · " if chat.streams.unicode else " - ").join(facts), "muted")
    if chat.is_builtin:
        yield "better", Styled(real_model(in_chat=True)[0])
        if text := packaged.offer("/model"):
            yield "", Styled(f"{text}.")
    yield "", Styled("")
    for number, example in enumerate(ASK_PEBBLE if model.source == "builtin" else ASK):
        yield "" if number else "try", Styled(example, "accent")
    yield "", Styled("")
    yield "", Styled("/help shows commands and keys", "muted")


def _about(chat: Chat, model: Resolved) -> Sequence[str]:
    """Name, size, quantization, context and thinking, as far as they are known before the model is loaded."""
    facts = [chat.model_name]
    if model.address is not None and model.address.endpoint.name != model.address.endpoint.url:
        facts.append(model.address.endpoint.url)
    if model.source != "other":
        with suppress(OSError):
            facts.append(size_text(model.path.stat().st_size))
        facts.append(quantization(str(model.path)) or "")
    context, thinks = model.entry.context if model.entry is not None else None, chat.backend.can_think
    if thinks is None and model.source != "other":
        context, thinks = _in_file(model)
    if context:
        facts.append(f"{context:,} tokens of context")
    facts.append({True: "thinks before it answers", False: "does not think", None: ""}[thinks])
    return [fact for fact in facts if fact]


def _in_file(model: Resolved) -> tuple[int | None, bool | None]:
    """The context for which a model was trained, and False where its chat template says nothing of thinking."""
    from mull.models.gguf.chat_template import choose_template
    from mull.models.gguf.header import read_header

    with suppress(MullError):
        header = read_header(model.path, whole=False)
        template = choose_template(header).source or ""
        return header.n_ctx_train, None if _THINKING.search(template) else False
    return None, None
