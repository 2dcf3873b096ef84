"""What servers do wrong, through the program: one sentence, one hint, the right exit code, nothing lost or made up."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.conftest import Run
from tests.endpoints.conftest import Ask, chat_reply, result
from tests.endpoints.dialects import NAMES, Dialect, read_dialect
from tests.endpoints.scripted_server import End, Reply, Server, Step, serve, split_every

SCRIPT = read_dialect("llama_server")
FIRST, THINK, THOUGHT, FORTY, TWO, LAST, USAGE, DONE = SCRIPT.chunks([" Let", " me"], ["Forty", "-two."])
WHOLE = b"".join([FIRST, THINK, THOUGHT, FORTY, TWO, LAST, USAGE, DONE])


def data(value: object) -> bytes:
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def delta(**fields: Any) -> bytes:
    """A chunk with this delta."""
    return data({"choices": [{"index": 0, "delta": fields, "finish_reason": None}], "model": "thinker"})


@dataclass(frozen=True)
class Fault:
    """A reply that is no whole answer. `thinking`, `answer`: what came of them before the failure."""

    steps: list[Step]
    code: str
    says: str
    thinking: str = ""
    answer: str = ""
    more: dict[str, Any] = field(default_factory=dict)


THINKS = "Let me"
FAULTS = {
    "killed before the status line": Fault(
        [End.CUT], "connection_lost", "closed the connection", more={"raw": True}
    ),
    "killed within the headers": Fault(
        [b"HTTP/1.1 200 OK\r\nContent-Ty", End.CUT],
        "connection_lost",
        "closed the connection",
        more={"raw": True},
    ),
    "killed before the first byte": Fault([End.CUT], "connection_lost", "closed the connection"),
    "killed after the role": Fault([FIRST, End.CUT], "connection_lost", "closed the connection"),
    "killed in the thinking": Fault(
        [FIRST, THINK, THOUGHT, End.CUT], "connection_lost", "closed the connection", THINKS
    ),
    "killed in the answer": Fault(
        [FIRST, THINK, THOUGHT, FORTY, End.CUT], "connection_lost", "closed the connection", THINKS, "Forty"
    ),
    "reset in the answer": Fault(
        [FIRST, FORTY, End.RESET], "connection_lost", "closed the connection", "", "Forty"
    ),
    "killed within a chunk": Fault(
        [FIRST, FORTY, TWO[:40], End.CUT], "connection_lost", "closed the connection", "", "Forty"
    ),
    "ended in the thinking, as if all were well": Fault(
        [FIRST, THINK, THOUGHT], "connection_lost", "broke off", THINKS
    ),
    "ended in the answer, as if all were well": Fault(
        [FIRST, FORTY], "connection_lost", "broke off", "", "Forty"
    ),
    "ended in the answer, without a length": Fault(
        [FIRST, FORTY], "connection_lost", "broke off", "", "Forty", {"framing": "close"}
    ),
    "an empty stream": Fault([], "endpoint_answer", "empty answer"),
    "an empty body": Fault([], "endpoint_answer", "empty answer", more={"framing": "length"}),
    "comments alone": Fault([b": ping\n\n" * 3], "endpoint_answer", "empty answer"),
    "the end mark alone": Fault([DONE], "endpoint_answer", "empty answer"),
    "a page": Fault(
        [b"<!DOCTYPE html><html><body>Welcome to nginx</body></html>"],
        "endpoint_answer",
        "no valid answer",
        more={"kind": "text/html", "framing": "length"},
    ),
    "garbage": Fault([bytes(range(256)) * 4], "endpoint_answer", "sends"),
    "half an object": Fault(
        [FIRST, FORTY, data(b'{"choices": [{"de')], "endpoint_answer", "valid answer", "", "Forty"
    ),
    "a raw NUL": Fault(
        [FIRST, FORTY, TWO.replace(b"two", b"t\0o")], "endpoint_answer", "valid answer", "", "Forty"
    ),
    "a line without its beginning": Fault(
        [FIRST, FORTY, b"ta: " + TWO.removeprefix(b"data: "), LAST, DONE],
        "endpoint_answer",
        "valid answer",
        "",
        "Forty",
    ),
    "a list": Fault([data([1])], "endpoint_answer", "no valid answer"),
    "text": Fault([data("hello")], "endpoint_answer", "no valid answer"),
    "a finish reason that is an error": Fault(
        [FIRST, FORTY, LAST.replace(b'"stop"', b'"error"'), DONE], "endpoint_failed", "failed", "", "Forty"
    ),
    "an event named error, in words": Fault(
        [FIRST, FORTY, b"event: error\n" + data(b"the engine died")],
        "endpoint_failed",
        "failed: the engine died",
        "",
        "Forty",
    ),
    "an event named error, with a message": Fault(
        [FIRST, FORTY, b"event: error\n" + data({"type": "busy", "message": "out of memory"})],
        "endpoint_failed",
        "failed: out of memory",
        "",
        "Forty",
    ),
    "an event named error, without words": Fault(
        [b"event: error\n" + data({"type": "overloaded"})],
        "endpoint_failed",
        'failed: {"type": "overloaded"}',
    ),
    "a number as content": Fault(
        [FIRST, FORTY, delta(content=42), LAST, DONE],
        "endpoint_answer",
        "the content of a part is not text",
        "",
        "Forty",
    ),
    "an aborted request": Fault(
        [FIRST, FORTY, LAST.replace(b'"stop"', b'"abort"'), DONE], "endpoint_failed", "failed", "", "Forty"
    ),
    "nested without end": Fault(
        [data(b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}")], "endpoint_answer", "no valid answer"
    ),
    "a line of 10 MB": Fault(
        [b"data: " + b"x" * 1_000_000, *[b"x" * 1_000_000] * 9, b"\n\n"], "endpoint_answer", "sends"
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_no_whole_answer_is_a_failure(server: Server, dialect: Dialect, ask: Ask, name: str) -> None:
    fault = FAULTS[name]
    chat_reply(server, dialect, Reply(fault.steps, **fault.more))
    done = ask("--json")
    found = result(done)
    assert (done.returncode, found["answer"], found["finish"]) == (1, None, "error")
    assert b"Traceback" not in done.stderr
    assert found["error"]["code"] == fault.code
    assert fault.says in found["error"]["message"]
    assert found["error"]["hint"]
    assert found["thinking"].strip() == fault.thinking


@pytest.mark.parametrize("name", ["killed before the status line", "killed in the answer", "a page"])
def test_what_came_before_a_failure_is_shown_and_the_failure_is_two_lines(
    server: Server, dialect: Dialect, ask: Ask, name: str
) -> None:
    fault = FAULTS[name]
    chat_reply(server, dialect, Reply(fault.steps, **fault.more))
    done = ask("-q")
    assert (done.returncode, done.stdout.decode().rstrip("\n")) == (1, fault.answer)
    error, hint = done.stderr.decode().splitlines()
    assert fault.says in error
    assert hint


WELL = {
    "byte by byte": Reply(split_every(WHOLE, 1)),
    "in pieces that fit nothing": Reply(split_every(WHOLE, 37)),
    "in one piece": Reply([WHOLE]),
    "with CR LF": Reply(split_every(WHOLE.replace(b"\n", b"\r\n"), 5)),
    "with CR": Reply(split_every(WHOLE.replace(b"\n", b"\r"), 5)),
    "with a byte order mark": Reply(split_every(b"\xef\xbb\xbf" + WHOLE, 2)),
    "without a space after the colon": Reply([WHOLE.replace(b"data: ", b"data:")]),
    "without [DONE]": Reply([WHOLE.removesuffix(DONE)]),
    "reset after the finish reason": Reply([WHOLE.removesuffix(DONE), End.RESET]),
    "cut after the finish reason": Reply([WHOLE.removesuffix(DONE), End.CUT]),
    "without its last empty line": Reply([WHOLE.rstrip(b"\n")]),
    "without a finish reason": Reply([WHOLE.replace(LAST, b"")]),
    "without a length": Reply([WHOLE], framing="close"),
    "with a length": Reply([WHOLE], framing="length"),
    "as another type": Reply([WHOLE], kind="application/octet-stream"),
    "with fields that are not data": Reply(
        [b"retry: 10\nid: 7\nevent: message\n" + FIRST, b":\n\n", WHOLE.removeprefix(FIRST)]
    ),
    "with text after the end": Reply([WHOLE, b"data: nonsense\n\n"]),
    "with chunks of other choices": Reply(
        [FIRST, data({"choices": None}), data({"choices": []}), data({}), WHOLE.removeprefix(FIRST)]
    ),
}


@pytest.mark.parametrize("name", WELL)
def test_a_whole_answer_is_read_however_it_comes(
    server: Server, dialect: Dialect, ask: Ask, name: str
) -> None:
    chat_reply(server, dialect, WELL[name])
    done = ask("--json")
    found = result(done)
    assert (done.returncode, found["error"], found["finish"]) == (0, None, "stop")
    assert (found["thinking"].strip(), found["answer"]) == (THINKS, "Forty-two.")


TEXTS = {
    "letters of several bytes": ("naïve — €5 🙂", None),
    "NUL and other controls": ("a\0b\x1b[31mc\x07", None),
    "half a pair": (b'"a\\ud83d b"', "a\ufffd b"),
    "invalid UTF-8": (b'"a\xff\xfe b\xe2\x82"', "a\ufffd\ufffd b\ufffd"),
    "a line separator": ("a\u2028b\u0085c", None),
}


@pytest.mark.parametrize("field_", ["content", "reasoning_content"])
@pytest.mark.parametrize("name", TEXTS)
def test_any_text_arrives_whatever_bytes_it_comes_in(
    server: Server, dialect: Dialect, ask: Ask, name: str, field_: str
) -> None:
    written, expected = TEXTS[name]
    raw = written if isinstance(written, bytes) else json.dumps(written, ensure_ascii=False).encode()
    chunk = b'data: {"choices":[{"index":0,"delta":{"%b":%b}}]}\n\n' % (field_.encode(), raw)
    rest = b"" if field_ == "content" else FORTY
    chat_reply(server, dialect, Reply(split_every(FIRST + chunk + rest + LAST + DONE, 1)))
    done = ask("--json")
    found = result(done)
    assert (done.returncode, done.stderr) == (0, b"")
    text = found["answer" if field_ == "content" else "thinking"]
    assert text.replace("?", "\ufffd") == (expected if expected is not None else written)
    assert b"\x1b" not in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_an_error_within_the_stream_is_the_result(mull: Run, name: str) -> None:
    """In each dialect's words, after some of the answer; vLLM ends such a stream with [DONE]."""
    dialect = read_dialect(name)
    with serve() as server:
        dialect.play_on(server)
        steps = [chunk for chunk in dialect.chunks([], ["Forty"]) if b"Forty" in chunk]
        chat_reply(server, dialect, Reply([*steps, dialect.broken()], kind=dialect.kind))
        done = mull("ask", "-m", f"thinker@{server.url}/v1", "--json", "Hi")
    found = result(done)
    assert (done.returncode, found["answer"], found["finish"]) == (1, None, "error")
    assert found["error"]["code"] == "endpoint_failed"
