"""The texts of a vocabulary are stored for its file, and never believed when they could be another's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mull.engine.engine import Engine, Piece, Request
from mull.engine.model import Model, load
from mull.engine.request import GrammarSpec
from mull.engine.sampling import token_texts, token_trie
from mull.settings import EngineSettings, Sampling
from mull.structured.reading import from_schema
from tests.model_files.random_model import TINY, cached

SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 6}}, "required": ["a"]}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MULL_CACHE_DIR", str(tmp_path))
    return tmp_path / "vocabularies"


def opened(checked_state: Path) -> Model:
    return load(cached(TINY), EngineSettings(threads=1), state_dir=checked_state, trusted=True)


def answered(model: Model) -> bytes:
    request = Request([20, 30, 40], Sampling(temperature=1.0, seed=3), max_tokens=60)
    with Engine(model, EngineSettings(threads=1, ctx=512)) as engine:
        generation = engine.generate(request)
        generation.constrain(GrammarSpec(from_schema(SCHEMA).grammar))
        return b"".join(event.data for event in generation if isinstance(event, Piece))


def test_what_is_stored_is_what_the_model_says(cache: Path, checked_state: Path) -> None:
    with opened(checked_state) as model:
        assert token_texts.read(model.stamp) is None
        token_trie.token_trie(model)
        assert token_texts.read(model.stamp) == token_texts.texts(model)
        assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_a_damaged_store_is_written_again(cache: Path, checked_state: Path, damage: str) -> None:
    with opened(checked_state) as model:
        texts = token_texts.texts(model)
        token_texts.write(model.stamp, texts)
        (file,) = cache.iterdir()
        data = file.read_bytes()
        broken = {"cut": data[:-9], "changed": data[:-1] + b"#", "empty": b""}
        file.write_bytes(broken[damage])
        assert token_texts.read(model.stamp) is None
        answered(model)
        assert token_texts.read(model.stamp) == texts


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root gives files away")
def test_the_store_of_another_user_is_not_read(cache: Path, checked_state: Path) -> None:
    with opened(checked_state) as model:
        token_texts.write(model.stamp, token_texts.texts(model))
        (file,) = cache.iterdir()
        os.chown(file, 12345, -1)
        assert token_texts.read(model.stamp) is None


def test_only_the_newest_are_stored(cache: Path, checked_state: Path) -> None:
    with opened(checked_state) as model:
        for number in range(12):
            token_texts.write((model.stamp[0]._replace(inode=number),), [b"a", b"bc"])
        assert len(list(cache.iterdir())) == 8
        assert token_texts.read((model.stamp[0]._replace(inode=11),)) == [b"a", b"bc"]


@pytest.mark.usefixtures("cache")
def test_answers_do_not_depend_on_how_the_trie_was_made(checked_state: Path) -> None:
    answers = []
    for stored, prepared in ((False, False), (True, False), (True, True)):
        with opened(checked_state) as model:
            assert (token_texts.read(model.stamp) is not None) == stored
            if prepared:
                token_trie.prepare(model.stamp)
            answers.append(answered(model))
    assert answers[0].startswith(b"{")
    assert answers == answers[:1] * 3


@pytest.mark.usefixtures("cache")
def test_an_unwritable_folder_only_costs_time(
    checked_state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MULL_CACHE_DIR", str(tmp_path / "file"))
    with opened(checked_state) as model:
        assert answered(model).startswith(b"{")
