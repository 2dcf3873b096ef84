"""What servers refuse, and what mull refuses to send: keys, redirects, models, contexts, limits, proxies."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.endpoints.conftest import KEY, Ask, chat_reply, result
from tests.endpoints.dialects import Dialect, read_dialect
from tests.endpoints.scripted_server import Reply, Server, as_json, serve

LONG = "word " * 600  # more than the 512 tokens of the dialects' models


# Keys


def test_the_key_goes_to_its_endpoint_and_is_shown_nowhere(
    mull: Run, server: Server, office: dict[str, str], tmp_path: Path
) -> None:
    done = mull("ask", "-m", "thinker@office", "--json", "Hi", env=office)
    assert done.returncode == 0
    assert {request.key for request in server.requests} == {KEY}
    kept = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
    assert KEY.encode() not in kept + done.stdout + done.stderr


@pytest.mark.parametrize(
    "name", ["llama_server", "llama_cpp_server", "vllm", "lm_studio", "openrouter", "other"]
)
def test_a_wrong_key_is_named_by_its_variable_in_every_dialect(
    mull: Run, server: Server, office: dict[str, str], name: str
) -> None:
    read_dialect(name, key="another").play_on(server)
    done = mull("ask", "-m", "thinker@office", "--json", "Hi", env=office)
    found = result(done)
    assert (done.returncode, found["error"]["code"]) == (1, "endpoint_key")
    assert "office" in found["error"]["message"]
    assert KEY not in done.stdout.decode()


def test_a_server_that_repeats_the_key_does_not_get_it_shown(
    mull: Run, server: Server, dialect: Dialect, office: dict[str, str]
) -> None:
    chat_reply(server, dialect, as_json({"error": {"message": f"Incorrect API key provided: {KEY}"}}, 401))
    done = mull("ask", "-m", "thinker@office", "Hi", env=office)
    assert (done.returncode, done.stdout) == (1, b"")
    assert KEY.encode() not in done.stderr


def test_a_variable_that_is_not_set_is_named(mull: Run, server: Server, office: dict[str, str]) -> None:
    done = mull("ask", "-m", "thinker@office", "Hi")
    assert (done.returncode, server.requests) == (1, [])
    assert b"OFFICE_KEY" in done.stderr


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_gets_neither_key_nor_question(
    mull: Run, server: Server, dialect: Dialect, office: dict[str, str], status: int
) -> None:
    with serve() as other:
        dialect.play_on(other)
        place = f"http://localhost:{other.port}{dialect.chat}"  # the endpoint is at 127.0.0.1
        chat_reply(server, dialect, Reply(status=status, headers={"Location": place}, framing="length"))
        done = mull("ask", "-m", "thinker@office", "--json", "Hi", env=office)
        assert other.requests == []
    assert (done.returncode, result(done)["answer"]) == (1, None)


def test_a_redirect_to_another_port_gets_no_key(
    mull: Run, server: Server, dialect: Dialect, office: dict[str, str]
) -> None:
    """Another port is another program, perhaps of another user."""
    with serve() as other:
        dialect.play_on(other)
        place = f"{other.url}{dialect.chat}"
        chat_reply(server, dialect, Reply(status=307, headers={"Location": place}, framing="length"))
        mull("ask", "-m", "thinker@office", "--json", "Hi", env=office)
        assert KEY not in {request.key for request in other.requests}


def test_a_redirect_in_circles_ends(server: Server, dialect: Dialect, ask: Ask) -> None:
    chat_reply(server, dialect, Reply(status=307, headers={"Location": dialect.chat}, framing="length"))
    done = ask("--json")
    assert (done.returncode, result(done)["error"]["code"]) == (1, "endpoint_answer")
    assert len(server.sent_to(dialect.chat)) < 10


@pytest.mark.parametrize("place", ["http://203.0.113.7:9", "http://[2001:db8::7]:9"])
def test_a_key_is_not_sent_in_the_clear_to_a_public_address(
    mull: Run, home: dict[str, str], place: str
) -> None:
    config = Path(home["MULL_CONFIG_DIR"]) / "config.toml"
    config.write_text(f'[endpoints.far]\nurl = "{place}/v1"\nkey_env = "FAR_KEY"\n')
    done = mull("ask", "-m", "m@far", "--json", "Hi", env={"FAR_KEY": KEY})
    found = result(done)
    assert (done.returncode, found["error"]["code"]) == (1, "insecure_endpoint")
    assert "insecure = true" in found["error"]["hint"]


# Models and contexts


def test_a_model_that_the_server_ignores_is_said(mull: Run, server: Server) -> None:
    done = mull("ask", "-m", f"gpt-9@{server.url}/v1", "Hi")
    assert (done.returncode, done.stdout) == (0, b"Forty-two.\n")
    assert b"gpt-9" in done.stderr
    assert b"thinker answers" in done.stderr


@pytest.mark.parametrize("name", ["vllm", "ollama", "openrouter", "other"])
def test_a_model_that_the_server_does_not_have_is_an_error(mull: Run, server: Server, name: str) -> None:
    read_dialect(name).play_on(server)
    done = mull("ask", "-m", f"gpt-9@{server.url}/v1", "--json", "Hi")
    assert done.returncode == 1
    assert result(done)["error"]["code"] in {"endpoint_not_found", "endpoint_refused"}


@pytest.mark.parametrize("name", ["llama_server", "vllm", "lm_studio", "openrouter", "other"])
def test_a_context_that_is_full_is_named_in_every_dialect(mull: Run, server: Server, name: str) -> None:
    read_dialect(name).play_on(server)
    done = mull("ask", "-m", f"thinker@{server.url}/v1", "--json", LONG)
    found = result(done)
    assert (done.returncode, found["error"]["code"]) == (1, "context_overflow")
    assert "600" in found["error"]["message"]
    assert "512" in found["error"]["message"]
    assert "--ctx" not in found["error"]["hint"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("The input (9001 tokens) is longer than the model's context length (4096 tokens).", ""),
        (
            "The prompt contains 9001 input tokens, which exceeds the maximum context length of 4096 tokens.",
            "",
        ),
        ("Requested tokens (9001) exceed context window of 4096", ""),
        ("Trying to keep the first 9001 tokens when context the overflows. It has only 4096 tokens.", ""),
        ("prompt is too long: 9,001 tokens > 4,096 maximum", ""),
        ("The context length is 4096 tokens. You asked for 9001 tokens (8001 and 1000 of answer).", ""),
        ("The prompt exceeds the context size of 4096.", "at least 4,097"),
    ],
)
def test_the_size_of_a_context_is_found_wherever_it_is_said(
    mull: Run, server: Server, words: str, said: str
) -> None:
    dialect = read_dialect("other")
    dialect.play_on(server)
    chat_reply(server, dialect, as_json({"error": {"message": words}}, 400))
    done = mull("ask", "-m", f"thinker@{server.url}/v1", "--json", "Hi")
    message = result(done)["error"]["message"]
    assert message == f"The prompt has {said or '9,001'} tokens, the context 4,096."


def test_a_prompt_that_is_too_long_for_an_unknown_context_has_the_server_s_words(
    mull: Run, server: Server
) -> None:
    dialect = read_dialect("other")
    dialect.play_on(server)
    chat_reply(server, dialect, as_json({"error": {"message": "9001 tokens are too many tokens"}}, 400))
    found = result(mull("ask", "-m", f"thinker@{server.url}/v1", "--json", "Hi"))
    assert found["error"]["code"] == "endpoint_refused"
    assert "9001 tokens are too many tokens" in found["error"]["message"]


def test_an_empty_answer_to_a_long_prompt_says_what_it_may_be(mull: Run, server: Server) -> None:
    read_dialect("llama_cpp_server").play_on(server)
    done = mull("ask", "-m", f"thinker@{server.url}/v1", "--json", LONG)
    assert done.returncode == 1
    assert "context" in result(done)["error"]["hint"]


# Limits


@pytest.mark.parametrize(
    ("status", "headers", "code", "hint"),
    [
        (429, {}, "endpoint_busy", "later"),
        (429, {"Retry-After": "7"}, "endpoint_busy", "7 s"),
        (429, {"Retry-After": "soon"}, "endpoint_busy", "later"),
        (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, "endpoint_busy", "0 s"),
        (429, {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}, "endpoint_busy", "later"),
        (503, {}, "endpoint_failed", "later"),
        (503, {"Retry-After": "7"}, "endpoint_busy", "7 s"),
        (502, {}, "endpoint_failed", "later"),
        (402, {}, "endpoint_credit", ""),
        (400, {}, "endpoint_refused", ""),
        (404, {}, "endpoint_not_found", ""),
        (500, {}, "endpoint_failed", ""),
    ],
)
def test_a_status_is_named_with_what_to_do(
    server: Server, dialect: Dialect, ask: Ask, status: int, headers: dict[str, str], code: str, hint: str
) -> None:
    chat_reply(server, dialect, as_json({"error": {"message": "Not now."}}, status, headers))
    done = ask("--json")
    found = result(done)
    assert (done.returncode, found["answer"], found["error"]["code"]) == (1, None, code)
    assert "Not now" in found["error"]["message"]
    assert hint in found["error"]["hint"]
    assert len(server.sent_to(dialect.chat)) == 1  # a question is not asked again behind the user's back


# Proxies and addresses


def test_a_proxy_is_used_for_other_hosts_only(mull: Run, dialect: Dialect) -> None:
    with serve() as proxy, serve() as server:
        dialect.play_on(server)
        dialect.play_on(proxy, "http://engine.invalid")
        env = {"http_proxy": proxy.url, "HTTP_PROXY": proxy.url}
        done = mull("ask", "-m", "thinker@http://engine.invalid/v1", "Hi", env=env)
        assert (done.returncode, done.stdout) == (0, b"Forty-two.\n"), done.stderr
        asked = len(proxy.requests)
        assert mull("ask", "-m", f"thinker@{server.url}/v1", "Hi", env=env).returncode == 0
        assert len(proxy.requests) == asked
        direct = mull(
            "ask", "-m", "thinker@http://engine.invalid/v1", "Hi", env={**env, "NO_PROXY": ".invalid"}
        )
        assert direct.returncode == 1
        assert len(proxy.requests) == asked


def test_a_proxy_that_does_not_answer_is_named_without_its_password(mull: Run) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{closed.getsockname()[1]}"
        env = {"http_proxy": f"http://me:secret@{place}"}
        done = mull("ask", "-m", "m@http://engine.invalid/v1", "Hi", env=env)
    assert done.returncode == 1
    assert place.encode() in done.stderr
    assert b"http_proxy" in done.stderr
    assert b"secret" not in done.stderr


def test_an_address_of_ipv6(mull: Run, dialect: Dialect) -> None:
    try:
        with serve(host="::1") as server:
            dialect.play_on(server)
            done = mull("ask", "-m", f"thinker@{server.url}/v1", "Hi")
    except OSError:
        pytest.skip("no IPv6 here")
    assert (done.returncode, done.stdout) == (0, b"Forty-two.\n"), done.stderr
    assert server.requests[0].headers["host"] == f"[::1]:{server.port}"


def test_where_nothing_listens_the_address_is_named(mull: Run) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{closed.getsockname()[1]}"
        done = mull("ask", "-m", f"m@http://{place}/v1", "--json", "Hi")
    found = result(done)
    assert (done.returncode, found["error"]["code"]) == (1, "connection_failed")
    assert place in found["error"]["message"]
