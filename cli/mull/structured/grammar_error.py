"""The error for a grammar that cannot be used."""

from __future__ import annotations

from mull.errors import UsageError

GBNF = "GBNF, llama.cpp's notation; --lark takes Lark's"
LARK = "Lark's notation, as llguidance reads it; --grammar takes GBNF"


class GrammarError(UsageError):
    """`line` counts from 1; 0: the error has no place."""

    def __init__(self, line: int, what: str, notation: str = GBNF) -> None:
        place = f" in line {line}" if line else ""
        super().__init__(
            "invalid_grammar",
            f"The grammar has an error{place}: {what}.",
            f"Grammars are written in {notation}.",
        )
        self.line = line
