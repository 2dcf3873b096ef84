"""`mull config set` of what names files and models, tables as a whole, and aliases of a project without trust."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Run


@pytest.mark.parametrize(
    ("name", "value", "said", "saved"),
    [
        ("chat_template", "mine.jinja", "There is no file {cwd}/mine.jinja yet", "{cwd}/mine.jinja"),
        ("system", "@brief.txt", "There is no file {cwd}/brief.txt yet", "@{cwd}/brief.txt"),
        ("lora", "style.gguf=0.5", "There is no file {cwd}/style.gguf yet", "{cwd}/style.gguf=0.5"),
        ("model_folders", "weights", "There is no folder weights yet", "{cwd}/weights"),
        ("aliases.fast", "nothing-like-it", 'There is no model called "nothing-like-it"', "nothing-like-it"),
        ("aliases.fast", "qwen3-8b", "qwen3-8b is not installed.", "qwen3-8b"),
        ("model", "some@office", 'There is no endpoint called "office"', "some@office"),
        ("draft", "qwen3-0.6b", "qwen3-0.6b is not installed.", "qwen3-0.6b"),
    ],
)
def test_what_is_missing_is_saved_with_a_notice(
    mull: Run, tmp_path: Path, name: str, value: str, said: str, saved: str
) -> None:
    done = mull("config", "set", name, value)
    assert (done.returncode, done.stdout) == (0, b"")
    assert said.format(cwd=tmp_path) in done.stderr.decode()
    assert mull("config", "get", name).stdout.decode() == saved.format(cwd=tmp_path) + "\n"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("chat_template", "chatmll", 1),
        ("chat_template", "text.txt", 1),
        ("system", "@noise", 1),
        ("system", "@", 2),
        ("lora", "text.txt", 1),
    ],
)
def test_what_can_never_work_is_refused(mull: Run, tmp_path: Path, name: str, value: str, code: int) -> None:
    (tmp_path / "text.txt").write_text("no template")
    (tmp_path / "noise").write_bytes(bytes(range(256)) * 4)
    done = mull("config", "set", name, value)
    assert (done.returncode, done.stdout) == (code, b"")
    assert mull("config", "get", name).stdout == b""


def test_a_file_is_found_from_every_folder(mull: Run, thinker: Path, tmp_path: Path) -> None:
    (tmp_path / "brief.txt").write_text("Be brief.")
    done = mull("config", "set", "system", "@brief.txt")
    assert (done.returncode, done.stderr) == (0, b"")
    assert mull("-m", thinker, "--session", "s", "hi").returncode == 0
    assert b"Be brief." in mull("sessions", "export", "s").stdout


def test_a_table_is_shown_whole_and_is_no_setting(mull: Run, thinker: Path) -> None:
    empty = mull("config", "get", "aliases")
    assert (empty.returncode, empty.stdout) == (0, b"")
    assert b"mull config set aliases.NAME MODEL" in empty.stderr
    mull("config", "set", "aliases.mine", str(thinker))
    mull("config", "set", "-m", "pebble", "top_k", "7")
    assert mull("config", "get", "aliases").stdout.decode() == f"aliases.mine = {thinker}\n"
    assert mull("config", "get", "models").stdout == b'models."pebble".top_k = 7\n'
    assert mull("config", "get", 'models."pebble".top_k').stdout == b"7\n"
    for words in (("set", "models", "x"), ("unset", "aliases"), ("where", "models")):
        done = mull("config", *words)
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"is a table of settings, not a setting." in done.stderr
    assert mull("config", "unset", 'models."pebble".top_k').returncode == 0
    assert mull("config", "get", "models").stdout == b""


def test_an_alias_of_a_folder_without_trust_says_so(mull: Run, thinker: Path, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".mull.toml").write_text(f'[aliases]\nquick = "{thinker}"\n')
    done = mull("-m", "quick", "hi")
    assert (done.returncode, done.stdout) == (1, b"")
    message, hint = done.stderr.decode().splitlines()
    assert message == 'Error: There is no model called "quick".'
    trusts = f"mull templates trust {tmp_path}"
    assert hint == f"It is an alias in .mull.toml, and {tmp_path} is not trusted: {trusts}"
    for command in ("show", "rm", "pull"):
        done = mull(command, "quick")
        assert (done.returncode, done.stderr.decode().splitlines()) == (1, [message, hint])
    assert mull(*trusts.split()[1:]).returncode == 0
    assert mull("-m", "quick", "hi").stdout == b"Forty-two.\n"


def test_a_list_is_written_as_a_path_or_as_json(mull: Run, thinker: Path, tmp_path: Path) -> None:
    """A text with a separator in it needs the second form, and is printed in it."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two:2").mkdir()
    cases = (
        ("one", f"{tmp_path}/one"),
        ("one:", f"{tmp_path}/one"),
        ('["one"]', f"{tmp_path}/one"),
        ("['one', 'two:2']", f'["{tmp_path}/one", "{tmp_path}/two:2"]'),
        ("[one]", f"{tmp_path}/[one]"),  # a folder may be called so
    )
    for value, saved in cases:
        assert mull("config", "set", "model_folders", value).returncode == 0
        text = mull("config", "get", "model_folders").stdout.decode()
        assert text == f"{saved}\n"
        assert mull("config", "set", "model_folders", text.strip()).returncode == 0
        assert mull("config", "get", "model_folders").stdout.decode() == text
    assert mull("config", "set", "logit_bias", '["a:b=-1", "c=2"]').returncode == 0
    assert mull("config", "get", "logit_bias").stdout == b'["a:b=-1", "c=2"]\n'
    assert mull("config", "set", "model_folders", "[]").returncode == 0
    assert mull("config", "get", "model_folders").stdout == b""


@pytest.mark.parametrize("value", ['["a"', '["a", 1]', '["a"] x = 1', '["a"]\ny = []', "['a"])
@pytest.mark.parametrize("name", ["lora", "model_folders", "logit_bias"])
def test_a_malformed_list_is_refused(mull: Run, name: str, value: str) -> None:
    done = mull("config", "set", name, value)
    assert (done.returncode, done.stdout) == (1, b"")
    assert f'expects a list of texts: ONE:TWO, or ["ONE", "TWO"] for "{name}"' in done.stderr.decode()
    assert mull("config", "get", name).stdout == b""
