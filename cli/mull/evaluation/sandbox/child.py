"""The child that runs a model's code: `python -I -S child.py`. It imports nothing but the standard library and mull.

In: one JSON object on stdin (code, entry, arguments of each call, limits, an empty folder, whether to run unisolated).
Out: JSON Lines on stdout, first what is isolated, then the result of each call. What is expected never comes here: the
parent compares, so no code can claim to be right.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from json import dumps
from pathlib import Path
from typing import Any

_LONGEST = 200_000  # characters of a result
_MEANT = 64  # trailing lines that are left out where they are no code


def main() -> None:
    """Read the request, isolate this process, run the code."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    from mull.fs.json_text import parse_json

    request = parse_json(sys.stdin.buffer.read())
    output = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    isolated = _isolated(request)
    sys.path.pop(0)
    _say(output, {"isolated": isolated})
    if "processes" in isolated or request["allow"]:
        _run(request, output)
    os._exit(0)


def _isolated(request: dict[str, Any]) -> list[str]:
    """Isolate this process as far as the system can; what that is. Where it makes a child, only the child returns."""
    found = []
    if sys.platform == "linux":
        from mull.evaluation.sandbox import namespaces, seccomp

        namespaces.die_with_parent()
        with suppress(OSError):
            if inside := namespaces.isolate(request["folder"]):
                _wait(inside)
            found.append("files")
            namespaces.drop_privileges()
        _limit(request)
        with suppress(OSError):
            seccomp.restrict()
            found += ["network", "processes"]
    elif sys.platform != "win32":
        _limit(request)
    return found


def _wait(child: int) -> None:
    """The parent of the process inside only waits, and ends with it."""
    try:
        os.closerange(3, 64)
        os.waitpid(child, 0)
    finally:
        os._exit(0)


def _limit(request: dict[str, Any]) -> None:
    import resource

    seconds, memory = int(request["seconds"]), int(request["memory"])
    limits = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
    }
    if "linux" not in sys.platform:  # there seccomp forbids them; the limit counts all processes of the user
        limits[resource.RLIMIT_NPROC] = 0
    for limit, value in limits.items():
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (value, value))


def _run(request: dict[str, Any], output: int) -> None:
    names: dict[str, Any] = {"__name__": "solution", "__builtins__": __builtins__}
    try:
        exec(_compiled(request["code"]), names)  # noqa: S102 - this is what the process is for
        function = names[request["entry"]]
    except BaseException as error:  # noqa: BLE001 - whatever the code does is its result
        _say(output, {"failed": _text(error)})
        return
    for number, arguments in enumerate(request["calls"]):
        try:
            result = {"call": number, "result": _plain(function(*arguments))}
            text = dumps(result)
            if len(text) > _LONGEST:
                raise ValueError("the result is too long")
        except BaseException as error:  # noqa: BLE001
            text = dumps({"call": number, "error": _text(error)})
        _write(output, text)


def _compiled(code: str) -> Any:
    """The code; prose after it is left out."""
    lines = code.split("\n")
    try:
        return compile(code, "<answer>", "exec")
    except SyntaxError as error:
        for end in range(len(lines) - 1, max(0, len(lines) - _MEANT), -1):
            with suppress(SyntaxError):
                return compile("\n".join(lines[:end]), "<answer>", "exec")
        raise error from None


def _plain(value: Any) -> Any:
    """A result as JSON values: tuples are lists, and nothing has methods of its own."""
    if value is None or type(value) in {bool, int, str}:
        return value
    if type(value) is float:
        return value if value - value == 0 else repr(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(_plain(name)): _plain(one) for name, one in value.items()}
    raise TypeError(f"a result of the type {type(value).__name__} is no plain value")


def _text(error: BaseException) -> str:
    """The error's type and message, whatever its methods do."""
    try:
        return f"{type(error).__name__}: {error}"[:200]
    except BaseException:  # noqa: BLE001
        return "an error"


def _say(output: int, value: dict[str, Any]) -> None:
    _write(output, dumps(value))


def _write(output: int, text: str) -> None:
    left = memoryview(text.encode("ascii", "backslashreplace") + b"\n")
    while left:
        left = left[os.write(output, left) :]


if __name__ == "__main__":
    main()
