"""Whether a file is a GGUF, by its first bytes; an error says what else it is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mull.errors import ModelFileError

MAGIC: Final = b"GGUF"


def check_gguf(path: Path) -> None:
    """Raise ModelFileError for a file that is not a GGUF: empty, a web page, a Git LFS pointer, another format."""
    try:
        with path.open("rb") as file:
            head = file.read(256)
    except OSError as error:
        why = error.strerror or str(error)
        raise ModelFileError("model_unreadable", f"{path} cannot be read: {why}.") from error
    if head.startswith(MAGIC):
        return
    start = head.lstrip().lower()
    if not head:
        raise ModelFileError("model_empty", f"{path} is empty.", "Get it again with mull pull.")
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        what, hint = "is a web page, not a model", "The download got an error page; download the file itself."
    elif head.startswith(b"version https://git-lfs"):
        what, hint = "is a Git LFS pointer, not the model", "Fetch the real file: git lfs pull, or mull pull."
    elif head[:4] in {b"lmgg", b"tjgg", b"fmgg", b"algg"}:
        what, hint = "is in llama.cpp's old format from before GGUF", "Look for a GGUF of this model."
    elif head[8:9] == b"{":
        what, hint = "is a safetensors file, not a GGUF", "Look for a GGUF of this model, or convert it."
    else:
        what, hint = "is not a GGUF file", "mull runs models in the GGUF format."
    raise ModelFileError("model_not_gguf", f"{path} {what}.", hint)
