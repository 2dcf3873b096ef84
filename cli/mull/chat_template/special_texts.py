"""The variables of special tokens that a chat template may read, as `apply_chat_template` of transformers passes them.

In: a lookup of a token's text by the GGUF key of its id. Out: pairs of variable and text, without those that the model
has no token for (transformers leaves them undefined, too). `bos_token` and `eos_token` are not among them: a template
always has both, empty where the model has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

SpecialTexts = tuple[tuple[str, str], ...]

KEYS: Final[Mapping[str, str]] = {
    "unk_token": "tokenizer.ggml.unknown_token_id",
    "sep_token": "tokenizer.ggml.seperator_token_id",  # spelled so in the GGUF specification
    "pad_token": "tokenizer.ggml.padding_token_id",
    "cls_token": "tokenizer.ggml.cls_token_id",
    "mask_token": "tokenizer.ggml.mask_token_id",
}


def special_texts(text_of: Callable[[str], str]) -> SpecialTexts:
    """The pairs; `text_of` takes a key of `KEYS` and returns the token's text, empty without one."""
    found = ((variable, text_of(key)) for variable, key in KEYS.items())
    return tuple((variable, text) for variable, text in found if text)
