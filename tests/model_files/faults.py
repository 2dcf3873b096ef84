"""A GGUF with other metadata: one that llama.cpp would abort on, say.

In: a good file, and the values to set (None removes a key). Out: a copy; its tensors are the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf

from tests.model_files.finish import finish

KINDS = gguf.GGUFValueType


def write_changed(source: Path, target: Path, changes: Mapping[str, Any]) -> Path:
    """A `(type, value)` pair sets a value of that type; a list of texts or numbers replaces an array."""
    reader = gguf.GGUFReader(source)
    fields = {name: field for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    writer = gguf.GGUFWriter(target, str(fields["general.architecture"].contents()))
    for name, field in fields.items():
        if name != "general.architecture" and name not in changes:
            element = field.types[-1] if field.types[0] == KINDS.ARRAY else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=element)
    for name, change in changes.items():
        if isinstance(change, tuple):
            writer.add_key_value(name, change[1], change[0])
        elif isinstance(change, Sequence):
            writer.add_array(name, change)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    return finish(writer, target)
