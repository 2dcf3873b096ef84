"""What `MODEL@ENDPOINT` means, and the URLs of endpoints."""

from __future__ import annotations

from pathlib import Path

import pytest

from mull.endpoints.address import Address, misspelled, parse
from mull.endpoints.endpoint import Endpoint, is_name, key_variable
from mull.endpoints.url import check
from mull.errors import MullError, UsageError
from mull.models.resolve import resolve

KNOWN = {
    "office": Endpoint("office", "http://10.0.0.5:8000/v1", key_env="OFFICE_KEY"),
    "lab": Endpoint("lab", "https://lab.example/v1", model="default"),
    "v1": Endpoint("v1", "http://10.0.0.6/v1"),
}


@pytest.mark.parametrize(
    ("text", "model", "endpoint", "url"),
    [
        ("qwen3-8b@office", "qwen3-8b", "office", "http://10.0.0.5:8000/v1"),
        ("@office", None, "office", "http://10.0.0.5:8000/v1"),
        ("@lab", "default", "lab", "https://lab.example/v1"),
        ("other@lab", "other", "lab", "https://lab.example/v1"),
        ("Qwen/Qwen3-8B@office", "Qwen/Qwen3-8B", "office", "http://10.0.0.5:8000/v1"),
        ("qwen3:8b@office", "qwen3:8b", "office", "http://10.0.0.5:8000/v1"),
        ("o/r@main:Q4_K_M@office", "o/r@main:Q4_K_M", "office", "http://10.0.0.5:8000/v1"),
        ("/models/a.gguf@office", "/models/a.gguf", "office", "http://10.0.0.5:8000/v1"),
        ("me@office@lab", "me@office", "lab", "https://lab.example/v1"),
        ("m@http://host:8000/v1", "m", "http://host:8000/v1", "http://host:8000/v1"),
        ("@http://host:8000", None, "http://host:8000/v1", "http://host:8000/v1"),
        ("m@HTTP://Host:8000/", "m", "http://host:8000/v1", "http://host:8000/v1"),
        ("m@http://[::1]:8000/v1", "m", "http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("a/b:c@d@https://openrouter.ai/api/v1", "a/b:c@d", *["https://openrouter.ai/api/v1"] * 2),
        (
            "m@http://10.0.0.5:8000",
            "m",
            "office",
            "http://10.0.0.5:8000/v1",
        ),  # the configured one, with its key
        (" m @office ", "m", "office", "http://10.0.0.5:8000/v1"),
    ],
)
def test_an_address(text: str, model: str | None, endpoint: str, url: str) -> None:
    found = parse(text, KNOWN)
    assert found is not None
    assert (found.model, found.endpoint.name, found.endpoint.url) == (model, endpoint, url)


@pytest.mark.parametrize(
    "text",
    [
        "qwen3-8b",
        "owner/repo@main",
        "owner/repo@main:Q4_K_M",
        "owner/repo:Q4_K_M@refs/pr/3",
        "./models@home/x.gguf",
        "/srv/office@lab/x.gguf",
        "x@office.gguf",
        "office",
        "@",
        "",
    ],
)
def test_no_address(text: str) -> None:
    assert parse(text, KNOWN) is None


def test_an_address_gives_itself_again() -> None:
    for text in ("qwen3-8b@office", "@office", "a/b@c@http://[::1]:8000/v1", "@http://host/v1"):
        assert str(parse(text, KNOWN)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("m@http://me:secret@host/v1", "password"),
        ("m@http://host/v1?api_key=secret", "has a ?"),
        ("m@http://", "no host"),
        ("m@http://host:99999/v1", "port"),
        ("m@http://[::1/v1", "host"),
        ("m@http://ho st/v1", "space"),
        ("m@http://host\x1b[2J/v1", "control"),
    ],
)
def test_a_wrong_url_is_refused_without_repeating_it(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, KNOWN)
    assert caught.value.code == "endpoint_address"
    assert words in caught.value.message
    assert "secret" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("text", "surely", "hint", "code"),
    [
        ("office", True, "Did you mean @office?", "unknown_model"),
        ("m@ofice", True, "Did you mean m@office?", "unknown_endpoint"),
        ("@ofice", True, "Did you mean @office?", "unknown_endpoint"),
        ("owner/repo@ofice", False, "Did you mean owner/repo@office?", "unknown_endpoint"),
        ("m@localhost:8000", True, "For a URL: m@http://localhost:8000", "unknown_endpoint"),
        ("m@box.example/v1", True, "For a URL: m@http://box.example/v1", "unknown_endpoint"),
        (
            "m@desk",
            True,
            "mull endpoints lists them; mull endpoints add desk URL adds one.",
            "unknown_endpoint",
        ),
        ("m@", True, "Name one: MODEL@ENDPOINT. mull endpoints lists them.", "unknown_endpoint"),
        ("http://host:8000/v1", True, "For its default model: -m @http://host:8000/v1", "endpoint_address"),
    ],
)
def test_a_misspelled_address_has_a_hint(text: str, surely: bool, hint: str, code: str) -> None:
    error = misspelled(text, KNOWN, surely=surely)
    assert error is not None
    assert error.code == code
    assert error.hint == hint


