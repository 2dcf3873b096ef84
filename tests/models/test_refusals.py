"""Refused downloads: by the Hub, by the file server it redirects to, by what is in between."""

from __future__ import annotations

import pytest

from mull.errors import MullError
from mull.models.hub.refusals import pause_asked
from mull.models.hub.remote_header import remote_header
from tests.models.conftest import Puller
from tests.models.hub_server import Hub, gguf

REPO = "owner/tiny-GGUF"
MODEL = gguf(300_000)


@pytest.fixture
def tiny(hub: Hub) -> Hub:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": MODEL})
    return hub


def fails(fetch: Puller, code: str) -> MullError:
    with pytest.raises(MullError) as caught:
        fetch(REPO)
    assert caught.value.code == code, caught.value.message
    return caught.value


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_link_that_expired_is_asked_for_again(tiny: Hub, fetch: Puller, status: int) -> None:
    tiny.fault(cut_at=100_000)
    tiny.fault(status=status)
    assert fetch(REPO).verified
    resolved = [path for _, path, _ in tiny.requests if "/resolve/" in path]
    assert len(resolved) == 3  # the first, after the cut, after the refusal


@pytest.mark.parametrize(("status", "words"), [(401, "refuses"), (403, "refuses"), (404, "does not have")])
def test_a_file_server_that_refuses_is_no_gate(tiny: Hub, fetch: Puller, status: int, words: str) -> None:
    tiny.fault(status=status, times=9)
    error = fails(fetch, "file_server_refused")
    assert f"file server {tiny.cdn.removeprefix('http://')} {words}" in error.message
    assert f"HTTP {status}" in error.message
    assert "licence" not in error.message + error.hint
    assert sum("/cdn/" in path for _, path, _ in tiny.requests) == 2  # one fresh link


def test_the_header_of_a_remote_file_asks_for_a_fresh_link_too(tiny: Hub) -> None:
    tiny.fault(status=403)
    with pytest.raises(MullError) as caught:
        remote_header(REPO, "tiny-Q4_K_M.gguf")
    assert caught.value.code == "model_damaged"  # it was read: the bytes are no header
    tiny.fault(status=403, times=2)
    with pytest.raises(MullError) as caught:
        remote_header(REPO, "tiny-Q4_K_M.gguf")
    assert caught.value.code == "file_server_refused"


def test_the_hub_says_why(tiny: Hub, fetch: Puller) -> None:
    said = "Your request is  awaiting a review" + "!" * 500
    for where, code in ((r"/api/", "access_denied"), (r"/resolve/", "access_denied")):
        tiny.fault(where=where, status=403, headers={"X-Error-Message": said})
        message = fails(fetch, code).message
        assert "is awaiting a review" in message
        assert len(message) < 300


def test_a_gate_says_why(tiny: Hub, fetch: Puller) -> None:
    why = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Your request has been rejected by the authors."}
    tiny.fault(where="/resolve/", status=403, headers=why)
    assert '"Your request has been rejected by the authors"' in fails(fetch, "gated_repository").message


@pytest.mark.parametrize("where", ["/api/", "/resolve/", "/cdn/"])
@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (407, "proxy_refused", "asks for a user name and a password"),
        (418, "hub_error", "rejects the request (HTTP 418"),
        (451, "legally_blocked", "legal reasons"),
        (501, "hub_error", "Not Implemented"),
        (511, "network_login", "asks for a login"),
    ],
)
def test_a_status_by_its_meaning(
    tiny: Hub, fetch: Puller, where: str, status: int, code: str, words: str
) -> None:
    if (where, status) == ("/cdn/", 418):
        code, words = "file_server_refused", "refuses the download"
    tiny.fault(where=where, status=status, times=9)
    assert words in fails(fetch, code).message


@pytest.mark.parametrize("where", ["/api/", "/cdn/"])
@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 522, 524, 530])
def test_a_failure_that_passes_is_waited_for(tiny: Hub, fetch: Puller, where: str, status: int) -> None:
    tiny.fault(where=where, status=status, times=2)
    assert fetch(REPO).verified


def test_a_file_server_that_stays_down(tiny: Hub, fetch: Puller) -> None:
    tiny.fault(status=521, times=9)
    message = fails(fetch, "hub_error").message
    assert "is not reached by the network in front of it (HTTP 521)" in message
    assert tiny.cdn.removeprefix("http://") in message


def test_a_pause_in_the_rate_limit_is_waited_for(tiny: Hub, fetch: Puller) -> None:
    tiny.fault(where="/api/", status=429, headers={"RateLimit": '"api";r=0;t=1'})
    assert fetch(REPO).verified
    assert "Trying again in 1 s" in fetch.notices["retry"]
    tiny.fault(where="/api/", status=429, headers={"RateLimit": '"api";r=0;t=4000'})
    with pytest.raises(MullError) as caught:
        fetch(REPO, again=True)
    assert "in 4000 seconds" in caught.value.hint  # longer than mull waits


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-4"}, 0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"ratelimit": '"api";r=0;t=40'}, 40),
        ({"ratelimit": '"resolvers";r=0;t=40;pk=:x:'}, 40),
        ({"ratelimit": '"api" ; r = 0 ; t = 40'}, 40),
        ({"ratelimit": "limit;t=40"}, 40),
        ({"ratelimit": '"api";r=12;t=200, "pages";r=0;t=40'}, 40),
        ({"ratelimit": '"api";r=499;t=40'}, None),
        ({"ratelimit": "t=x"}, None),
        ({"retry-after": "3", "ratelimit": '"api";r=0;t=40'}, 40),
    ],
)
def test_what_pause_a_server_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert pause_asked(headers) == seconds
