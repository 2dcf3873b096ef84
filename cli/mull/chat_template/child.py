"""The renderer process: compiles and renders templates that mull does not vouch for, within limits.

In: requests on stdin (`wire.py`), each with the seconds of processor time that it may take. Out: one
answer each on stdout. It ends at the end of stdin; where a template exceeds its limits in a way that Python cannot
report, it dies, and `process.py` says so. Where the system can't limit memory (all but Linux) or time (Windows), the
parent watches instead.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from datetime import datetime
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any

from mull.chat_template.limits import HINT, MEMORY, MEMORY_PER_BYTE, OUT_OF_MEMORY
from mull.chat_template.special_texts import SpecialTexts
from mull.chat_template.wire import read_request, write_answer
from mull.errors import TemplateError

if TYPE_CHECKING:
    from mull.chat_template.local import LocalTemplate

PAGES = "/proc/self/statm"


def main() -> None:
    """Answer requests until stdin ends."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing else may write into the answers
    from mull.chat_template.local import environment

    environment()  # import jinja2 before the limits count, and before the first request
    gc.freeze()  # what is imported is never searched for reference cycles
    gc.enable()
    used = _virtual_memory()
    try:
        _limit("RLIMIT_CORE", 0)
        while _serve(requests, answers, used):
            pass
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


def _serve(requests: IO[bytes], answers: IO[bytes], used: int) -> bool:
    try:
        request, size = read_request(requests)
    except EOFError:
        return False
    if used:
        _limit("RLIMIT_AS", used + MEMORY + MEMORY_PER_BYTE * size)
    began = time.process_time()
    _alarm(request["seconds"])
    fields, text = _answer(request)
    _alarm(0)
    fields["seconds"] = time.process_time() - began
    try:
        write_answer(answers, fields, text)
    except BrokenPipeError:
        return False
    return True


def _answer(request: dict[str, Any]) -> tuple[dict[str, Any], str]:
    try:
        template = _template(request["source"], request["bos"], request["eos"], request["tokens"])
        if "messages" not in request:
            return {"variables": template.variables}, ""
        return {}, template.render(
            request["messages"],
            add_generation_prompt=request["prompt"],
            arguments=request["arguments"],
            now=datetime.fromisoformat(request["now"]),
        )
    except TemplateError as error:
        return {"error": [error.code, error.message, error.hint]}, ""
    except RecursionError:
        message = "The model's chat template was stopped: it nests too deep."
        return {"error": ["chat_template_limit", message, HINT]}, ""


@lru_cache(maxsize=4)
def _template(source: str, bos: str, eos: str, tokens: SpecialTexts) -> LocalTemplate:
    from mull.chat_template.local import LocalTemplate

    return LocalTemplate(source, bos=bos, eos=eos, tokens=tokens)


def _alarm(seconds: float) -> None:
    """End this process after so much processor time, also inside one operation of C code; 0 calls it off."""
    if sys.platform != "win32":
        import signal

        signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF, which ends a process that has no handler


def _limit(name: str, value: int) -> None:
    if sys.platform != "win32":
        import resource

        kind: int = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _virtual_memory() -> int:
    """Bytes of address space in use; 0 where the system does not limit it."""
    if sys.platform != "linux":
        return 0
    import resource

    with open(PAGES, encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()
