"""`[endpoints.NAME]` in the config file and in `mull config`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mull import config
from mull.endpoints.endpoint import Endpoint
from mull.errors import MullError
from tests.conftest import Run

OFFICE = '[endpoints.office]\nurl = "http://10.0.0.5:8000"\nkey_env = "OFFICE_KEY"\n'


@pytest.fixture
def file(home: dict[str, str]) -> Path:
    path = Path(home["MULL_CONFIG_DIR"]) / "config.toml"
    path.write_text("")
    return path


def test_a_table_is_an_endpoint(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        OFFICE + '\n[endpoints.lab]\nurl = "https://lab.example/api/v1/"\nmodel = "a/b:c"\ninsecure = true\n'
    )
    assert config.load(path).endpoints == {
        "office": Endpoint("office", "http://10.0.0.5:8000/v1", "OFFICE_KEY"),
        "lab": Endpoint("lab", "https://lab.example/api/v1", None, "a/b:c", insecure=True),
    }


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('seed = 1\n[endpoints.office]\nurl = "ftp://x"\n', 3, "http://"),
        ('[endpoints.office]\nurl = "http://x"\nurll = 1\n', 3, "did you mean url?"),
        ('[endpoints.office]\nurl = "http://x"\napi_key = "sk-secret"\n', 3, "key_env"),
        ('[endpoints.office]\nurl = "http://x"\nkey_env = "sk-secret"\n', 3, "never stored"),
        ('[endpoints.office]\nurl = "http://u:sk-secret@x"\n', 2, "password"),
        ('[endpoints.office]\nurl = "http://x"\ninsecure = "yes"\n', 3, "true or false"),
        ('[endpoints.office]\nurl = "http://x"\nmodel = ""\n', 3, "name of a model"),
        ('[endpoints.office]\nurl = "http://x"\ntimeout = 0\n', 3, "from 1 to 2,592,000"),
        ('[endpoints.office]\nurl = "http://x"\ntimeout = "soon"\n', 3, "a whole number"),
        ("[endpoints.office]\nurl = 7\n", 2, "text"),
        ('seed = 1\n\n[endpoints.office]\nmodel = "m"\n', 3, "no url"),
        ('\n[endpoints."a@b"]\nurl = "http://x"\n', 2, "a name has letters"),
        ("[endpoints]\noffice = 3\n", 2, "a table"),
        ("endpoints = 3\n", None, "[endpoints.NAME]"),
    ],
)
def test_a_wrong_table_names_its_line_and_no_secret(
    text: str, line: int | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(MullError) as caught:
        config.load(path)
    shown = f"{caught.value.message} {caught.value.hint}"
    assert caught.value.code == "invalid_config"
    assert words in shown
    assert f"line {line} of" in shown if line else str(path) in shown
    assert "secret" not in shown


def test_set_get_list_and_unset(mull: Run, file: Path) -> None:
    file.write_text("# mine\nseed = 3\n")
    assert mull("config", "set", "endpoints.office.url", "http://10.0.0.5:8000/").returncode == 0
    assert mull("config", "set", "endpoints.office.key_env", "OFFICE_KEY").returncode == 0
    assert mull("config", "set", "endpoints.office.insecure", "on").returncode == 0
    assert mull("config", "get", "endpoints.office.url").stdout == b"http://10.0.0.5:8000/v1\n"
    assert mull("config", "get", "endpoints.office.model").stdout == b""
    assert mull("config", "get", "endpoints.office").stdout.decode().splitlines() == [
        "url = http://10.0.0.5:8000/v1",
        "key_env = OFFICE_KEY",
        "insecure = true",
        "timeout = 600",
    ]
    listed = json.loads(mull("config", "list", "--json").stdout)["settings"]
    values = {row["name"]: row["value"] for row in listed}
    assert values["endpoints.office.key_env"] == "OFFICE_KEY"
    assert values["seed"] == 3
    assert mull("config", "unset", "endpoints.office.key_env").returncode == 0
    assert config.load(file).endpoints["office"].key_env is None
    assert mull("config", "unset", "endpoints.office").returncode == 0
    assert file.read_text().strip() == "# mine\nseed = 3"


def _run(path: Path, action: str, name: str, value: str | None = None) -> None:
    """What `mull config get`, `set` or `unset` does."""
    if action == "get":
        config.value_text(config.load(path), name)
    else:
        config.save_value(path, name, value)


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (("set", "endpoints.office.key_env", "sk-secret-1"), "invalid_setting", "never stored"),
        (("set", "endpoints.office.key_env", "sk_live_secret1"), "invalid_setting", "never stored"),
        (("set", "endpoints.office.key", "sk-secret-1"), "unknown_setting", "key_env"),
        (("set", "endpoints.office.url", "http://me:secret@host"), "invalid_setting", "password"),
        (("set", "endpoints.office.url", "host:8000"), "invalid_setting", "http://"),
        (("set", "endpoints.office.insecure", "perhaps"), "invalid_setting", "true or false"),
        (("set", "endpoints.ofice.model", "m"), "unknown_endpoint", "Did you mean office?"),
        (("set", "endpoints.a@b.url", "http://x"), "invalid_setting", "a name has letters"),
        (("set", "endpoints.office", "http://x"), "unknown_setting", "url"),
        (("get", "endpoints.ofice.url"), "unknown_endpoint", "Did you mean office?"),
        (("get", "endpoints.office.urll"), "unknown_setting", "url"),
        (("unset", "endpoints.office.url"), "invalid_setting", "mull endpoints rm office"),
        (("unset", "endpoints.nope"), "unknown_endpoint", "mull endpoints"),
    ],
)
def test_a_wrong_change_is_refused_and_nothing_is_written(
    words: tuple[str, ...], code: str, hint: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(OFFICE)
    with pytest.raises(MullError) as caught:
        _run(path, *words)
    shown = f"{caught.value.message} {caught.value.hint}"
    assert caught.value.code == code
    assert hint in shown
    assert "secret" not in shown
    assert path.read_text() == OFFICE


def test_a_refused_key_is_not_shown(mull: Run, file: Path) -> None:
    file.write_text(OFFICE)
    done = mull("config", "set", "endpoints.office.key_env", "sk-secret-1")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"never stored" in done.stderr
    assert b"secret" not in done.stderr
    assert file.read_text() == OFFICE


def test_endpoints_of_a_file_that_others_could_write_are_not_used(file: Path) -> None:
    file.write_text(OFFICE)
    file.chmod(0o666)
    assert config.read_config().endpoints == {}
