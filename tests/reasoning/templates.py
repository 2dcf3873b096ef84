"""Small chat templates, one per mechanism, written for these tests. Published ones are read by `corpus.py`."""

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
# An effort argument that raises for unknown values, with `no_think` for off.
STRICT_EFFORT = (
    "{%- if effort is not defined %}{% set effort = 'no_think' %}"
    "{%- elif effort not in ['no_think', 'low', 'high'] %}{{ raise_exception('effort must be no_think, low or high') }}"
    "{% endif %}{{ '[' + effort + ']' }}"
    + _TURNS
    + "{{ '<think></think>' if effort == 'no_think' else '<think>' }}{% endif %}"
)
# A number of thinking tokens; 0 is off.
TOKENS = (
    _TURNS + "{%- if thinking_budget is defined and thinking_budget == 0 %}{{ '<think>\n</think>' }}"
    "{%- elif thinking_budget is defined and thinking_budget > 0 %}{{ '<think>budget ' ~ thinking_budget ~ '\n' }}"
    "{% endif %}{% endif %}"
)
# A family with headers: every message of a turn has a channel.
CHANNELS = (
    "{{ '<|start|>system<|message|>Reasoning: ' + (reasoning_effort or 'medium') + '<|end|>' }}"
    "{%- for m in messages %}{%- if m.role == 'assistant' %}"
    "{%- if m.thinking and loop.last %}"
    "{{ '<|start|>assistant<|channel|>analysis<|message|>' + m.thinking + '<|end|>' }}{% endif %}"
    "{{ '<|start|>assistant<|channel|>final<|message|>' + m.content }}"
    "{{ '<|return|>' if loop.last and not add_generation_prompt else '<|end|>' }}"
    "{%- else %}{{ '<|start|>' + m.role + '<|message|>' + m.content + '<|end|>' }}{% endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}"
)
# Everything up to a final marker is thinking, opened by nothing.
FINAL = (
    "{%- for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '\n<|end|>\n' }}{% endfor %}"
    "{{ 'Write [BEGIN FINAL RESPONSE] and [END FINAL RESPONSE] around your answer.' if false }}"
    "{%- if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
# A wrapped answer after the thinking.
WRAPPED = (
    "{%- for m in messages %}{{ '<|turn|>' + m.role + '<|said|>' }}{%- if m.role == 'assistant' %}"
    "{%- if m.reasoning %}{{ '<|START_THINKING|>' + m.reasoning + '<|END_THINKING|>' }}{% endif %}"
    "{{ '<|START_TEXT|>' + m.content + '<|END_TEXT|>' }}{% else %}{{ m.content }}{% endif %}{{ '<|turn_end|>' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{ '<|turn|>assistant<|said|><|START_THINKING|>' }}"
    "{%- if not reasoning|default(true) %}{{ '<|END_THINKING|>' }}{% endif %}{% endif %}"
)
# The default system prompt makes it think.
PROMPTED = (
    "{%- if messages[0].role == 'system' %}{{ '[SYSTEM]' + messages[0].content + '[/SYSTEM]' }}"
    "{%- else %}{{ '[SYSTEM]First think: [THINK]your thoughts[/THINK]. Then answer.[/SYSTEM]' }}{% endif %}"
    "{%- for m in messages %}{%- if m.role == 'user' %}{{ '[INST]' + m.content + '[/INST]' }}"
    "{%- elif m.role == 'assistant' %}{{ m.content + eos_token }}{% endif %}{% endfor %}"
)
# Refuses system messages and two messages of one role in a row.
STRICT_ROLES = (
    "{%- if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{%- for m in messages %}{%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    "{{ '<turn>' + m.role + '\n' + m.content | trim + '<end>\n' }}{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<turn>model\n' }}{% endif %}"
)
# Honours its switch only without a system message.
BLOCKED = (
    "{%- if messages[0].role == 'system' %}{{ '<|role|>system<|/role|>' + messages[0].content }}"
    "{%- elif thinking %}{{ '<|role|>system<|/role|>Think in <think></think>, answer in <response></response>.' }}"
    "{% endif %}{%- for m in messages if m.role != 'system' %}{{ '<|role|>' + m.role + '<|/role|>' + m.content }}"
    "{{ '<|eot|>' }}{% endfor %}{%- if add_generation_prompt %}{{ '<|role|>assistant<|/role|>' }}{% endif %}"
)
# Writes tool calls, so that unrequested ones can be recognized.
TOOLS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for call in m.tool_calls or [] %}<tool_call>\n{{ call.function | tojson }}\n</tool_call>{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Opens the thinking with a tag whose end it never spells (as OLMo 3 does).
UNENDED = PLAIN.replace("assistant\n{% endif %}", "assistant\n<think>{% endif %}")
# A switch that only changes the system prompt: no tag is spelled anywhere (as Cogito does).
UNSPELLED = (
    "{% if enable_thinking %}<|im_start|>system\nEnable the deep thinking subroutine.<|im_end|>\n{% endif %}"
    + PLAIN
)
# Strips thinking between unusual tags from old answers; the tags appear nowhere else.
STRIPPED = (
    "{%- macro stripped(text) %}{% for part in text.split('<ponder|>') %}"
    "{{ part.split('<|ponder>')[0] if '<|ponder>' in part else part }}{% endfor %}{% endmacro %}"
    "{%- for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
    "{{ stripped(m.content) if m.role == 'assistant' else m.content }}{{ '<|im_end|>\n' }}{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# Mentions thinking only in its instructions for tools.
TOOLS_THINK = "{% if tools %}Plan in <|START_THINKING|> and <|END_THINKING|>.{% endif %}" + PLAIN
# Strips the answer's wrapper from old answers.
UNWRAPPED = CLOSED.replace("m.content +", "m.content.split('<answer>')[-1].split('</answer>')[0] +")
# A mode with unusual words.
OWN_MODES = MODE.replace("enabled", "full").replace("disabled", "skip")
# Neither position renders as the default, but the default prompt opens the thinking.
OPENED_BY_DEFAULT = OPENED.replace(
    "m.content +", "m.content + (' /think' if enable_thinking is defined and enable_thinking else '') +"
)
# A boolean for low effort.
LITTLE = OPENED.replace("m.content +", "m.content + ('\n\n{reasoning effort: low}' if low_effort else '') +")
# Effort levels without high, but with one beyond it, which is the default.
BEYOND_HIGH = (
    "{%- set effort = reasoning_effort | default('xhigh') %}{%- if effort not in ('xhigh', 'medium', 'low') %}"
    "{{ raise_exception('no such effort') }}{% endif %}{{ '[' + effort + ']' }}" + ALWAYS
)
# Any unknown effort level is treated as the greatest.
UNKNOWN_IS_MAX = (
    "{%- set effort = reasoning_effort if reasoning_effort in ['low', 'high'] else 'max' %}"
    "{{ 'Reasoning effort: ' + effort }}" + ALWAYS
)
# An effort level that means off without a change at the prompt's end (as Mistral Small 4 does).
GRADED_OFF = (
    "{%- set effort = reasoning_effort | default('none') %}{%- if effort not in ['none', 'high'] %}"
    "{{ raise_exception('none or high') }}{% endif %}{{ '[MODEL_SETTINGS]' + effort + '[/MODEL_SETTINGS]' }}"
    "{%- for m in messages %}{{ '[' + m.role + ']' }}{%- if m.content is string %}{{ m.content }}{% else %}"
    "{%- for c in m.content %}{{ '[THINK]' + c.thinking + '[/THINK]' if c.type == 'thinking' else c.text }}"
    "{%- endfor %}{% endif %}{{ '[/' + m.role + ']' }}{% endfor %}{%- if add_generation_prompt %}[assistant]{% endif %}"
)
# Contents must be lists of parts, as in templates of vision models.
PARTS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for part in m.content %}{% if part.type == 'text' %}"
    "{{ part.text }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Past thinking is part of the content: blocks in a mapping, or a list of chunks.
BLOCKS = (
    "{%- for m in messages %}{{ '<|' + m.role + '|>' }}{%- if m.content is string %}{{ m.content }}{% else %}"
    "{%- for b in m.content.blocks %}{%- if b.type == 'thoughts' %}{{ '<|inner|>' + b.text + '<|outer|>' }}"
    "{%- elif b.type == 'response' %}{{ b.text }}{% endif %}{% endfor %}{% endif %}{{ '<|close|>' }}{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
CHUNKS = (
    "{%- for m in messages %}{{ '<|' + m.role + '|>' }}{%- if m.content is string %}{{ m.content }}{% else %}"
    "{%- if not m.content %}{{ raise_exception('no content') }}{% endif %}"
    "{%- for c in m.content %}{%- if c.type == 'thinking' %}{{ '[THINK]' + c.thinking + '[/THINK]' }}"
    "{%- elif c.type == 'text' %}{{ c.text }}{% endif %}{% endfor %}{% endif %}{{ '<|close|>' }}{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
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
# Past thinking stays in the prompt.
HISTORY_KEPT = OPENED.replace(" and loop.last", "")
# Past answers begin with the end tag (as in DeepSeek V3.1).
HISTORY_CLOSED = (
    "{%- for m in messages %}{%- if m.role == 'assistant' %}{{ '<｜Assistant｜></think>' + m.content + '<｜stop｜>' }}"
    "{%- else %}{{ '<｜User｜>' + m.content }}{% endif %}{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<｜Assistant｜>' + ('<think>' if thinking else '</think>') }}{% endif %}"
)
# A family with headers whose recipient separates thinking from answer (as Muse Glimmer does).
RECIPIENTS = (
    "{{ '<|start|>system<|message|>Strength: ' + (reasoning_strength or 'medium') + '<|eom|>' }}"
    "{%- for m in messages %}{%- if m.role == 'assistant' %}"
    "{%- if m.reasoning_content %}{{ '<|start|>assistant to=self<|message|>' + m.reasoning_content + '<|eom|>' }}"
    "{% endif %}{{ '<|start|>assistant to=user<|message|>' + m.content + '<|eot|>' }}"
    "{%- else %}{{ '<|start|>' + m.role + '<|message|>' + m.content + '<|eom|>' }}{% endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}"
)
# All markers begin alike, and the prompt opens either the thinking or the answer (as Kimi K3's does).
SHARED_BEGINNING = (
    "{%- for m in messages %}{{ '<|open|>' + m.role + '<|sep|>' }}{%- if m.role == 'assistant' %}"
    "{%- if m.reasoning_content %}{{ '<|open|>think<|sep|>' + m.reasoning_content + '<|close|>think<|sep|>' }}"
    "{% endif %}{{ '<|open|>response<|sep|>' + m.content + '<|close|>response<|sep|>' }}"
    "{%- else %}{{ m.content }}{% endif %}{{ '<|end_of_msg|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|open|>assistant<|sep|><|open|>' }}"
    "{{ 'think<|sep|>' if thinking | default(true) else 'response<|sep|>' }}{% endif %}"
)
# The next speaker's name ends an answer: there are no markers at all (as RWKV does).
NAMES = (
    "{%- for m in messages %}{{ m.role | capitalize + ': ' + m.content | trim + '\n\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ 'Assistant:' }}{%- if enable_thinking is defined %}"
    "{{ ' <think' + '>' if enable_thinking else ' <think>\n</think>' }}{% endif %}{% endif %}"
)
# The next message's own marker ends an answer (as GLM does).
NEXT_ROLE_ENDS = (
    "{%- for m in messages %}{{ '<|' + m.role + '|>\n' + m.content }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|assistant|>\n' }}"
    "{%- if enable_thinking is defined and not enable_thinking %}{{ '<think></think>' }}{% endif %}{% endif %}"
)
# Always writes the generation prompt.
ALWAYS_PROMPTS = PLAIN.replace("{% if add_generation_prompt %}", "{% if true %}")
# Tags whose names do not mention thinking, used in the generation prompt only.
UNNAMED_TAGS = PLAIN.replace(
    "assistant\n{% endif %}", "assistant\n{{ '<|muse|>' if thinking else '<|muse|><|speak|>' }}{% endif %}"
)
# Past thinking is rendered only before a tool call.
THOUGHT_BEFORE_CALLS = (
    "{%- for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{%- for call in m.tool_calls or [] %}"
    "{{ '<think>\n' + m.reasoning_content + '\n</think>\n\n' if m.reasoning_content }}"
    "{{ '<tool_call>' + call.function.name + call.function.arguments | tojson + '</tool_call>' }}{% endfor %}"
    "{{ m.content + '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}"
)


def _calls(call: str) -> str:
    """A plain template that writes tool calls in this way."""
    return TOOLS.replace("<tool_call>\n{{ call.function | tojson }}\n</tool_call>", call)


_NAME, _ARGUMENTS = "{{ call.function.name }}", "{{ call.function.arguments | tojson }}"
# Tool calls: a list without an end, the tool's name in the tag, sections, markers that do not mention tools, a line,
# and a channel.
CALLS_AS_LIST = _calls(f"[TOOL_CALLS][{_NAME}{_ARGUMENTS}]")
CALLS_BY_NAME = _calls(f"<function={_NAME}>{_ARGUMENTS}</function>")
CALLS_IN_SECTIONS = _calls(
    f"<|calls_begin|><|call_begin|>{_NAME}<|call_args|>{_ARGUMENTS}<|call_end|><|calls_end|>"
)
CALLS_BY_PLUGIN = _calls(f"<|plugin|>{_NAME} {_ARGUMENTS}<|/plugin|>")
CALLS_BY_LINE = _calls(f">>>{_NAME}\n{_ARGUMENTS}")
CALLS_IN_CHANNELS = (
    CHANNELS.replace(
        "{%- if m.thinking and",
        "{%- for call in m.tool_calls or [] %}{{ '<|start|>assistant<|channel|>commentary to=' + call.function.name }}"
        "{{ '<|message|>' + call.function.arguments | tojson + '<|call|>' }}{% else %}{%- if m.thinking and",
    )
    .replace("'<|end|>' }}{%- else %}", "'<|end|>' }}{% endfor %}{%- else %}")
    .replace("loop.last", "m == messages[-1]")
)

# One template per rule in `families.py`, with the text that the rule looks for.
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
# Families that only the model's name in the GGUF reveals.
SYSTEM_SENTENCES, SYSTEM_PROMPT, BUILT_IN = PLAIN + "{# 1 #}", PLAIN + "{# 2 #}", PLAIN + "{# 3 #}"

KNOWN: dict[str, dict[str, str]] = {
    "DISTILLED": {"name": "Some-R1-Distill-1B", "architecture": "llama"},
    "SYSTEM_SENTENCES": {"name": "Llama-3_3-Nemotron-Super-49B", "architecture": "deci"},
    "SYSTEM_PROMPT": {"name": "DeepHermes 3 Llama 3 8B Preview", "architecture": "llama"},
    "BUILT_IN": {"name": "pebble"},
}
"""Name and architecture in the GGUF, for templates whose family rule needs them."""

ALL = {
    name: value
    for name, value in globals().items()
    if name.isupper() and isinstance(value, str) and not name.startswith("_")
}
