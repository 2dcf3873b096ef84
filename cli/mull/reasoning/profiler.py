"""Make the profile of a model from its chat template: detect by probing, then correct by what is known of families.

In: a template's source and what the GGUF says about the model. Out: a `Profile`, cached for the life of the process;
the first costs some ten renderings of a few words. Raises `TemplateError` where the template cannot render a single
question.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache

from mull.chat_template.special_texts import SpecialTexts
from mull.chat_template.template import Template
from mull.reasoning.consistency import expected
from mull.reasoning.detect import detect
from mull.reasoning.families import corrected
from mull.reasoning.profile import Profile


@lru_cache(maxsize=32)
def _profile(
    source: str,
    special: frozenset[str],
    architecture: str,
    name: str,
    bos: str,
    eos: str,
    tokens: SpecialTexts,
    vouched: bool,
) -> Profile:
    found = detect(Template(source, bos=bos, eos=eos, tokens=tokens, vouched=vouched))
    found = expected(replace(found, special=special), name)
    return corrected(found, source, architecture=architecture, name=name)


def profile(
    source: str | None,
    *,
    special: Collection[str] = (),
    architecture: str = "",
    name: str = "",
    bos: str = "",
    eos: str = "",
    tokens: SpecialTexts = (),
    vouched: bool = False,
) -> Profile:
    """The profile of a model with this chat template (None: a base model without one).

    `special` holds the spellings of the tokenizer's control and user-defined tokens; `architecture` and `name` come
    from the GGUF; `bos`, `eos`, `tokens` and `vouched` are as for `Template`. Raises `TemplateError`.
    """
    if source is None:
        return Profile(None)
    return _profile(source, frozenset(special), architecture, name, bos, eos, tokens, vouched)
