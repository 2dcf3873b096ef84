"""The routes of the server as a Starlette application.

In: a `Serving` and a `Guard`'s settings. Out: an ASGI application whose errors are all OpenAI's objects.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mull import __version__
from mull.api.checks import choice, mapping, text
from mull.errors import MullError
from mull.server.bodies import Json, failure, read_chat_request, read_json
from mull.server.completions import complete
from mull.server.guard import Guard, Rules
from mull.server.served_model import ServedModel, as_mull_error
from mull.server.serving import Serving
from mull.server.tokens import detokenize, tokenize

Handler = Callable[[Request], Awaitable[Response]]
_ACTIONS = ("reasoning_end", "stop")


def make_app(serving: Serving, rules: Rules) -> Starlette:
    """The application."""
    routes = {
        "/v1/chat/completions": ("POST", complete),
        "/v1/chat/completions/control": ("POST", _control),
        "/v1/chat/completions/input_tokens": ("POST", _count),
        "/tokenize": ("POST", tokenize),
        "/detokenize": ("POST", detokenize),
        "/v1/models": ("GET", _models),
        "/health": ("GET", _health),
        "/metrics": ("GET", _metrics),
        "/props": ("GET", _props),
    }
    app = Starlette(
        routes=[
            Route(path, _guarded(handler), methods=[method]) for path, (method, handler) in routes.items()
        ],
        middleware=[Middleware(Guard, rules=rules)],
        exception_handlers={HTTPException: _http_error},
    )
    app.router.redirect_slashes = False
    app.state.serving = serving
    return app


def _guarded(handler: Handler) -> Handler:
    """The handler, with every failure as an error object."""

    async def handle(request: Request) -> Response:
        serving: Serving = request.app.state.serving
        try:
            return await handler(request)
        except Exception as bug:  # noqa: BLE001 - a bug is an error object too
            error = as_mull_error(bug)
        if error.code == "server_busy":
            return failure(error, {"retry-after": str(serving.retry_after())})
        if error.code == "server_stopping":
            return failure(error, {"retry-after": "1", "connection": "close"})
        return failure(error)

    return handle


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        return failure(MullError("wrong_method", f"{request.url.path} does not take {request.method}."))
    return failure(MullError("unknown_path", "There is no such path.", "docs/server.md lists them."))


async def _control(request: Request) -> Response:
    """`reasoning_end`: end the thinking of a running completion; `stop`: end the completion."""
    serving: Serving = request.app.state.serving
    body = mapping("the body", await read_json(request))
    id_, action = text("id", body.get("id")), choice("action", body.get("action"), _ACTIONS)
    turn = serving.turns.get(id_)
    if turn is None or turn.end is not None:
        raise MullError("unknown_completion", "No completion of that id is running.")
    turn.stop() if action == "stop" else turn.answer_now()
    return Json({"success": True})


async def _count(request: Request) -> Response:
    """How many tokens the prompt of a request has."""
    serving: Serving = request.app.state.serving
    asked = await read_chat_request(request)
    model = serving.model(asked.model)
    tokens, exact = await serving.count_tokens(model, asked)
    return Json({"object": "response.input_tokens", "input_tokens": tokens, "exact": exact})


async def _models(request: Request) -> Response:
    serving: Serving = request.app.state.serving
    created = int(serving.started)
    data = [
        {
            "id": model.name,
            "object": "model",
            "created": created,
            "owned_by": "mull",
            "status": {"value": model.state},
            "meta": {"n_ctx": _n_ctx(model)},
        }
        for model in serving.models
    ]
    return Json({"object": "list", "data": data})


async def _health(request: Request) -> Response:
    """200 once requests can be answered without waiting for a load; 503 while the only model loads.

    `error`: why it is loaded again, where it was lost.
    """
    serving: Serving = request.app.state.serving
    loading = len(serving.models) == 1 and serving.models[0].state != "loaded"
    state = "stopping" if serving.stopping else "loading" if loading else "ok"
    body = {"status": state, "version": __version__}
    if loading and (trouble := serving.models[0].trouble) is not None:
        body["error"] = trouble
    return Json(body, 200 if state == "ok" else 503)


async def _metrics(request: Request) -> Response:
    serving: Serving = request.app.state.serving
    models = serving.models
    body = serving.metrics.text(
        running=sum(model.running for model in models),
        waiting=sum(model.waiting for model in models),
        loaded=sum(model.state == "loaded" for model in models),
    )
    return PlainTextResponse(body, media_type="text/plain; version=0.0.4; charset=utf-8")


async def _props(request: Request) -> Response:
    """What a client may want to know of a model before it asks; `?model=` names one of several."""
    serving: Serving = request.app.state.serving
    model = serving.model(request.query_params.get("model", ""))
    advice = {
        name: _set_fields(model.sampling_advice(on))
        for name, on in (("default", None), ("on", True), ("off", False))
    }
    return Json(
        {
            "model_alias": model.name,
            "build_info": f"mull {__version__}",
            "default_generation_settings": {"n_ctx": _n_ctx(model), "params": advice["default"]},
            "mull": {
                "version": __version__,
                "pid": os.getpid(),
                "started": serving.started,
                "status": model.state,
                "can_think": model.backend.can_think,
                "sampling": advice,
            },
        }
    )


def _set_fields(sampling: Any) -> dict[str, Any]:
    values = {name: getattr(sampling, name) for name in sampling.__slots__}
    return {name: value for name, value in values.items() if value is not None}


def _n_ctx(model: ServedModel) -> int | None:
    return model.backend.context_tokens if model.state == "loaded" else None
