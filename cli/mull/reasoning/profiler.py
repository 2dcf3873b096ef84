"""Make the profile of a model from its chat template: detect by probing, then correct by what is known of families.

In: a template's source and what the GGUF says about the model. Out: a `Profile`, cached for the life of the process
and, where there is a state folder, on disk: the first costs some ten renderings of a few words. Raises `TemplateError`
where the template cannot render a single question.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from mull.chat_template.special_texts import SpecialTexts
from mull.chat_template.template import Template
from mull.reasoning.profile import Profile
from mull.reasoning.profile_record import from_record, to_record


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
    state_dir: Path | None,
) -> Profile:
    template = Template(source, bos=bos, eos=eos, tokens=tokens, vouched=vouched, state_dir=state_dir)
    question = ("profile", sorted(special), architecture, name)
    record = template.facts.get(*question)
    if record is not None:
        with suppress(KeyError, TypeError, AttributeError):  # a damaged answer
            return from_record(record, template, special)
    # Imported here, as most loads find their profile in the cache.
    from mull.reasoning.consistency import expected
    from mull.reasoning.detect import detect
    from mull.reasoning.families import corrected

    found = expected(replace(detect(template), special=special), name)
    found = corrected(found, source, architecture=architecture, name=name)
    if (record := to_record(found)) is not None:
        template.facts.put(record, *question)
    return found


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
    state_dir: Path | None = None,
) -> Profile:
    """The profile of a model with this chat template (None: a base model without one).

    `special` holds the spellings of the tokenizer's control and user-defined tokens; `architecture` and `name` come
    from the GGUF; `bos`, `eos`, `tokens`, `vouched` and `state_dir` are as for `Template`. Raises `TemplateError`.
    """
    if source is None:
        return Profile(None)
    return _profile(source, frozenset(special), architecture, name, bos, eos, tokens, vouched, state_dir)
