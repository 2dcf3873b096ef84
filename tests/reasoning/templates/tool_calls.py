"""Templates that write tool calls, so that unrequested ones can be recognized."""

from __future__ import annotations

from tests.reasoning.templates.markup import CHANNELS

TOOLS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for call in m.tool_calls or [] %}<tool_call>\n{{ call.function | tojson }}\n</tool_call>{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
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
