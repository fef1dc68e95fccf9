"""The pages of a server: predictions, schema, health and a form."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from rnnlab.errors import ConfigError, DataError
from rnnlab.report.html import render_html
from rnnlab.serving.batching import Batcher, OverloadError
from rnnlab.serving.description import curl_command, describe_service
from rnnlab.serving.handlers import Answer, Handler
from rnnlab.serving.receiving import BodyLimits, error_response

JSON_TYPE = "application/json"
PAGE_FOLDER = Path(__file__).parent / "templates"
INTERNAL_ERROR = "the server failed to answer; its terminal shows why"


class Service:
    """Pages of one run.

    Args:
        handler: answers the requests of the run.
        facts: `run`, `task` and `model`.
    """

    def __init__(self, handler: Handler, facts: Mapping[str, Any]) -> None:
        self.handler, self.facts, self.limits = handler, dict(facts), handler.limits
        self.description = describe_service(handler, facts)
        self.start = time.monotonic()

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Compute answers as long as the application runs."""
        limits = self.limits
        self.batcher: Batcher[Any, Answer] = Batcher(
            self.handler.answer, limits.batch_size, limits.waiting
        )
        task = asyncio.create_task(self.batcher.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def predict(self, request: Request) -> Response:
        """Answer the inputs of a request."""
        if request.headers.get("content-type", "").partition(";")[0].strip() != JSON_TYPE:
            return error_response(415, f"the body must be JSON: send content-type: {JSON_TYPE}")
        inputs = self.handler.parse(await request.body())
        size, group = self.handler.size(inputs), self.handler.group(inputs)
        answer = self.batcher.submit(inputs, size, group)
        try:
            return JSONResponse(await asyncio.wait_for(answer, self.limits.seconds))
        except TimeoutError:
            return error_response(503, f"there is no answer within {self.limits.seconds:g} s")

    async def health(self, request: Request) -> Response:
        """Return that the server runs."""
        uptime = round(time.monotonic() - self.start, 3)
        return JSONResponse({"status": "ok", **self.facts, "uptime": uptime})

    async def schema(self, request: Request) -> Response:
        """Return the description of requests and answers."""
        command = curl_command(origin(request), self.description["example"])
        return JSONResponse({**self.description, "curl": command})

    async def example(self, request: Request) -> Response:
        """Return a request that the run answers."""
        return JSONResponse(self.description["example"])

    async def page(self, request: Request) -> Response:
        """Return the page with the form."""
        nonce, example = secrets.token_urlsafe(16), self.description["example"]
        html = render_html(
            "page.html",
            PAGE_FOLDER,
            facts=self.facts,
            form=self.handler.form,
            fields=self.description["input"]["properties"],
            inputs="" if example is None else self.handler.example_text(example),
            name="" if example is None else example.get("name", ""),
            curl=curl_command(origin(request), example),
            limits=self.limits,
            nonce=nonce,
        )
        policy = (
            "default-src 'none'; img-src data:; connect-src 'self'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'; "
            f"script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'"
        )
        return HTMLResponse(html, headers={"content-security-policy": policy})


def origin(request: Request) -> str:
    """Return the address of the server as its client names it."""
    return str(request.base_url).rstrip("/")


def explain_error(request: Request, error: Exception) -> Response:
    """Return an error as JSON."""
    match error:
        case HTTPException():
            paths = "/, /predict, /schema, /example and /health"
            reason = f"there is {paths}" if error.status_code == 404 else error.detail
            return error_response(error.status_code, reason)
        case ConfigError() | DataError():
            return error_response(400, str(error))
        case OverloadError():
            return error_response(503, str(error))
    return error_response(500, INTERNAL_ERROR)


def make_application(handler: Handler, facts: Mapping[str, Any]) -> Starlette:
    """Return the application of a run; see Service."""
    service = Service(handler, facts)
    routes = [
        Route("/", service.page),
        Route("/predict", service.predict, methods=["POST"]),
        Route("/schema", service.schema),
        Route("/example", service.example),
        Route("/health", service.health),
    ]
    errors = (HTTPException, ConfigError, DataError, OverloadError, Exception)
    application = Starlette(
        routes=routes,
        middleware=[Middleware(BodyLimits, limits=handler.limits)],
        exception_handlers=dict.fromkeys(errors, explain_error),
        lifespan=service.lifespan,
    )
    application.state.service = service
    return application
