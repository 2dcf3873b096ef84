"""`--chat-template NAME|FILE`: one of mull's own chat templates, or a file with one.

In: what a flag or the config says. Out: a name, or the absolute path of a file that holds a template. Raises MullError
for neither.
"""

from __future__ import annotations

from pathlib import Path

from mull.chat_template.builtin import BUILTIN
from mull.commands._system import user_file
from mull.errors import MullError
from mull.suggest import did_you_mean, nearest


def source_of(choice: str) -> str:
    """The source of a checked choice."""
    from mull.chat_template.source_file import read_template

    return BUILTIN[choice].source if choice in BUILTIN else read_template(Path(choice))


def template_choice(given: str) -> str:
    """The choice, checked as far as that takes no Jinja."""
    if given in BUILTIN:
        return given
    path = user_file(given)
    if not path.exists():
        names = f"mull has {', '.join(BUILTIN)}; a Jinja file works, too."
        hint = did_you_mean(nearest(given, BUILTIN), names)
        raise MullError("no_chat_template", f'There is no chat template "{given}", nor a file.', hint)
    from mull.chat_template.source_file import read_template

    read_template(path)
    return str(path.absolute())
