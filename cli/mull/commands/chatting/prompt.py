"""What the prompt of a chat shows and completes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mull.commands.chatting.session import Chat


class Reader(Protocol):
    def read(self, default: str = "") -> str: ...


class _Plain:
    def read(self, default: str = "") -> str:
        sys.stderr.write(f"> {default}")
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")


def make_prompt(chat: Chat) -> Reader:
    return _Plain()
