"""The way out of the thinking: the text that, injected, closes it and lets the answer begin.

In: a profile. Out: trusted text, to be tokenized with special tokens. One mechanism for a token budget, an effort by
budget, and "answer now".
"""

from __future__ import annotations

from mull.reasoning.profile import Profile


def way_out(profile: Profile) -> str:
    """A short bridging sentence where it helps, the end of the thinking, and what opens the answer.

    Closing alone is not enough for every family: gpt-oss would open another analysis, so it goes on into its final
    channel. A model whose template is silent gets the usual tag.
    """
    end = profile.end or "</think>"
    between = profile.between or f"\n{end}\n\n"
    opener = profile.answer_start or ""
    if opener.strip() in between:
        opener = ""
    return f"{profile.bridge}{between}{opener}"
