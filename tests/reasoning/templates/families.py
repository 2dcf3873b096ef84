"""One template per rule in `families.py`, with the text that the rule looks for, if no other template has it."""

from __future__ import annotations

from tests.reasoning.templates.markup import FINAL, STRIPPED
from tests.reasoning.templates.switches import PLAIN

DISTILLED = (
    "{%- for m in messages %}{%- if m.role == 'assistant' %}{{ '<｜Assistant｜>' + m.content + '<｜stop｜>' }}"
    "{%- else %}{{ '<｜User｜>' + m.content }}{% endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<｜Assistant｜><think>\n' }}{% endif %}"
)
STEPS = FINAL.replace(
    "'<|assistant|>\n' }}{% endif", "'<|assistant|>\nHere are my reasoning steps:\n' }}{% endif"
)
SENTENCES = (
    "{%- if thinking %}{{ '<|role|>system<|/role|>Begin with: Here is my thought process: and go on with: "
    "Here is my response: <|eot|>' }}{% endif %}"
    "{%- for m in messages %}{{ '<|role|>' + m.role + '<|/role|>' + m.content + '<|eot|>' }}{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<|role|>assistant<|/role|>' }}{% endif %}"
)
UNNAMED_CHANNELS = STRIPPED.replace("ponder", "channel") + "{% if enable_thinking %}<|think|>{% endif %}"
TRAINED_PROMPT = (
    "{{ '<|im_start|>system<|im_sep|>You are Phi. Write <think>{Thought section}</think>, then answer.<|im_end|>' }}"
    "{%- for m in messages %}{{ '<|im_start|>' + m.role + '<|im_sep|>' + m.content + '<|im_end|>' }}{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}"
)
SILENT_SWITCH = (
    "{% if messages[0].role != 'system' %}You are MiMo, an AI assistant developed by Xiaomi.{% endif %}"
    + PLAIN
)
SILENT = (
    "{% for m in messages %}<beginning_of_sentence>{{ 'ai' if m.role == 'assistant' else 'user' }} name={{ m.role }}"
    "\n{{ m.content }}<end_of_sentence>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ '<beginning_of_sentence>ai name=assistant\n' }}{% endif %}"
)
# Families that only the model's name in the GGUF reveals: each needs an entry in KNOWN.
SYSTEM_SENTENCES, SYSTEM_PROMPT, BUILT_IN = PLAIN + "{# 1 #}", PLAIN + "{# 2 #}", PLAIN + "{# 3 #}"

KNOWN: dict[str, dict[str, str]] = {
    "DISTILLED": {"name": "Some-R1-Distill-1B", "architecture": "llama"},
    "SYSTEM_SENTENCES": {"name": "Llama-3_3-Nemotron-Super-49B", "architecture": "deci"},
    "SYSTEM_PROMPT": {"name": "DeepHermes 3 Llama 3 8B Preview", "architecture": "llama"},
    "BUILT_IN": {"name": "pebble"},
}
"""Name and architecture in the GGUF, for templates whose family rule needs them."""
