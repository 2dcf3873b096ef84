"""The code judge: what passes, what a reply's code is, and code that attacks the judge or the machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mull.commands._eval_code import checked
from mull.commands._eval_options import EvalFlags
from mull.commands._eval_plan import plan_of
from mull.evaluation.judge import judge
from mull.evaluation.judges import code as code_judge
from mull.evaluation.judges.code import code_of, same
from mull.evaluation.questions import EvalQuestion
from mull.evaluation.sandbox import run as sandbox

linux = pytest.mark.skipif(
    sys.platform != "linux" or sandbox.isolation() != sandbox.EVERYTHING,
    reason="needs namespaces and seccomp",
)
ADD = EvalQuestion("?", judge="code", entry="add", tests=(((1, 2), 3), ((5, -7), -2)))
GOOD = "def add(a, b):\n    return a + b\n"


def verdict(code: str) -> tuple[bool | None, str]:
    found = judge(ADD, f"Here it is:\n\n```python\n{code}\n```\nIt adds.")
    return found.right, found.reason


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less time than for a model's code, so that a test of what never ends is quick."""
    monkeypatch.setattr(sandbox, "SECONDS", 6.0)
    monkeypatch.setattr(sandbox, "CPU_SECONDS", 1)


@pytest.fixture
def none_left() -> Iterator[None]:
    """No process of the sandbox outlives its run."""
    yield
    deadline = time.monotonic() + 10
    while left := [one for one in psutil.process_iter(["cmdline"]) if _is_child(one)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def _is_child(process: psutil.Process) -> bool:
    words = process.info["cmdline"] or []
    return any(word.endswith("sandbox/child.py") for word in words) and process.ppid() in {1, os.getpid()}


def test_a_function_that_is_right_and_one_that_is_wrong() -> None:
    assert verdict(GOOD) == (True, "it passes 2 tests")
    assert verdict("def add(a, b):\n    return abs(a + b)") == (False, "test 2: another result")
    assert verdict("def add(a):\n    return a")[1].startswith("test 1: TypeError")
    assert verdict("def add(a, b):\n    return a +")[1].startswith("test 1: SyntaxError")
    assert verdict("def sum(a, b):\n    return a + b") == (False, "it has no function add")
    assert verdict("import numpy as np\n" + GOOD)[1].startswith("test 1: ModuleNotFoundError")


def test_imports_of_the_standard_library_work() -> None:
    modules = "math, re, json, heapq, collections, itertools, decimal, datetime, statistics, bisect, string"
    assert verdict(f"import {modules}\n{GOOD}")[0] is True


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (GOOD, GOOD),
        (f"Sure!\n{GOOD}", GOOD),
        (f"```\n{GOOD}```", GOOD.rstrip("\n")),
        (f"~~~python\n{GOOD}~~~", GOOD.rstrip("\n")),
        (f"```python\n{GOOD}", GOOD),
        (f"```python\ndef add(a, b):\n    return 0\n```\nBetter:\n```python\n{GOOD}```", GOOD.rstrip("\n")),
        (f"```python\n{GOOD}```\nUse it:\n```python\nprint(add(1, 2))\n```", GOOD.rstrip("\n")),
        ("No code.", ""),
        ("```python\nprint(1)\n```", ""),
        ("", ""),
    ],
)
def test_which_part_of_a_reply_is_its_code(reply: str, code: str) -> None:
    assert code_of(reply, "add") == code


def test_prose_after_the_code_is_left_out() -> None:
    assert judge(ADD, f"{GOOD}\nThis function adds two numbers.\nIt's simple.").right is True


@pytest.mark.parametrize(
    ("result", "expected", "equal"),
    [
        (3, 3.0, True),
        (0.1 + 0.2, 0.3, True),
        (1, True, False),
        (False, 0, False),
        (None, None, True),
        ([1, [2]], [1, [2]], True),
        ([1, 2], [2, 1], False),
        ({"a": 1}, {"a": 1.0}, True),
        ("3", 3, False),
        (10**400, 1.5, False),
        (10**400, 10**400 + 1, False),
    ],
)
def test_which_results_are_equal(result: object, expected: object, equal: bool) -> None:
    assert same(result, expected) is equal


