"""Templates without thinking, and ways to switch it: arguments, words, what the generation prompt prefills."""

from __future__ import annotations

_TURNS = (
    "{%- for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
    "{%- if m.role == 'assistant' and m.reasoning_content and loop.last %}"
    "{{ '<think>\n' + m.reasoning_content + '\n</think>\n\n' }}{% endif %}"
    "{{ m.content + '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
)
PLAIN = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Thinks by default; off prefills an empty, closed block (as Qwen3 does).
CLOSED = (
    _TURNS + "{%- if enable_thinking is defined and enable_thinking is false %}"
    "{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}"
)
# The prompt opens the thinking; off prefills a closed block.
OPENED = (
    _TURNS + "{%- if enable_thinking is defined and not enable_thinking %}{{ '<think></think>' }}"
    "{% else %}{{ '<think>\n' }}{% endif %}{% endif %}"
)
# Off by default; off writes a bare end tag.
BARE = _TURNS + "{{ '<think>' if thinking else '</think>' }}{% endif %}"
# The prompt always opens the thinking.
ALWAYS = _TURNS + "{{ '<think>\n' }}{% endif %}"
# Switched only by /think and /no_think in a message, which are then removed from it.
WORDS = (
    "{%- set ns = namespace(on=true) %}{%- for m in messages %}"
    "{%- if '/no_think' in m.content %}{% set ns.on = false %}"
    "{%- elif '/think' in m.content %}{% set ns.on = true %}{% endif %}"
    "{{ '<|im_start|>' + m.role + '\n' + m.content.replace('/no_think', '').replace('/think', '') + '<|im_end|>\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{{ '<think>\n' if ns.on else '<think></think>' }}{% endif %}"
)
# The same words, but only in the system message, where they stay.
SYSTEM_WORDS = (
    "{%- for m in messages %}{{ '[|' + m.role + '|]' + m.content + '[|endofturn|]\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '[|assistant|]' }}"
    "{%- if messages[0].role == 'system' and '/no_think' in messages[0].content %}{{ '<think>\n\n</think>\n\n' }}"
    "{%- else %}{{ '<think>\n' }}{% endif %}{% endif %}"
)
# A string-valued mode; without it the model decides.
MODE = (
    _TURNS + "{%- if thinking_mode == 'enabled' %}{{ '<think>' }}"
    "{%- elif thinking_mode == 'disabled' %}{{ '</think>' }}{% endif %}{% endif %}"
)
# Off opens the thinking, like on, and leaves it empty (as Baichuan-M2 does).
OFF_OPENS = (
    _TURNS + "{%- if thinking_mode == 'on' %}{{ '<think>\n' }}"
    "{%- elif thinking_mode == 'off' %}{{ '<think>\n\n' }}{% endif %}{% endif %}"
)
# On and off are named the wrong way round.
SWAPPED = (
    _TURNS + "{%- if thinking_mode == 'on' %}{{ '<think>\n\n</think>\n\n' }}"
    "{%- elif thinking_mode == 'off' %}{{ '<think>\n' }}{% endif %}{% endif %}"
)
# The prompt always closes the thinking, whatever is requested.
NEVER = _TURNS + "{{ '<think>\n\n</think>\n\n' }}{% endif %}"
NEVER_SWITCHED = "{% if enable_thinking %}Think hard.{% endif %}" + NEVER
# Made for a family: past thinking is rendered, and nothing else speaks of it (as in Qwen3-Instruct-2507).
HANDED_BACK = _TURNS + "{% endif %}"
# The default system prompt makes it think.
PROMPTED = (
    "{%- if messages[0].role == 'system' %}{{ '[SYSTEM]' + messages[0].content + '[/SYSTEM]' }}"
    "{%- else %}{{ '[SYSTEM]First think: [THINK]your thoughts[/THINK]. Then answer.[/SYSTEM]' }}{% endif %}"
    "{%- for m in messages %}{%- if m.role == 'user' %}{{ '[INST]' + m.content + '[/INST]' }}"
    "{%- elif m.role == 'assistant' %}{{ m.content + eos_token }}{% endif %}{% endfor %}"
)
# Honours its switch only without a system message.
BLOCKED = (
    "{%- if messages[0].role == 'system' %}{{ '<|role|>system<|/role|>' + messages[0].content }}"
    "{%- elif thinking %}{{ '<|role|>system<|/role|>Think in <think></think>, answer in <response></response>.' }}"
    "{% endif %}{%- for m in messages if m.role != 'system' %}{{ '<|role|>' + m.role + '<|/role|>' + m.content }}"
    "{{ '<|eot|>' }}{% endfor %}{%- if add_generation_prompt %}{{ '<|role|>assistant<|/role|>' }}{% endif %}"
)
# Opens the thinking with a tag whose end it never spells (as OLMo 3 does).
UNENDED = PLAIN.replace("assistant\n{% endif %}", "assistant\n<think>{% endif %}")
# A switch that only changes the system prompt: no tag is spelled anywhere (as Cogito does).
UNSPELLED = (
    "{% if enable_thinking %}<|im_start|>system\nEnable the deep thinking subroutine.<|im_end|>\n{% endif %}"
    + PLAIN
)
# Mentions thinking only in its instructions for tools.
TOOLS_THINK = "{% if tools %}Plan in <|START_THINKING|> and <|END_THINKING|>.{% endif %}" + PLAIN
# A mode with unusual words.
OWN_MODES = MODE.replace("enabled", "full").replace("disabled", "skip")
# Neither position renders as the default, but the default prompt opens the thinking.
OPENED_BY_DEFAULT = OPENED.replace(
    "m.content +", "m.content + (' /think' if enable_thinking is defined and enable_thinking else '') +"
)
# Off by default; on opens the thinking, off adds nothing (as Bielik does).
OPENED_ON_REQUEST = (
    _TURNS + "{%- if enable_thinking | default(false) %}{{ '<think>\n' }}{% endif %}{% endif %}"
)
# Off by default; off prefills an empty block, on adds nothing (as Command R7B and Gemma 4 do).
CLOSED_BY_DEFAULT = (
    _TURNS + "{%- if not enable_thinking | default(false) %}{{ '<think></think>' }}{% endif %}{% endif %}"
)
# Off by default; on opens the thinking, off prefills an empty block (as DeepSeek V3.1 does).
OPENED_OR_CLOSED = _TURNS + "{{ '<think>' if thinking else '<think></think>' }}{% endif %}"
# Opened, closed, or left to the model where the argument is not defined (as MiniCPM5 does).
THREE_STATES = (
    _TURNS + "{%- if enable_thinking is defined %}{{ '<think>' if enable_thinking else '<think>\n</think>' }}"
    "{% endif %}{% endif %}"
)
# The prompt opens the thinking; off writes a bare end tag (as Laguna S does).
BARE_OFF = (
    _TURNS
    + "{{ '</think>' if enable_thinking is defined and not enable_thinking else '<think>' }}{% endif %}"
)
# Tags whose names do not mention thinking, used in the generation prompt only.
UNNAMED_TAGS = PLAIN.replace(
    "assistant\n{% endif %}", "assistant\n{{ '<|muse|>' if thinking else '<|muse|><|speak|>' }}{% endif %}"
)
