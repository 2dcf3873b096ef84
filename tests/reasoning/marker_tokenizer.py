"""A tokenizer of single characters whose special tokens are the markers that a template spells: for injection tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from mull.reasoning.markers import chunks

USUAL = (
    "<|im_start|>",
    "<|im_end|>",
    "<think>",
    "</think>",
    "<|end|>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "<eos>",
)
FIRST_LETTER = 1 << 20


class Spelling:
    """Every bracketed marker of the source is a control token; tags around thinking are user-defined."""

    def __init__(self, source: str, more: Iterable[str] = ()) -> None:
        spelled = [
            chunk for chunk in chunks(source) if "{" not in chunk and "'" not in chunk and len(chunk) < 60
        ]
        self.special_tokens: Mapping[str, int] = {
            m: i for i, m in enumerate(dict.fromkeys([*USUAL, *spelled, *more]))
        }
        ordered = sorted(self.special_tokens, key=len, reverse=True)
        self._regex = {
            special: re.compile(
                "(" + "|".join(re.escape(m) for m in ordered if special or not self._control(m)) + ")"
            )
            for special in (True, False)
        }

    @staticmethod
    def _control(marker: str) -> bool:
        return "think" not in marker.lower()

    def is_control(self, token: int) -> bool:
        return token < FIRST_LETTER and self._control(
            next(m for m, i in self.special_tokens.items() if i == token)
        )

    def tokenize(self, text: str, *, special: bool, bos: bool = False) -> list[int]:  # noqa: ARG002
        ids: list[int] = []
        for index, part in enumerate(self._regex[special].split(text)):
            ids += (
                [self.special_tokens[part]]
                if index % 2
                else [FIRST_LETTER + ord(character) for character in part]
            )
        return ids

    def special(self, ids: Iterable[int]) -> list[int]:
        """The special tokens among the ids."""
        return [token for token in ids if token < FIRST_LETTER]
