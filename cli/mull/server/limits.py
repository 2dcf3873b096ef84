"""What a client can cost the server at most. Seconds and bytes."""

from __future__ import annotations

MOST_BODY = 32 << 20
"""Of a request: beyond any context."""
MOST_HEADERS = 64 << 10
MOST_CONNECTIONS = 512
MOST_WAITING = 256
"""Requests that wait for a slot; one more is refused with 503 and Retry-After."""
MOST_UNREAD = 50_000
"""Events that wait for one client to read them: its turn is stopped then, while the others continue."""
HEADER_SECONDS = 10.0
BODY_SECONDS = 30.0
IDLE_SECONDS = 75
"""Until a connection without a request is closed."""
WRITE_SECONDS = 60.0
"""In which a client has to read something of what waits for it."""
REQUEST_SECONDS = 3600.0
PING_SECONDS = 15.0
"""A stream without an event for so long gets a comment line, so that proxies leave it open."""
GRACE_SECONDS = 10.0
"""That running answers have to end after the first signal."""

MOST_TEXT, MOST_TOKENS = 1_000_000, 100_000
"""Characters to tokenize and tokens to detokenize in one request: nothing is decoded meanwhile, for half a second."""
