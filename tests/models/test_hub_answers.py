"""Answers of a Hub that means harm: compressed to nothing, endless, deep. Each is an error in words, at once."""

from __future__ import annotations

import gzip
import json
import resource
import zlib

import pytest

from mull.models.hub.client import RetryPolicy
from mull.models.hub.errors import HubError
from mull.models.hub.listing import look_up
from mull.models.hub.search import search
from tests.models.hub_server import Hub, gguf

ONCE = RetryPolicy(tries=1)
_GZIP = zlib.compressobj(1, zlib.DEFLATED, 31)
_OPENING = _GZIP.compress(b"[") + _GZIP.flush(zlib.Z_FULL_FLUSH)
_BLANKS = _GZIP.compress(b" " * (1 << 20)) + _GZIP.flush(zlib.Z_FULL_FLUSH)
BOMB = _OPENING + _BLANKS * 512
GZIP = {"Content-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BOMB, GZIP),
        (gzip.compress(b"[" * 100_000), GZIP),
        (b"not gzip", GZIP),
        (b"[]", {"Content-Encoding": "br"}),
        (b"[" * 100_000, {}),
        (b"[" + b" " * (33 << 20) + b"]", {}),
        (b"[" + b"[]," * 3_000_000 + b"[]]", {}),
    ],
    ids=["bomb", "deep bomb", "not gzip", "brotli", "deep", "long", "many"],
)
def test_an_answer_beyond_the_limits_is_refused(hub: Hub, body: bytes, headers: dict[str, str]) -> None:
    hub.fault(where="/api/", times=2, body=body, headers=headers)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for ask in (lambda: look_up("a/b", retry=ONCE), lambda: search("words")):
        with pytest.raises(HubError) as caught:
            ask()
        assert caught.value.code == "unexpected_response"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KB; the bomb has 537 MB


def test_a_compressed_answer_is_read(hub: Hub) -> None:
    model = hub.add("a/b", {"b-Q4_K_M.gguf": gguf(64)})
    listed = {"sha": model.commit, "siblings": []}
    hub.fault(where="/api/", body=gzip.compress(json.dumps(listed).encode()), headers=GZIP)
    assert look_up("a/b", retry=ONCE).commit == model.commit
