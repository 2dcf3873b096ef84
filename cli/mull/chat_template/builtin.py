"""Chat templates of mull's own, for files whose template is missing or broken: `--chat-template chatml`.

Each writes the format that a family of models was trained with, without tools and without thinking. `needs` are the
control tokens that a vocabulary of that family has.
"""

from __future__ import annotations

from collections.abc import Mapping

from mull.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class BuiltinTemplate:
    """A template's source, and the control tokens without which it is plain text to a model."""

    source: str
    needs: tuple[str, ...] = ()


# The system prompt goes into the first question where a format has no place for it.
_FIRST = """\
{%- set ns = namespace(system='') -%}
{%- for m in messages if m.role == 'system' -%}{%- set ns.system = m.content ~ '\\n\\n' -%}{%- endfor -%}
"""

_CHATML = """\
{%- for m in messages -%}
{{- '<|im_start|>' ~ m.role ~ '\\n' ~ m.content ~ '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""

_LLAMA3 = """\
{{- bos_token -}}
{%- for m in messages -%}
{{- '<|start_header_id|>' ~ m.role ~ '<|end_header_id|>\\n\\n' ~ m.content ~ '<|eot_id|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{%- endif -%}
"""

_MISTRAL = (
    _FIRST
    + """\
{{- bos_token -}}
{%- for m in messages if m.role != 'system' -%}
{%- if m.role == 'user' -%}{{- '[INST] ' ~ ns.system ~ m.content ~ ' [/INST]' -}}{%- set ns.system = '' -%}
{%- else -%}{{- ' ' ~ m.content ~ eos_token -}}{%- endif -%}
{%- endfor -%}
"""
)

_GEMMA = (
    _FIRST
    + """\
{{- bos_token -}}
{%- for m in messages if m.role != 'system' -%}
{{- '<start_of_turn>' ~ ('model' if m.role == 'assistant' else 'user') ~ '\\n' -}}
{%- if m.role == 'user' -%}{{- ns.system -}}{%- set ns.system = '' -%}{%- endif -%}
{{- m.content ~ '<end_of_turn>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<start_of_turn>model\\n' -}}{%- endif -%}
"""
)

_PHI3 = """\
{%- for m in messages -%}{{- '<|' ~ m.role ~ '|>\\n' ~ m.content ~ '<|end|>\\n' -}}{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>\\n' -}}{%- endif -%}
"""

_ZEPHYR = """\
{%- for m in messages -%}{{- '<|' ~ m.role ~ '|>\\n' ~ m.content ~ eos_token ~ '\\n' -}}{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>\\n' -}}{%- endif -%}
"""

_VICUNA = """\
{{- bos_token -}}
{%- for m in messages -%}
{%- if m.role == 'system' -%}{{- m.content ~ '\\n\\n' -}}
{%- elif m.role == 'user' -%}{{- 'USER: ' ~ m.content ~ '\\n' -}}
{%- else -%}{{- 'ASSISTANT: ' ~ m.content ~ eos_token ~ '\\n' -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'ASSISTANT:' -}}{%- endif -%}
"""

_ALPACA = """\
{{- bos_token -}}
{%- for m in messages -%}
{%- if m.role == 'system' -%}{{- m.content ~ '\\n\\n' -}}
{%- elif m.role == 'user' -%}{{- '### Instruction:\\n' ~ m.content ~ '\\n\\n' -}}
{%- else -%}{{- '### Response:\\n' ~ m.content ~ eos_token ~ '\\n\\n' -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '### Response:\\n' -}}{%- endif -%}
"""

BUILTIN: Mapping[str, BuiltinTemplate] = {
    "chatml": BuiltinTemplate(_CHATML, ("<|im_start|>", "<|im_end|>")),
    "llama3": BuiltinTemplate(_LLAMA3, ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")),
    "mistral": BuiltinTemplate(_MISTRAL),
    "gemma": BuiltinTemplate(_GEMMA, ("<start_of_turn>", "<end_of_turn>")),
    "phi3": BuiltinTemplate(_PHI3, ("<|user|>", "<|assistant|>", "<|end|>")),
    "zephyr": BuiltinTemplate(_ZEPHYR),
    "vicuna": BuiltinTemplate(_VICUNA),
    "alpaca": BuiltinTemplate(_ALPACA),
}
