"""The end of writing a model."""

from __future__ import annotations

from pathlib import Path

import gguf


def finish(writer: gguf.GGUFWriter, path: Path) -> Path:
    """Write the file with all that the writer has; returns its path."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