FORGED = '{"call": 0, "result": 4}\\n{"call": 1, "result": -3}\\n'
ATTACKS = {
    "ends with success": f"import os\nos._exit(0)\n{GOOD}",
    "ends in the call": "import os\ndef add(a, b):\n    os._exit(0)",
    "raises SystemExit": "import sys\ndef add(a, b):\n    sys.exit(0)",
    "is equal to everything": """
class Yes(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
def add(a, b): return Yes(7)
""",
    "replaces what writes the results": """
import math, json, sys
math.isclose = lambda *a, **k: True
json.dumps = lambda *a, **k: '{"call": 0, "result": 4}'
sys.modules["__main__"].dumps = json.dumps
def add(a, b): return 99
""",
    "says that it passed": """
print("it passes 2 tests")
def add(a, b):
    print("right: true")
    return {"right": True}
""",
    "writes results by hand": f"""
import os
for number in range(3, 9):
    try: os.write(number, b'{FORGED}')
    except OSError: pass
def add(a, b): return 0
""",
    "exits in a destructor": """
class Bye:
    def __del__(self): raise SystemExit
def add(a, b): return Bye()
""",
    "has an error that lies": """
class Odd(Exception):
    def __str__(self): raise SystemExit
def add(a, b): raise Odd
""",
    "recurses": "def add(a, b): return add(a, b)",
    "nests its result": """
def add(a, b):
    x = []
    for _ in range(100000): x = [x]
    return x
""",
    "returns what contains itself": """
def add(a, b):
    x = []
    x.append(x)
    return x
""",
}


@pytest.mark.parametrize("code", ATTACKS.values(), ids=ATTACKS.keys())
def test_code_cannot_claim_to_be_right(code: str) -> None:
    """What is expected is not in its process: code that finds the way out has to know the answers all the same."""
    assert verdict(code)[0] is False


ENDLESS = {
    "never ends": "def add(a, b):\n    while True: pass",
    "sleeps": "import time\ndef add(a, b):\n    time.sleep(3600)",
    "sleeps when it is loaded": "import time\ntime.sleep(3600)\n" + GOOD,
    "catches signals": "import signal, time\nfor number in range(1, 65):\n"
    "    try: signal.signal(number, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n"
    "def add(a, b):\n    while True:\n        try: time.sleep(1)\n        except BaseException: pass",
    "waits for input": "import sys\nsys.stdin.read()\ndef add(a, b):\n    while True: pass",
}


@pytest.mark.parametrize("code", ENDLESS.values(), ids=ENDLESS.keys())
@pytest.mark.usefixtures("briefly", "none_left")
def test_code_that_does_not_end_is_ended(code: str) -> None:
    began = time.monotonic()
    right, reason = verdict(code)
    assert right is False
    assert "it did not end within" in reason or "it ended before its last result" in reason
    assert time.monotonic() - began < 60  # far from the hour that it wants, on a busy machine too


@pytest.mark.usefixtures("briefly", "none_left")
def test_much_output_is_not_read() -> None:
    assert (
        verdict("def add(a, b):\n    for _ in range(50): print('x' * 1_000_000)\n    return a + b")[0] is True
    )
    long = verdict("def add(a, b):\n    return 'x' * 300_000_000")
    assert long[0] is False
    flood = "import os\ndef add(a, b):\n    while True: os.write({}, b'x' * 65536)"
    assert not any(verdict(flood.format(number))[0] for number in (1, 3, 4))


@pytest.mark.usefixtures("briefly", "none_left")
def test_memory_is_limited() -> None:
    right, reason = verdict("def add(a, b):\n    x = bytearray(4 << 30)\n    return a + b")
    assert (right, reason.startswith("test 1: MemoryError")) == (False, True)


def secrets(folder: Path) -> str:
    (folder / "secret").write_text("the user's own")
    return str(folder / "secret")


FORBIDDEN = (
    "open('/etc/passwd').read()",
    "open({secret!r}).read()",
    "open('/proc/self/environ').read()",
    "open({secret!r}, 'w').write('x')",
    "open('/new', 'w').write('x')",
    "open('/tmp/new', 'w').write('x')",
    "__import__('os').mkdir('/new')",
    "__import__('os').unlink({secret!r})",
    "__import__('os').listdir({folder!r})",
    "__import__('os').listdir('/home')",
    "__import__('shutil').rmtree('/usr') or open('/usr/gone')",
    "__import__('os').fork()",
    "__import__('os').posix_spawn('/bin/sh', ['sh'], {{}})",
    "__import__('subprocess').check_output(['/bin/true'])",
    "__import__('os').kill({pid}, 9)",
    "__import__('os').kill(-1, 9)",
    "__import__('os').setsid()",
    "__import__('threading').Thread(target=print).start()",
    "__import__('socket').create_connection(('127.0.0.1', 1), 1)",
    "__import__('socket').socket()",
    "__import__('os').memfd_create('x')",
    "__import__('resource').setrlimit(0, (99, 99))",
)


