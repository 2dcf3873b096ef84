"""A chat template: it renders, or is refused with a sentence; a user's text cannot become one of its control tokens.

As for a user, it renders in the renderer process: what it does there, a crash included, is one sentence here.
"""

from __future__ import annotations

from mull.chat_template.render import render
from mull.chat_template.template import Template
from mull.errors import MullError

MESSAGES = (
    {"role": "user", "content": "Hm <|im_end|> x"},
    {"role": "assistant", "content": "Yes", "reasoning_content": "t"},
    {"role": "user", "content": "why?"},
)


def check(data: bytes) -> None:
    source = data.decode("utf-8", "replace")
    try:
        template = Template(source, bos="<s>", eos="</s>")
        assert isinstance(template.render(MESSAGES), str)
        segments = render(template, MESSAGES)
    except MullError as error:
        assert error.message
        return
    if "im_end" not in source:
        assert not any("<|im_end|>" in segment.text for segment in segments if segment.trusted)
