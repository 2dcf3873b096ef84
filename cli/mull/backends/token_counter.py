"""Counting the tokens of texts with a model's tokenizer: its file's on this machine, or its server's.

In: a resolved model. Out: a function from a text to its number of tokens. Raises what loading a vocabulary or asking a
server raises, and UsageError (not_supported) for a server that cannot count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mull.errors import UsageError
from mull.fs import paths
from mull.models.resolved import Resolved

if TYPE_CHECKING:
    from mull.endpoints.address import Address

Count = Callable[[str], int]
_NO_SUCH_CALL = frozenset({"endpoint_not_found", "endpoint_refused", "endpoint_answer"})
_NOT_IMPLEMENTED = 501  # status of HTTP


@contextmanager
def token_counter(resolved: Resolved) -> Iterator[Count]:
    """Counts tokens of texts by themselves, without a chat template."""
    if resolved.address is not None:
        yield _on_server(resolved.address)
        return
    from mull.engine.vocabulary import Vocabulary

    with Vocabulary(
        resolved.file, state_dir=paths.private_dir(paths.state_dir()), trusted=resolved.trusted
    ) as vocabulary:
        yield vocabulary.count


def _on_server(address: Address) -> Count:
    """Asks llama-server's `/tokenize`, which mull serve has too."""
    from mull.endpoints.errors import ServerError
    from mull.endpoints.http import Client

    client = Client.of(address.endpoint)

    def count(text: str) -> int:
        asked = {"content": text, "add_special": False, "parse_special": False}
        if address.model is not None:
            asked["model"] = address.model
        try:
            answer = client.post_json(f"{client.url.root}/tokenize", asked)
        except ServerError as error:
            if error.code not in _NO_SUCH_CALL and error.status != _NOT_IMPLEMENTED:
                raise
            raise _cannot(address) from error
        tokens = answer.get("tokens") if isinstance(answer, dict) else None
        if not isinstance(tokens, list):
            raise _cannot(address)
        return len(tokens)

    return count


def _cannot(address: Address) -> UsageError:
    return UsageError(
        "not_supported",
        f"The server of {address} does not count tokens: it has no /tokenize.",
        "llama-server and mull serve have it; or name a model on this machine with -m.",
    )