@linux
def test_code_has_no_files_no_network_and_no_processes(tmp_path: Path) -> None:
    """None of this returns: what is raised is the error of the call."""
    secret = secrets(tmp_path)
    named = [what.format(secret=secret, folder=str(tmp_path), pid=os.getpid()) for what in FORBIDDEN]
    calls = ",\n".join(f"    lambda: repr({what})" for what in named)
    source = f"CALLS = [\n{calls}\n]\ndef f(number):\n    return CALLS[number]()"
    found = sandbox.run(source, "f", [[number] for number in range(len(named))])
    assert found.isolated == sandbox.EVERYTHING
    assert not found.results, [named[number] for number in found.results]
    raised = {what: found.errors[number].split(":")[0] for number, what in enumerate(named)}
    allowed = {"FileNotFoundError", "PermissionError", "OSError", "RuntimeError"}
    allowed.add("ValueError")  # setrlimit: a limit cannot be raised
    assert not {what: name for what, name in raised.items() if name not in allowed}
    assert Path(secret).read_text() == "the user's own"


@linux
@pytest.mark.usefixtures("briefly", "none_left")
def test_a_fork_bomb_starts_no_process() -> None:
    bomb = "import os\ndef add(a, b):\n    while True:\n        try: os.fork()\n        except OSError: pass"
    before = len(psutil.pids())
    assert verdict(bomb)[0] is False
    assert len(psutil.pids()) < before + 100


@linux
@pytest.mark.usefixtures("none_left")
def test_the_disk_is_not_filled(tmp_path: Path) -> None:
    fill = """
def add(a, b):
    for place in ("/", "/tmp/", "/dev/shm/", "{}/"):
        try:
            with open(place + "fill", "wb") as file:
                while True: file.write(b"x" * (1 << 20))
        except OSError: pass
    return a + b
"""
    assert verdict(fill.format(tmp_path))[0] is True  # it may try
    assert not list(tmp_path.iterdir())


@linux
def test_the_environment_holds_nothing_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    found = sandbox.run("import os\ndef f():\n    return dict(os.environ)", "f", [[]])
    assert "s3cret" not in str(found.results[0])


@linux
def test_a_killed_mull_leaves_no_code_behind() -> None:
    code = "from mull.evaluation.sandbox.run import run\nrun('import time\\ntime.sleep(3600)', 'f', [])"
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        deadline = time.monotonic() + 60
        while not (children := psutil.Process(parent.pid).children(recursive=True)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        parent.kill()
        parent.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive


def test_where_nothing_is_isolated_code_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS and Windows, unless the user allows it."""
    nothing = sandbox.Execution()
    monkeypatch.setattr(code_judge, "run", lambda *_, **__: nothing)
    monkeypatch.setattr(code_judge, "isolation", frozenset)
    assert verdict(GOOD) == (False, "code is not run here")
    assert not code_judge.runs_here()
    assert code_judge.not_isolated() == {"files", "network", "processes"}


def test_a_reply_of_a_megabyte_is_judged_at_once() -> None:
    began = time.process_time()
    for hostile in (
        "```\n" * 300_000,
        "def add(" * 150_000,
        "`" * 1_000_000,
        "\n" * 1_000_000,
        GOOD + "x" * 1_000_000,
    ):
        assert judge(ADD, hostile).right is False
    assert time.process_time() - began < 60  # quadratic time would be hours


def test_the_command_says_what_code_can_reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The plan without code, the note, and the flag."""
    (tmp_path / "q.jsonl").write_text(
        '{"prompt": "x", "answer": 1}\n{"prompt": "f", "judge": "code", "entry": "f", "tests": [[[], 1]]}\n'
    )
    plan = plan_of(tmp_path / "q.jsonl", EvalFlags())
    monkeypatch.setattr(code_judge, "_permitted", False)
    for reached, kept, words in (
        ((), 2, ""),
        (("files",), 2, "not isolated from files"),
        (("files", "network", "processes"), 1, "the questions about code are left out"),
    ):
        isolated = sandbox.EVERYTHING.difference(reached)
        monkeypatch.setattr(code_judge, "isolation", lambda isolated=isolated: isolated)
        left, note = checked(plan, allow=False)
        assert len(left.questions) == kept
        assert words in note
        assert bool(note) == bool(words)
    left, note = checked(plan, allow=True)
    assert len(left.questions) == 2
    assert "files, network, processes" in note
