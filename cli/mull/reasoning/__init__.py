"""Thinking: what a chat template can do about it (detect), what to do in a turn (control), what the output is (split).

Three pure steps. `profiler.py` makes a `Profile` from a template; `control.py` turns a request into a
`ReasoningDecision`; `splitter.py` separates generated tokens into thinking and answer.
"""
