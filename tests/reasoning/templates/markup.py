"""Templates with unusual markup: of the answer, of past thinking, of messages and their ends, of roles and contents."""

from __future__ import annotations

from tests.reasoning.templates.switches import CLOSED, OPENED, PLAIN

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
# A family with headers whose recipient separates thinking from answer (as Muse Glimmer does).
RECIPIENTS = (
    "{{ '<|start|>system<|message|>Strength: ' + (reasoning_strength or 'medium') + '<|eom|>' }}"
    "{%- for m in messages %}{%- if m.role == 'assistant' %}"
    "{%- if m.reasoning_content %}{{ '<|start|>assistant to=self<|message|>' + m.reasoning_content + '<|eom|>' }}"
    "{% endif %}{{ '<|start|>assistant to=user<|message|>' + m.content + '<|eot|>' }}"
    "{%- else %}{{ '<|start|>' + m.role + '<|message|>' + m.content + '<|eom|>' }}{% endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}"
)
# Thinking is a message with a role, and two arguments force and skip it (as HyperCLOVA X does).
ROLES = (
    "{%- for m in messages %}{%- if m.role == 'assistant' and m.reasoning_content and loop.last %}"
    "{{ '<|im_start|>assistant/think\n' + m.reasoning_content + '<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' }}"
    "{{ '<|endofturn|>\n' if m.role == 'assistant' else '\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{%- if force_reasoning %}{{ '<|im_start|>assistant/think\n' }}"
    "{%- elif skip_reasoning %}{{ '<|im_start|>assistant\n' }}{% else %}{{ '<|im_start|>assistant' }}{% endif %}"
    "{% endif %}"
)
# The same for a switch that is found as the argument for off first.
SKIPPED = ROLES.replace("force_reasoning", "must_think").replace("skip_reasoning", "disable_think")
# All markers begin alike, and the prompt opens either the thinking or the answer (as Kimi K3's does).
SHARED_BEGINNING = (
    "{%- for m in messages %}{{ '<|open|>' + m.role + '<|sep|>' }}{%- if m.role == 'assistant' %}"
    "{%- if m.reasoning_content %}{{ '<|open|>think<|sep|>' + m.reasoning_content + '<|close|>think<|sep|>' }}"
    "{% endif %}{{ '<|open|>response<|sep|>' + m.content + '<|close|>response<|sep|>' }}"
    "{%- else %}{{ m.content }}{% endif %}{{ '<|end_of_msg|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|open|>assistant<|sep|><|open|>' }}"
    "{{ 'think<|sep|>' if thinking | default(true) else 'response<|sep|>' }}{% endif %}"
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
# Strips the answer's wrapper from old answers.
UNWRAPPED = CLOSED.replace("m.content +", "m.content.split('<answer>')[-1].split('</answer>')[0] +")
# Strips thinking between unusual tags from old answers; the tags appear nowhere else.
STRIPPED = (
    "{%- macro stripped(text) %}{% for part in text.split('<ponder|>') %}"
    "{{ part.split('<|ponder>')[0] if '<|ponder>' in part else part }}{% endfor %}{% endmacro %}"
    "{%- for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
    "{{ stripped(m.content) if m.role == 'assistant' else m.content }}{{ '<|im_end|>\n' }}{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
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
# Past thinking stays in the prompt.
HISTORY_KEPT = OPENED.replace(" and loop.last", "")
# Past answers begin with the end tag (as in DeepSeek V3.1).
HISTORY_CLOSED = (
    "{%- for m in messages %}{%- if m.role == 'assistant' %}{{ '<｜Assistant｜></think>' + m.content + '<｜stop｜>' }}"
    "{%- else %}{{ '<｜User｜>' + m.content }}{% endif %}{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<｜Assistant｜>' + ('<think>' if thinking else '</think>') }}{% endif %}"
)
# Past thinking is rendered only before a tool call.
THOUGHT_BEFORE_CALLS = (
    "{%- for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{%- for call in m.tool_calls or [] %}"
    "{{ '<think>\n' + m.reasoning_content + '\n</think>\n\n' if m.reasoning_content }}"
    "{{ '<tool_call>' + call.function.name + call.function.arguments | tojson + '</tool_call>' }}{% endfor %}"
    "{{ m.content + '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}"
)
# Refuses system messages and two messages of one role in a row.
STRICT_ROLES = (
    "{%- if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{%- for m in messages %}{%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    "{{ '<turn>' + m.role + '\n' + m.content | trim + '<end>\n' }}{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<turn>model\n' }}{% endif %}"
)
# Contents must be lists of parts, as in templates of vision models.
PARTS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for part in m.content %}{% if part.type == 'text' %}"
    "{{ part.text }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
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
