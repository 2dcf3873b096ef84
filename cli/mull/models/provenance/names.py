"""What a model's name says: how the model was changed, and whether two names mean the same model.

Names of files, of repositories and in headers, in any spelling. Pure; linear in the length of the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mull.models.catalogue.entry import CatalogueEntry
from mull.models.provenance.values import Kind

_LONGEST = 300  # characters of a name
# Words of published models. Abliteration removes refusals from the weights; Heretic is a program that does it.
_WORDS: dict[Kind, str] = {
    "abliterated": r"(?:ortho|l?or)?abliterat\w*|uncensored|decensored|unaligned|derestricted|obliterated|heretic"
    r"|josiefied|no-?refusals?",
    "merged": r"merged?|merges|mergekit|slerp|ties|della|dare|model-?stock|franken\w*|passthrough",
    "adapter": r"q?lora|dora|peft|adapter",
    "fine-tuned": r"fine-?tun(?:e|ed|ing)|sft|dpo|orpo|kto|grpo|distill?(?:ed)?|roleplay|rp",
}
_PATTERNS = {
    kind: re.compile(rf"(?<![a-z0-9])(?:{words})(?![a-z0-9])", re.IGNORECASE)
    for kind, words in _WORDS.items()
}
_PLAIN = re.compile(
    r"gguf|imatrix|i1|qat|mxfp4|nvfp4|[bf]f?p?16|f32|i?q\d\w*|[234568]bits?|bnb|ud|hf|"
    r"base|pt|instruct|it|chat|thinking|reasoning"
)
"""Words of a name that say which form of a model a file is, and not which model."""
_FORMS = {"k", "m", "s", "l", "xl", "xs", "xxs", "0", "1"}  # of a quantization: Q4_K_M, Q8_0
_MAKERS = frozenset(
    {"meta", "google", "nvidia", "qwen", "microsoft", "mistralai", "ibm", "deepseek", "openai"}
)
_SIZE = re.compile(r"[ea]?\d+(?:\.\d+)?[bm]")


def kinds(name: str) -> dict[Kind, str]:
    """How a name says that the model was changed: the kind, and the word that says it."""
    text = re.sub(r"[_ /]", "-", name[:_LONGEST])
    return {kind: match[0] for kind, pattern in _PATTERNS.items() if (match := pattern.search(text))}


def same_model(one: str, other: str) -> bool:
    """Whether two names mean one model, whatever its quantization, its uploader, or the stage of its own training."""
    first, second = _core(one), _core(other)
    if not first or not second:
        return False
    short, long = sorted((first, second), key=len)
    # The maker may stand in front: "Meta-Llama-3.1-8B", bartowski's "nvidia_NVIDIA-Nemotron…".
    front = long[: -len(short)]
    return long[-len(short) :] == short and (not front or (len(front) == 1 and front[0] in _MAKERS))


def entry_named(
    names: Iterable[str], entries: Iterable[CatalogueEntry]
) -> tuple[CatalogueEntry | None, bool]:
    """The entry whose name the first of these names contains, the longest one, and whether nothing else is in it.

    An entry without a size in its name, such as `phi-4`, has to be the whole name: `phi-4-mini` is another model.
    """
    known = [(_words(entry.name), entry) for entry in entries if not entry.builtin]
    for name in names:
        words = _words(name)
        inside = [
            (len(part), entry, same_model(entry.name, name))
            for part, entry in known
            if _contains(words, part) and (any(map(_SIZE.fullmatch, part)) or same_model(entry.name, name))
        ]
        if inside:
            _, entry, exact = max(inside, key=lambda one: one[0])
            return entry, exact
    return None, False


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9.]+", name[:_LONGEST].lower()) if word]


def _core(name: str) -> list[str]:
    """The words that make the model: maker, family, version, size, and what was done to it."""
    words = [word for word in _words(re.sub(r"\.gguf$", "", name, flags=re.IGNORECASE)) if word]
    quantized = [i for i, word in enumerate(words) if re.fullmatch(r"i?q\d\w*", word)]
    if quantized:  # Q4_K_M is three words
        rest = [word for word in words[quantized[0] + 1 :] if word not in _FORMS]
        words = words[: quantized[0]] + rest
    return [word for word in words if not _PLAIN.fullmatch(word)]


def _contains(words: list[str], part: list[str]) -> bool:
    return any(words[i : i + len(part)] == part for i in range(len(words) - len(part) + 1))
