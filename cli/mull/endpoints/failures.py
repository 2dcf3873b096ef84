"""What went wrong between mull and a server, as ServerErrors: no connection, a refusal, an answer that is none.

In: an exception, or the status and body of a response. Out: an error of one sentence and one hint. What a server writes
is shortened to one printable line, and the key is taken out of it.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping
from typing import Any

from mull.endpoints.errors import ServerError

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""HTTP statuses after which the same request may succeed."""
LONGEST_WORDS = 200
AN_HOUR = 3600.0  # seconds; a longer wait is said without its length


def lost(error: Exception, where: str, *, sent: bool) -> ServerError:
    """A connection that fails or ends. `where`: the server; `sent`: the request was on its way."""
    kind = type(error).__name__
    if isinstance(error, socket.gaierror):
        hint = "Check the address and the network."
        return ServerError("host_not_found", f"The host of {where} was not found.", hint, transient=True)
    if kind == "SSLCertVerificationError":
        why = getattr(error, "verify_message", "") or "it does not verify"
        return ServerError(
            "certificate_rejected",
            f"The certificate of {where} is not trusted: {why.rstrip('.')}.",
            "Set SSL_CERT_FILE to a file with the certificate that signs for it.",
        )
    if kind.startswith("SSL"):
        return ServerError(
            "connection_failed",
            f"{where} does not answer as an https server.",
            "Check the address: perhaps it begins with http://.",
        )
    if isinstance(error, TimeoutError):
        hint = "Check that the server runs and is not busy with others."
        return ServerError("connection_timeout", f"{where} does not respond.", hint, transient=True)
    if (sent and isinstance(error, ConnectionError | EOFError)) or kind == "IncompleteRead":
        hint = "Look at the server's log, and ask again."
        return ServerError("connection_lost", f"{where} closed the connection.", hint, transient=True)
    if isinstance(error, OSError):
        hint = "Check that the server runs, and its address."
        return ServerError(
            "connection_failed", f"Cannot connect to {where}{_why(error)}.", hint, transient=True
        )
    return no_answer(where, "it is not HTTP")


def stalled(where: str, seconds: float) -> ServerError:
    """A stream without a part of an answer for too long, whatever else came."""
    return ServerError(
        "connection_timeout",
        f"{where} has sent no part of an answer for {seconds:g} s.",
        "Check that the server is not busy with others; timeout of an endpoint in the config allows more time.",
        transient=True,
    )


def no_answer(where: str, why: str) -> ServerError:
    """A server that answers something else than the API would."""
    return ServerError(
        "endpoint_answer",
        f"{where} sends no valid answer: {why}.",
        "Check that its address leads to an OpenAI-compatible API.",
    )


def refusal(status: int, body: Any, headers: Mapping[str, str], where: str, key: str) -> ServerError:
    """The error for a response that is no success. `body`: its JSON, or its text; `key`: what must not be shown."""
    words = said(body, key)
    wait = retry_after(headers.get("retry-after", ""))
    fields = body.get("error", body) if isinstance(body, Mapping) else {}

    def refused(code: str, what: str, hint: str) -> ServerError:
        return ServerError(
            code,
            f"{where} {what}{f': {words}' if words else f' (HTTP {status})'}.",
            hint,
            status=status,
            transient=status in TRANSIENT,
            retry_after=wait,
            fields={**(fields if isinstance(fields, Mapping) else {}), "message": words},
        )

    if status in {401, 403}:
        what = "refuses the key" if key else "wants a key"
        hint = "The environment variable that the endpoint names (key_env) must hold a valid key."
        return refused("endpoint_key", what, hint)
    if status == 402:
        return refused("endpoint_credit", "wants payment", "Pay there, or choose another model with -m.")
    if status == 404:
        hint = "Check the address and the model's name; mull endpoints lists what there is."
        return refused("endpoint_not_found", "has no such model or address", hint)
    if status == 429 or (status == 503 and wait is not None):
        hint = "Try again later." if wait is None or wait > AN_HOUR else f"Try again in {wait:.0f} s."
        return refused("endpoint_busy", "has too much to do", hint)
    if status >= 500 or status in TRANSIENT:
        return refused("endpoint_failed", "failed", "Try again later, and look at the server's log.")
    hint = "Change what it names, or choose another model with -m."
    return refused("endpoint_refused", "refuses the request", hint)


def said(body: Any, key: str = "") -> str:
    """The words of a failure in a server's JSON or text, on one printable line without a final period."""
    if isinstance(body, Mapping):
        error = body.get("error", body)
        if isinstance(error, Mapping):
            found = next(
                (error[name] for name in ("message", "detail", "error", "msg") if error.get(name)), ""
            )
        else:
            found = error
        body = found
    if isinstance(body, list):  # FastAPI's list of faults
        body = "; ".join(str(one.get("msg", "")) for one in body if isinstance(one, Mapping))
    text = body if isinstance(body, str) else ""
    if key:
        text = text.replace(key, "(the key)")
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if re.match(r"(?i)<(!doctype|html|head)", text):
        return ""
    return (text[: LONGEST_WORDS - 1] + "…" if len(text) > LONGEST_WORDS else text).rstrip(".")


def retry_after(value: str) -> float | None:
    """Seconds from now, from a Retry-After header: a number of them, or a date."""
    value = value.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value, re.ASCII):
        return float(value)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _why(error: OSError) -> str:
    known = {
        "ConnectionRefusedError": "nothing listens there",
        "FileNotFoundError": "there is no such socket",
        "PermissionError": "permission is denied",
    }
    words = known.get(type(error).__name__) or (error.strerror or "").lower()
    return f": {words}" if words else ""
