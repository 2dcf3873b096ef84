"""Whose prompt templates may set a model, files or the machine's resources: through `mull -t` and `mull templates`."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.saved import last_turn
from tests.conftest import Run

if sys.platform == "win32":
    pytest.skip("files have no owner there", allow_module_level=True)

from tests.terminal.harness import Terminal

ANOTHER = 12345  # a user's number
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files to another user")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository; `mull` runs in its root. Returns its folder of templates."""
    (tmp_path / ".git").mkdir()
    folder = tmp_path / ".mull" / "templates"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def asks_for_a_model(project: Path, thinker: Path) -> Path:
    """A project's template `commit` that names a model."""
    path = project / "commit.toml"
    path.write_text(f'prompt = "Theirs:"\n[settings]\nmodel = "{thinker}"\ntemperature = 0\n')
    return path


def own_folder(home: Mapping[str, str]) -> Path:
    folder = Path(home["MULL_CONFIG_DIR"]) / "templates"
    folder.mkdir(exist_ok=True)
    return folder


def the_list(home: Mapping[str, str]) -> Path:
    return Path(home["MULL_STATE_DIR"]) / "trusted-folders.json"


def test_the_users_own_template_is_used(
    mull: Run, home: dict[str, str], thinker: Path, asks_for_a_model: Path
) -> None:
    (own_folder(home) / "commit.toml").write_text(f'prompt = "Mine:"\n[settings]\nmodel = "{thinker}"\n')
    assert mull("-t", "commit", "x").stdout == b"Forty-two.\n"
    assert last_turn(mull)["question"] == "x\n\nMine:"
    listed = json.loads(mull("templates", "list", "--json").stdout)["templates"]
    assert [(one["path"], one["trusted"]) for one in listed] == [
        (str(own_folder(home) / "commit.toml"), True)
    ]
    assert asks_for_a_model.exists()


def test_a_projects_template_sets_texts_and_sampling_without_trust(
    mull: Run, project: Path, thinker: Path
) -> None:
    (project / "short.toml").write_text(
        'system = "Be brief."\nprompt = "Theirs:"\nschema = "answer"\n\n[settings]\n'
        'reason = false\ntemperature = 0.5\nmax_tokens = 9\nstop = ["END"]\n'
    )
    done = mull("-m", thinker, "-t", "short", "--format", "json", "--json", "x")
    assert done.returncode in {0, 3, 5}, done.stderr
    assert last_turn(mull)["question"] == "x\n\nTheirs:"


@pytest.mark.parametrize(
    "reaching",
    [
        'prompt = "p"\n[settings]\nmodel = "./planted.gguf"',
        'prompt = "p"\n[settings]\ndraft = "./planted.gguf"',
        'prompt = "p"\n[settings]\nctx = 1000000',
        'prompt = "p"\n[settings]\nthreads = 200',
        'prompt = "p"\nschema = "person.json"',
        'prompt = "p"\nschema = "/etc/passwd"',
        'prompt = "p"\nschema = "../../secret"',
    ],
)
def test_what_reaches_beyond_the_prompt_is_refused_in_a_pipe(mull: Run, project: Path, reaching: str) -> None:
    (project / "commit.toml").write_text(reaching)
    done = mull("-t", "commit", "--json", "x")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "untrusted_template"
    assert f"mull templates trust {project.parents[1]}" in done.stderr.decode()


def test_a_flag_in_place_of_the_setting_needs_no_trust(
    mull: Run, thinker: Path, asks_for_a_model: Path
) -> None:
    assert asks_for_a_model.exists()
    assert mull("-m", thinker, "-t", "commit", "x").stdout == b"Forty-two.\n"


def test_trust_holds_for_the_folder_until_it_is_taken_back(
    mull: Run, home: dict[str, str], asks_for_a_model: Path
) -> None:
    done = mull("templates", "trust")
    assert done.stdout.decode() == f"{asks_for_a_model.parent}\n"
    assert stat.S_IMODE(the_list(home).stat().st_mode) == 0o600
    assert mull("-t", "commit", "x").stdout == b"Forty-two.\n"
    listed = json.loads(mull("templates", "list", "--json").stdout)
    assert listed["trusted_folders"] == [str(asks_for_a_model.parent)]
    assert mull("templates", "untrust").returncode == 0
    assert mull("-t", "commit", "x").returncode == 1


