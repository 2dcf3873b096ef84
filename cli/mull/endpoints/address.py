"""What `MODEL@ENDPOINT` means: the model of a server, by the endpoint's name in the config or by a URL.

In: the text of `-m`, `MULL_MODEL` or `model` in the config, and the configured endpoints. Out: an `Address`, or None
for a text that is not one. A Hub reference (`owner/repo@revision`) and a path with an `@` are none, unless what follows
the `@` is an endpoint. No disk, no network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mull.dataclass import dataclass
from mull.endpoints import url
from mull.endpoints.endpoint import Endpoint, is_name
from mull.errors import MullError, UsageError
from mull.suggest import did_you_mean, nearest

_HOST = re.compile(r"(?:localhost|[\w-]+(?:\.[\w-]+)+|\[[0-9a-fA-F:.]+\]|[\w-]+(?=:))(?::\d+)?(?:/.*)?")
_CLOSE = 0.75  # similarity from which a revision may be a misspelled endpoint


@dataclass(frozen=True, slots=True)
class Address:
    """A model of an endpoint; `model` None: its default one, its only one, or the first that it lists."""

    model: str | None
    endpoint: Endpoint

    def __str__(self) -> str:
        """What `-m` takes to get it again."""
        return f"{self.model or ''}@{self.endpoint.name}"

    @property
    def label(self) -> str:
        """The same for people: of a URL, host and port."""
        place = self.endpoint.name
        return f"{self.model or ''}@{url.parse(place).netloc if url.is_url(place) else place}"


def parse(text: str, known: Mapping[str, Endpoint]) -> Address | None:
    """The address that a text is: split at the last `@` before a known endpoint or a URL.

    Raises UsageError (endpoint_address) for a URL that cannot be one of an endpoint.
    """
    for at in _ats(text):
        model, place = text[:at].strip() or None, text[at + 1 :].strip()
        if url.is_url(place):
            endpoint = _of_url(place, known)
        elif place in known:
            endpoint = known[place]
        else:
            continue
        return Address(model or endpoint.model, endpoint)
    return None


def misspelled(text: str, known: Mapping[str, Endpoint], *, surely: bool) -> MullError | None:
    """The error for a text that was meant as an address, but names no endpoint; None if it hardly was.

    `surely`: what stands before the `@` and what follows it has no other meaning, such as a Hub reference.
    """
    if url.is_url(text):
        return UsageError(
            "endpoint_address", "A URL alone names no model.", f"For its default model: -m @{text}"
        )
    model, at, place = text.rpartition("@")
    if not at and text in known:
        return MullError("unknown_model", f'There is no model called "{text}".', did_you_mean([f"@{text}"]))
    if not at:
        return None
    near = nearest(place, known, cutoff=0.6 if surely else _CLOSE)
    if not surely and not near:
        return None
    if near:
        hint = did_you_mean([f"{model}@{one}" for one in near])
    elif not place:
        hint = "Name one: MODEL@ENDPOINT. mull endpoints lists them."
    elif _HOST.fullmatch(place):
        hint = f"For a URL: {model}@http://{place}"
    elif is_name(place):
        hint = f"mull endpoints lists them; mull endpoints add {place} URL adds one."
    else:
        hint = "mull endpoints lists them."
    return MullError("unknown_endpoint", f'There is no endpoint called "{place}".', hint)


def _of_url(text: str, known: Mapping[str, Endpoint]) -> Endpoint:
    """The configured endpoint with this URL, else one without a key."""
    address = str(url.parse(text))
    return next((one for one in known.values() if one.url == address), Endpoint(address, address))


def _ats(text: str) -> list[int]:
    """The places of `@` in a text, the last one first."""
    return [place for place in range(len(text) - 1, -1, -1) if text[place] == "@"]
