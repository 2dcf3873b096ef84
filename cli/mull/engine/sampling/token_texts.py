"""Every token's text, as llguidance takes it, and stored on disk: asking llama.cpp for 150,000 of them takes 0.3 s.

In: a model. Out: bytes by token. `read` needs no model, only its file's stamps, so that a grammar can be prepared while
the model still loads. A damaged, foreign or unwritable store costs time, nothing else. The texts depend on the file and
on the llama.cpp library, which are the store's key.
"""

from __future__ import annotations

import ctypes
import hashlib
from array import array
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate, pairwise, repeat
from pathlib import Path
from typing import TYPE_CHECKING

from mull.engine.native import library, selfcheck
from mull.fs import ownership, paths
from mull.fs.atomic import write_atomic
from mull.fs.file_stamp import FileStamp

if TYPE_CHECKING:
    from mull.engine.model import Model

SPECIAL = b"\xff"  # llguidance: the token is no text
_WIDTH = 24  # bytes of a piece that are read in the first pass; the few longer pieces are read again
_MAGIC = b"mulltok\1"  # the last byte is the format's version
_DIGEST = 32
_FILES = 8  # vocabularies that are stored: half a megabyte to two each


def read(stamps: Sequence[FileStamp]) -> list[bytes] | None:
    """The stored texts of the model whose files have these stamps; None where there are none.

    No stamps: of no file, so nothing is stored.
    """
    if not stamps:
        return None
    path = _path(stamps)
    try:
        data = path.read_bytes()
        if ownership.weakness(path) is not None:  # others could have written it
            return None
    except OSError:
        return None
    head = len(_MAGIC) + _DIGEST
    body = data[head:]
    if not data.startswith(_MAGIC) or data[len(_MAGIC) : head] != hashlib.sha256(body).digest():
        return None
    sizes = array("I")
    count = int.from_bytes(body[:4], "little")
    sizes.frombytes(body[4 : 4 + count * sizes.itemsize])
    pieces = body[4 + count * sizes.itemsize :]
    return [pieces[begin:end] for begin, end in pairwise(accumulate(sizes, initial=0))]


def write(stamps: Sequence[FileStamp], found: Sequence[bytes]) -> None:
    """Store the texts, if the disk allows, and remove those that were stored first."""
    if not stamps:
        return
    path = _path(stamps)
    sizes = array("I", map(len, found))
    body = len(found).to_bytes(4, "little") + sizes.tobytes() + b"".join(found)
    with suppress(OSError):
        paths.private_dir(path.parent)
        write_atomic(path, _MAGIC + hashlib.sha256(body).digest() + body)
        others = sorted(path.parent.glob("*.tokens"), key=lambda one: one.stat().st_mtime)
        for old in others[:-_FILES]:
            old.unlink()


def _path(stamps: Sequence[FileStamp]) -> Path:
    key = f"{selfcheck.library_identity()} {tuple(stamps)}"
    return paths.cache_dir() / "vocabularies" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.tokens"


def texts(model: Model) -> list[bytes]:
    """Every token's text; empty where it has none: end-of-generation tokens, and pieces with a NUL byte."""
    buffer, sizes = _spelled(model)
    found = []
    for token, size in enumerate(sizes):
        at = token * _WIDTH
        piece = buffer[at : at + size] if size >= 0 else model.piece(token)
        found.append(b"" if b"\0" in piece or piece.startswith(SPECIAL) else piece)
    for token in {*model.special_tokens.values(), model.end_token}:
        if token >= 0 and model.is_eog(token):
            found[token] = b""
    return found


def _spelled(model: Model) -> tuple[bytes, list[int]]:
    """The first bytes of every token, `_WIDTH` for each, and the tokens' lengths; negative for longer ones.

    llama_token_to_piece writes each piece straight into its place: a pass in Python would take three times as long.
    """
    buffer = ctypes.create_string_buffer(model.n_vocab * _WIDTH)
    spell = ctypes.CFUNCTYPE(
        ctypes.c_int32,
        *(ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_bool),
    )(ctypes.cast(library.bindings().llama_token_to_piece, ctypes.c_void_p).value or 0)
    first = ctypes.addressof(buffer)
    places = range(first, first + len(buffer), _WIDTH)
    every = range(model.n_vocab)
    sizes = list(map(spell, repeat(model.vocabulary), every, places, repeat(_WIDTH), repeat(0), repeat(True)))
    return buffer.raw, sizes
