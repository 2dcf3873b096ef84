"""`/tokenize` and `/detokenize`, llama-server's: texts to token ids of a model, and back.

Fields and their defaults are llama-server's; `model` names one of several models, which is loaded if it has to be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

from starlette.requests import Request
from starlette.responses import Response

from mull.api import checks
from mull.api.errors import InvalidRequest
from mull.errors import MullError
from mull.server.bodies import Json, read_json
from mull.server.limits import MOST_TEXT, MOST_TOKENS
from mull.server.serving import Serving

_T = TypeVar("_T")


@runtime_checkable
class Tokenizer(Protocol):
    """A backend whose loaded model turns texts into tokens for others."""

    @property
    def vocabulary_size(self) -> int:
        """Token ids are below."""

    def tokenize(self, text: str, *, special: bool, bos: bool) -> list[int]:
        """`special`: spellings of control tokens become those tokens. `bos`: begin and end tokens are added where the
        model asks for them."""

    def piece(self, token: int) -> bytes:
        """A token's bytes; control tokens are spelled out."""


async def tokenize(request: Request) -> Response:
    """`content` as `tokens`; with `with_pieces`, each as its id and its text, or its bytes where they are none."""
    body = checks.mapping("the body", await read_json(request))
    text = checks.text("content", body.get("content"))
    if len(text) > MOST_TEXT:
        raise MullError("request_too_large", f'"content" may have {MOST_TEXT:,} characters.')
    bos = checks.flag("add_special", body.get("add_special", False))
    special = checks.flag("parse_special", body.get("parse_special", True))
    with_pieces = checks.flag("with_pieces", body.get("with_pieces", False))

    def work(model: Tokenizer) -> list[Any]:
        ids = model.tokenize(text, special=special, bos=bos)
        return [{"id": one, "piece": _piece(model.piece(one))} for one in ids] if with_pieces else ids

    return Json({"tokens": await _with_tokenizer(request, body, work)})


async def detokenize(request: Request) -> Response:
    """`tokens` as `content`, with the spellings of control tokens."""
    body = checks.mapping("the body", await read_json(request))
    ids = checks.tokens("tokens", body.get("tokens"))
    if len(ids) > MOST_TOKENS:
        raise MullError("request_too_large", f'"tokens" may have {MOST_TOKENS:,} of them.')

    def work(model: Tokenizer) -> str:
        if ids and max(ids) >= model.vocabulary_size:
            raise InvalidRequest(f"The model has no token {max(ids)}.", param="tokens")
        return b"".join(map(model.piece, ids)).decode("utf-8", "replace")

    return Json({"content": await _with_tokenizer(request, body, work)})


async def _with_tokenizer(request: Request, body: Mapping[str, Any], work: Callable[[Tokenizer], _T]) -> _T:
    """Call `work` with the model's tokenizer, between two steps of the decode thread."""
    serving: Serving = request.app.state.serving
    model = serving.model(checks.text("model", body.get("model", "")))
    backend = model.backend
    await serving.load(model)
    if not isinstance(backend, Tokenizer):
        raise MullError(
            "no_tokenizer", f"{model.name} is computed with workers: this server has no tokenizer."
        )
    return await serving.between_steps(lambda: work(backend))


def _piece(data: bytes) -> str | list[int]:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return list(data)
