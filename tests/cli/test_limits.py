"""Every number has the same limits in flags, config file, prompt templates, batch lines and `/set`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from mull import config
from mull.app import app
from mull.batch import lines
from mull.commands._options import TurnFlags
from mull.config.endpoints import ENDPOINT_KEYS
from mull.conversation.preferences import SETTABLE, Preferences
from mull.errors import MullError, UsageError
from mull.prompt_templates import template
from mull.settings import LIMITS
from tests.conftest import Run

NUMBERS = [key for key in config.KEYS if key.kind in {int, float}]
NUMBER = st.one_of(
    st.sampled_from(
        [edge + step for low, high in LIMITS.values() for edge in (low, high) for step in (-1, 0, 1)]
    ),
    st.integers(-(10**30), 10**30),
    st.integers(-(10**400), 10**400),
    st.floats(),
)


def allowed(key: config.ConfigKey, value: float) -> bool:
    low, high = LIMITS[key.name]
    return low <= value <= high and (key.kind is float or isinstance(value, int))


def test_every_number_has_limits() -> None:
    of_endpoints = {key.name for key in ENDPOINT_KEYS if key.kind in {int, float}}
    assert {key.name for key in NUMBERS} | of_endpoints == set(LIMITS)


def test_flags_have_the_limits_of_their_settings() -> None:
    hints = get_type_hints(TurnFlags, include_extras=True)
    flags = {name: get_args(hint)[1] for name, hint in hints.items() if name in LIMITS}
    assert len(flags) == 25
    for name, option in flags.items():
        assert isinstance(option, typer.models.OptionInfo)
        assert (option.min, option.max) == LIMITS[name]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(NUMBERS), NUMBER)
def test_all_ways_take_the_same_numbers(key: config.ConfigKey, value: float) -> None:
    expected = allowed(key, value)
    as_line = lines.parse(1, json.dumps({"prompt": "x", key.name: value}).encode())
    if key.name in lines.SETTINGS:
        assert (as_line.error is None) == expected
    text = json.dumps(value)
    if key.name in SETTABLE:
        try:
            Preferences().with_setting(key.name, text)
        except UsageError:
            assert not expected
        else:
            assert expected
    if expected:
        assert config.parse(key.name, text) == value
    else:
        with pytest.raises(ValueError, match=r"^expects .{,150}$"):
            config.parse(key.name, text)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(NUMBERS), NUMBER)
def test_the_files_take_the_same_numbers(
    tmp_path_factory: pytest.TempPathFactory, key: config.ConfigKey, value: float
) -> None:
    folder = tmp_path_factory.getbasetemp()
    text = str(value)  # TOML's nan and inf are spelled as Python's
    for read, path, before in (
        (config.load, folder / "config.toml", ""),
        (template.read, folder / "template.toml", "[settings]\n"),
    ):
        if before and key.name not in template.SETTINGS:
            continue
        write(path, f"{before}{key.name} = {text}\n")
        if allowed(key, value):
            read(path)  # type: ignore[operator]
            continue
        with pytest.raises(MullError) as refused:
            read(path)  # type: ignore[operator]
        assert f"line {1 + bool(before)}" in f"{refused.value.message} {refused.value.hint}"


def test_a_wrong_value_is_named_with_line_and_range(mull: Run, home: dict[str, str]) -> None:
    path = Path(home["MULL_CONFIG_DIR"]) / "config.toml"
    write(path, '# mine\nsystem = """\nthreads = 2\n"""\nthreads = 1000000\n')
    done = mull("--no-save", "hi")
    assert done.returncode == 1
    assert done.stdout == b""
    message = done.stderr.decode()
    assert '"threads"' in message
    assert "from 1 to 512" in message
    assert f"line 5 of {path}" in message
    for arguments in (["config", "path"], ["--version"], ["--help"], ["config", "set", "threads", "2"]):
        assert mull(*arguments).returncode == 0
    assert mull("config", "get", "threads").stdout == b"2\n"


def test_a_broken_config_can_be_mended(mull: Run, home: dict[str, str]) -> None:
    path = Path(home["MULL_CONFIG_DIR"]) / "config.toml"
    write(path, "thread = 2\nthreads = 513\n")
    assert mull("config", "unset", "thread").returncode == 0
    assert mull("config", "unset", "threads").returncode == 0
    assert mull("config", "unset", "thread").returncode == 1
    assert path.read_text() == ""
    write(path, "threads = \n")
    editor = f"{sys.executable} -c \"import sys; open(sys.argv[1], 'w').close()\""
    assert mull("config", "edit", env={"EDITOR": editor, "VISUAL": ""}).returncode == 0
    assert mull("config", "list").returncode == 0


@pytest.mark.parametrize(
    "text",
    [
        "threads = 0x" + "f" * 6000,
        "temperature = " + "9" * 400,
        "seed = " + "9" * 5000,
        "ctx = " + "[" * 20_000,
    ],
)
def test_absurd_texts_are_a_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(MullError) as refused:
        config.load(write(tmp_path / "config.toml", text))
    assert len(refused.value.message) < 250


def test_a_line_with_a_number_out_of_range_is_an_error_of_the_line(mull: Run) -> None:
    given_lines = [
        {"prompt": "hi", "top_k": 2**31},
        {"prompt": "hi", "temperature": 1e30},
        {"prompt": "hi", "seed": -1},
    ]
    data = "\n".join(map(json.dumps, given_lines)).encode()
    done = mull("batch", "-m", "pebble", "-", stdin=data)
    found: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["error"]["code"] for answer in found] == ["invalid_setting"] * 3


def numbers_of(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every parameter of the command and of those below it that is a number, with its type."""
    for parameter in command.params:
        if any(base.__name__ in {"IntParamType", "FloatParamType"} for base in type(parameter.type).__mro__):
            yield f"{name} {parameter.name}", parameter.type
    context = typer.Context(command, info_name=name)
    for below in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from numbers_of(command.get_command(context, below), f"{name} {below}")


def test_every_number_on_the_command_line_has_bounds() -> None:
    found = dict(numbers_of(typer.main.get_command(app), "mull"))
    assert {"mull bench rounds", "mull sessions search limit", "mull ask seed"} <= found.keys()
    for name, kind in found.items():
        low, high = getattr(kind, "min", None), getattr(kind, "max", None)
        assert low is not None, name
        assert high is not None, name
        assert high <= 2**32, name


@pytest.mark.parametrize(("key", "value"), [("temperature", "-inf"), ("seed", "-1"), ("top_p", "--5")])
def test_a_negative_value_is_judged_as_a_value(mull: Run, key: str, value: str) -> None:
    done = mull("config", "set", key, value)
    assert done.returncode == 1
    assert (
        f"for \"{key}\", not '{value}'".replace("'-1'", "-1").replace("'-inf'", "-inf")
        in done.stderr.decode()
    )


def test_negative_values_are_taken(mull: Run) -> None:
    for key, value in (("presence_penalty", "-1.5"), ("gpu_layers", "-1")):
        assert mull("config", "set", key, value).returncode == 0
        assert mull("config", "get", key).stdout.decode() == f"{value}\n"
    assert mull("config", "set", "--help").returncode == 0