@pytest.mark.parametrize(
    "name", ["./sub/x.toml", "../{top}/sub/x.toml", "{folder}/sub/x.toml", "sub/../sub/x.toml"]
)
def test_a_path_is_no_way_around(mull: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x.toml").write_text('prompt = "p"\n[settings]\nmodel = "./planted.gguf"')
    done = mull("-t", name.format(top=tmp_path.name, folder=tmp_path), "hi")
    assert done.returncode == 1
    assert b"is not trusted" in done.stderr


def test_trust_does_not_follow_a_link(
    mull: Run, tmp_path: Path, thinker: Path, asks_for_a_model: Path
) -> None:
    assert mull("templates", "trust").returncode == 0
    elsewhere = tmp_path / "elsewhere" / "templates"
    elsewhere.mkdir(parents=True)
    asks_for_a_model.rename(elsewhere / "commit.toml")
    (asks_for_a_model.parent / "commit.toml").symlink_to(elsewhere / "commit.toml")
    assert mull("-t", "commit", "x").returncode == 1
    (asks_for_a_model.parent / "commit.toml").unlink()
    asks_for_a_model.parent.rmdir()
    asks_for_a_model.parent.parent.rmdir()
    (tmp_path / ".mull").symlink_to(elsewhere.parent)
    assert mull("-t", "commit", "x").returncode == 1
    assert mull("templates", "trust").stdout.decode() == f"{elsewhere}\n"
    assert mull("-t", "commit", "x").stdout == b"Forty-two.\n"


def test_a_folder_that_others_may_write_cannot_be_trusted(mull: Run, asks_for_a_model: Path) -> None:
    assert mull("templates", "trust").returncode == 0
    asks_for_a_model.parent.chmod(0o777)
    done = mull("-t", "commit", "x")
    assert done.returncode == 1
    assert f"other users can write to {asks_for_a_model.parent}" in done.stderr.decode()
    again = mull("templates", "trust")
    assert again.returncode == 2
    assert f"chmod go-w {asks_for_a_model.parent}" in again.stderr.decode()


def test_a_list_that_others_could_have_written_does_not_count(
    mull: Run, home: dict[str, str], asks_for_a_model: Path
) -> None:
    assert mull("templates", "trust").returncode == 0
    the_list(home).chmod(0o666)
    assert mull("-t", "commit", "x").returncode == 1
    assert asks_for_a_model.exists()


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{}", '{"folders": [1]}', '{"folders": {"/": "0"}}', "\x00", "null"]
)
def test_a_damaged_list_trusts_nobody(
    mull: Run, home: dict[str, str], asks_for_a_model: Path, text: str
) -> None:
    the_list(home).write_text(text)
    assert mull("-t", "commit", "x").returncode == 1
    assert mull("templates", "trust").returncode == 0
    assert mull("-t", "commit", "x").stdout == b"Forty-two.\n"
    assert asks_for_a_model.exists()


@as_root
def test_the_templates_of_another_user_are_not_used_unless_trusted(mull: Run, asks_for_a_model: Path) -> None:
    asks_for_a_model.write_text('prompt = "Theirs:"')
    folder = asks_for_a_model.parent
    os.chown(folder.parent, ANOTHER, ANOTHER)
    os.chown(folder, ANOTHER, ANOTHER)
    os.chown(asks_for_a_model, ANOTHER, ANOTHER)
    done = mull("-t", "commit", "x")
    assert done.returncode == 1
    assert b"belongs to the user with the number 12345, so its templates are not used." in done.stderr
    assert b"are not used" in mull("templates").stderr
    assert mull("templates", "trust").returncode == 0
    assert mull("-m", "pebble", "-t", "commit", "x").returncode == 0
    os.chown(folder, ANOTHER + 1, ANOTHER)  # trust was for that owner
    assert mull("-t", "commit", "x").returncode == 1


@as_root
def test_a_link_that_another_user_made_is_not_followed(mull: Run, tmp_path: Path, project: Path) -> None:
    mine = tmp_path / "mine" / "templates"
    mine.mkdir(parents=True)
    (mine / "x.toml").write_text('prompt = "p"')
    project.rmdir()
    project.parent.rmdir()
    project.parent.symlink_to(mine.parent)
    assert mull("-m", "pebble", "-t", "x", "hi").returncode == 0
    os.chown(project.parent, ANOTHER, ANOTHER, follow_symlinks=False)
    assert mull("-t", "x", "hi").returncode == 1


def test_a_terminal_is_shown_the_settings_and_asked(
    home: dict[str, str], asks_for_a_model: Path, tmp_path: Path
) -> None:
    words = [sys.executable, "-m", "mull", "--no-save", "-t", str(asks_for_a_model), "hi"]
    for answer, code in (("n\r", 1), ("y\r", 0)):
        with Terminal(words, environ=home, columns=300) as terminal:
            terminal.wait("[y/N]")
            assert "model = " in terminal.text
            assert f"Template: {asks_for_a_model}" in terminal.text
            terminal.press(answer)
            assert terminal.exit() == code
    with Terminal(words, environ=home, columns=300) as terminal:
        assert terminal.exit() == 0
        assert "[y/N]" not in terminal.text
    with Terminal([*words, "-q"], environ=home, columns=300) as terminal:
        assert terminal.exit() == 0
        assert "Template:" not in terminal.text
    assert tmp_path.exists()


DEEP = "prompt = 'p'\nx = " + "[" * 5000


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.write_bytes(b"prompt = '\xff\xfe'"), "it is not UTF-8 text"),
        (lambda path: path.write_text(DEEP), "nested too deeply"),
        (
            lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 1 << 30),
            "longer than 1,048,576 bytes",
        ),
        (os.mkfifo, "it is not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "it is not a regular file"),
        (lambda path: path.mkdir(), "it is a folder"),
    ],
)
def test_a_file_that_is_no_template_is_a_sentence(mull: Run, tmp_path: Path, make: object, says: str) -> None:
    assert callable(make)
    make(tmp_path / "bad.toml")
    done = mull("-t", "./bad.toml", "hi", timeout=20)
    assert done.returncode == 1
    assert says in done.stderr.decode()
    assert b"inside mull" not in done.stderr
