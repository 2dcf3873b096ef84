r"""A GGUF vocabulary built token by token: all 256 bytes, "\n\n", special tokens, and whatever pieces a script needs.

In: pieces (text or bytes) and special tokens' spellings. Out: ids, and the tokenizer section of a GGUF header.
No two entries have the same text: llama.cpp aborts on a vocabulary that does.
"""

from __future__ import annotations

from collections.abc import Sequence

import gguf

_NORMAL, _UNKNOWN, _CONTROL, _USER, _BYTE = 1, 2, 3, 4, 6


def _byte_alphabet() -> list[str]:
    """GPT-2's printable stand-in for every byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    stand_ins = {byte: chr(byte) for byte in printable}
    others = (byte for byte in range(256) if byte not in stand_ins)
    stand_ins |= {byte: chr(256 + i) for i, byte in enumerate(others)}
    return [stand_ins[byte] for byte in range(256)]


ALPHABET = _byte_alphabet()


class Vocabulary:
    """`kind` is `gpt2` (byte-level BPE) or `llama` (SentencePiece with byte fallback)."""

    def __init__(self, kind: str = "gpt2", *, control: Sequence[str] = (), user: Sequence[str] = ()) -> None:
        if kind not in {"gpt2", "llama"}:
            raise ValueError(f"no tokenizer {kind}")
        self.kind = kind
        self._texts: list[str] = []
        self._known: set[str] = set()
        self._types: list[int] = []
        self._ids: dict[bytes | str, int] = {}
        self._n_base = 0
        if kind == "llama":
            self._append("<unk>", _UNKNOWN, "<unk>")
            for byte in range(256):
                self._append(f"<0x{byte:02X}>", _BYTE, bytes([byte]))
            self._append("▁", _NORMAL, b" ")
        else:
            for byte in range(256):
                self._append(ALPHABET[byte], _NORMAL, bytes([byte]))
            self.add(b"\n\n")
        self._n_base = len(self)
        for spelling in control:
            self._append(spelling, _CONTROL, spelling)
        for spelling in user:
            self._append(spelling, _USER, spelling)

    def __len__(self) -> int:
        return len(self._texts)

    @classmethod
    def numbered(cls, size: int) -> Vocabulary:
        """So large a one, filled up with " tok0", " tok1" …, with ChatML's markers."""
        made = cls(control=["<|im_start|>", "<|im_end|>"])
        for number in range(size - len(made)):
            made.add(f" tok{number}")
        return made

    def add(self, piece: str | bytes) -> int:
        """The id of a piece, which is added if it is new. A special token's spelling means that token."""
        if isinstance(piece, str) and piece in self._ids:
            return self._ids[piece]
        data = piece.encode() if isinstance(piece, str) else piece
        if not data:
            raise ValueError("a token has at least one byte")
        if data in self._ids:
            return self._ids[data]
        if self.kind == "gpt2":
            return self._append("".join(ALPHABET[byte] for byte in data), _NORMAL, data)
        # SentencePiece knows no token that is half a character
        return self._append(data.decode().replace(" ", "▁"), _NORMAL, data)

    def id(self, piece: str | bytes) -> int:
        """The id of a piece or special token that exists already. Raises KeyError."""
        data = piece.encode() if isinstance(piece, str) else piece
        return self._ids[piece] if piece in self._ids else self._ids[data]

    def text(self, token: int) -> str:
        return self._texts[token]

    def is_piece(self, token: int) -> bool:
        """Neither a byte nor special: it cannot come out of a prompt's text."""
        return token >= self._n_base and self._types[token] == _NORMAL

    def write(
        self, writer: gguf.GGUFWriter, *, pre: str, eos: str | None, bos: str | None, add_bos: bool
    ) -> None:
        """The tokenizer section of the header."""
        writer.add_tokenizer_model(self.kind)
        writer.add_token_list(self._texts)
        writer.add_token_types(self._types)
        if self.kind == "gpt2":
            writer.add_tokenizer_pre(pre)
            writer.add_token_merges([f"{ALPHABET[10]} {ALPHABET[10]}"])
        else:
            writer.add_token_scores([-float(i) for i in range(len(self))])
            writer.add_unk_token_id(0)
            writer.add_add_space_prefix(False)
        if eos is not None:
            writer.add_eos_token_id(self.id(eos))
        if bos is not None:
            writer.add_bos_token_id(self.id(bos))
        writer.add_add_bos_token(add_bos)

    def _append(self, text: str, kind: int, key: bytes | str) -> int:
        if text in self._known:
            raise ValueError(f"the vocabulary has {text!r} already")
        self._known.add(text)
        self._texts.append(text)
        self._types.append(kind)
        self._ids[key] = len(self) - 1
        return len(self) - 1