@pytest.mark.parametrize(("text", "surely"), [("owner/repo@main", False), ("qwen3-8b", True)])
def test_another_name_is_no_misspelled_address(text: str, surely: bool) -> None:
    assert misspelled(text, KNOWN, surely=surely) is None


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://host", "http://host/v1"),
        ("http://host/", "http://host/v1"),
        ("http://host/v1/", "http://host/v1"),
        ("http://host/v1/chat/completions", "http://host/v1"),
        ("http://host/v1/models", "http://host/v1"),
        ("https://host/api/v1", "https://host/api/v1"),
        ("http://[FE80::1]:80", "http://[fe80::1]/v1"),
        ("https://host:443/v1", "https://host/v1"),
        ("unix:///run/mull.sock", "unix:/run/mull.sock"),
    ],
)
def test_the_base_of_an_api(text: str, url: str) -> None:
    assert check(text) == url
    assert check(url) == url


@pytest.mark.parametrize("text", ["ftp://host", "host:8000", "unix:x", "", "http:/host", "http://host:0"])
def test_no_url(text: str) -> None:
    with pytest.raises(ValueError, match=r"http|host|socket"):
        check(text)


@pytest.mark.parametrize(
    "text", ["OFFICE_KEY", "_K", "openai_key", "KEY2", "my_team_openai_api_key", "MY_SECOND_OPENAI_KEY_2026"]
)
def test_the_name_of_a_variable(text: str) -> None:
    assert key_variable(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "sk-abcdef0123456789",
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "gsk_8f7d6s5a4",
        "hf_QwErTy1",
        "0123456789abcdef",
        "a1b2c3d4e5f60718293a4b5c6d7e8f90",
        "A1B2C3D4E5F60718293A4B5C6D7E8F90",
        "$OFFICE_KEY",
        "",
        "A B",
        "K\n",
    ],
)
def test_a_key_is_no_name_of_a_variable(text: str) -> None:
    with pytest.raises(ValueError, match="never stored") as caught:
        key_variable(text)
    assert not text or text not in str(caught.value)


def test_names_of_endpoints() -> None:
    assert all(is_name(name) for name in ("office", "gpu-2", "a_b", "7"))
    assert not any(
        is_name(name) for name in ("", "a.b", "a@b", "a/b", "a b", "-a", "a:1", "é", "a" * 65, "a\n")
    )


def test_a_model_of_an_endpoint_is_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = resolve(None, environment=" m@office ", configured="pebble", endpoints=KNOWN)
    assert found.address == Address("m", KNOWN["office"])
    assert (found.name, found.chosen_by) == ("m@office", "env")
    with pytest.raises(UsageError, match="there is no file of it here"):
        _ = found.file
    (tmp_path / "m@office").write_text("a path comes first where it is spelled as one")
    assert resolve("m@office", endpoints=KNOWN).address == found.address
    with pytest.raises(MullError, match="is not a GGUF file"):
        resolve("./m@office", endpoints=KNOWN)


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("owner/repo@main", "not_installed", "mull pull owner/repo@main"),
        ("owner/repo@ofice", "unknown_endpoint", "Did you mean owner/repo@office?"),
        ("/no/model.gguf@ofice", "unknown_endpoint", "Did you mean /no/model.gguf@office?"),
        ("qwen3-8b@ofice", "unknown_endpoint", "Did you mean qwen3-8b@office?"),
        ("office", "unknown_model", "Did you mean @office?"),
        ("http://host:1/v1", "endpoint_address", "-m @http://host:1/v1"),
        ("m@http://host:x/v1", "endpoint_address", "http://localhost"),
    ],
)
def test_a_wrong_name_of_a_model_has_a_hint(text: str, code: str, hint: str) -> None:
    with pytest.raises(MullError) as caught:
        resolve(text, endpoints=KNOWN)
    assert caught.value.code == code
    assert hint in caught.value.hint
