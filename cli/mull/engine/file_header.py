"""The first bytes of a model file, checked without llama.cpp.

In: a path. Out: nothing. Raises ModelFileError with a reason that llama.cpp would not give: missing, a folder, empty,
unreadable, not GGUF, truncated.
"""

from __future__ import annotations

from pathlib import Path

from mull.errors import ModelFileError
from mull.fs.text import reason

_MAGIC = b"GGUF"
_SMALLEST = 24  # bytes: magic, version and two counts


def check_header(path: Path) -> None:
    """Raises ModelFileError, see above."""
    try:
        with path.open("rb") as file:
            head = file.read(_SMALLEST)
    except FileNotFoundError as error:
        raise ModelFileError("model_missing", f"There is no file {path}.", "Check the path.") from error
    except OSError as error:
        if path.is_dir():  # on Windows the reason would be "permission denied"
            hint = "Give a .gguf file in it."
            raise ModelFileError("model_is_folder", f"{path} is a folder, not a model file.", hint) from error
        raise ModelFileError("model_unreadable", f"{path} cannot be read: {reason(error)}.") from error
    if not head:
        raise ModelFileError("model_empty", f"{path} is empty.", "Download it again.")
    if not head.startswith(_MAGIC):
        raise ModelFileError(
            "model_not_gguf", f"{path} is not a GGUF file.", "mull runs models in the GGUF format (.gguf)."
        )
    if len(head) < _SMALLEST:
        raise ModelFileError("model_damaged", f"{path} ends in its header.", "Download it again.")
