"""Erase everything from the cursor on, without a copy of it in tmux's scrollback."""

from __future__ import annotations

# tmux moves what is erased at once into the scrollback where the cursor is in the first row and column, as it may be
# after a resize; there nothing can be erased. So the first row goes by itself. The cursor stays.
ERASE_BELOW = "\x1b[K\x1b[C\x1b[J\x1b[D"
