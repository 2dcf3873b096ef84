"""Templates with a control for how much to think: levels, flags, numbers of tokens."""

from __future__ import annotations

from tests.reasoning.templates.switches import _TURNS, ALWAYS, OPENED

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
