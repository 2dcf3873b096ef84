"""The loop guard on the command line: exit code, note, JSON, files, and every way to switch it off."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.cli.conftest import CHATML
from tests.conftest import Run
from tests.model_files.scripted import write_scripted

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "output.schema.json").read_text())
OFF = {"loop_guard": False, "max_tokens": 400}


@pytest.fixture(scope="module")
def looping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Writes one sentence without end."""
    script = [" The", " cat", " sat", " on", " the", " mat", "."]
    path = tmp_path_factory.mktemp("models") / "looping.gguf"
    return write_scripted(path, script, end=False, template=CHATML)


def test_a_loop_exits_3_and_says_so(mull: Run, looping: Path, tmp_path: Path) -> None:
    done = mull("-m", looping, "-o", "answer.txt", "Tell me more.")
    assert done.returncode == 3
    assert done.stderr.decode().splitlines() == [
        "The answer was cut: the model repeated itself. --repeat-penalty 1.1 may help; --no-loop-guard lets it go on."
    ]
    assert (tmp_path / "answer.txt").read_text().startswith(" The cat sat on the mat. The cat")
    assert mull("-m", looping, "-q", "Tell me more.").stderr == b""


def test_json_says_loop(mull: Run, looping: Path) -> None:
    done = mull("-m", looping, "--json", "Tell me more.")
    result = json.loads(done.stdout)
    jsonschema.validate(result, SCHEMA)
    assert (done.returncode, result["finish"], result["error"]) == (3, "loop", None)
    assert result["usage"]["answer"] >= 256


@pytest.mark.parametrize("how", ["flag", "config", "template"])
def test_it_can_be_switched_off(
    mull: Run, looping: Path, home: dict[str, str], tmp_path: Path, how: str
) -> None:
    arguments = ["-m", looping, "--max-tokens", "400", "--json", "Tell me more."]
    if how == "flag":
        arguments.insert(0, "--no-loop-guard")
    elif how == "config":
        config = Path(home["MULL_CONFIG_DIR"]) / "config.toml"
        config.write_text(config.read_text() + "loop_guard = false\n")
    else:
        (tmp_path / "long.toml").write_text("[settings]\nloop_guard = false\n")
        arguments = ["-t", "./long.toml", *arguments]
    done = mull(*arguments)
    assert (done.returncode, json.loads(done.stdout)["usage"]["answer"]) == (0, 400), done.stderr


def test_each_line_of_a_batch_has_its_own(mull: Run, looping: Path) -> None:
    lines = [{"prompt": "Tell me more."}, {"prompt": "Tell me more.", **OFF}]
    done = mull("batch", "-m", looping, stdin="\n".join(map(json.dumps, lines)).encode())
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["finish"], second["finish"], second["usage"]["answer"]) == ("loop", "length", 400)
    assert done.returncode == 3
