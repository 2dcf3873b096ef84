"""Texts in regular expressions."""

from __future__ import annotations


def character(letter: str) -> str:
    """One character: a letter or digit of ASCII, else its number."""
    return letter if letter.isascii() and letter.isalnum() else f"\\x{{{ord(letter):X}}}"


def literal(text: str) -> str:
    """Exactly this text."""
    return "".join(map(character, text))
