"""Limits of size and time of a request, before the application sees it."""

import asyncio
import json
from typing import Any

import h11
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from rnnlab.serving.limits import ServerLimits

MAX_DISCARD = 100_000_000  # bytes of a body that is too large
ENDINGS = 3  # a connection may take this number of time limits: to receive, to answer, to send


def error_response(status: int, reason: str) -> JSONResponse:
    """Return an error as JSON; after one of the transfer, the connection ends."""
    headers = {"connection": "close"} if status in (408, 413) else {}
    return JSONResponse({"error": reason}, status, headers)


class BodyLimits:
    """Application that receives the whole body of a request, within the limits.

    Args:
        app: receives the body in one message.
        limits: of the server.
    """

    def __init__(self, app: ASGIApp, limits: ServerLimits) -> None:
        self.app, self.limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            body = await asyncio.wait_for(self.read(receive), self.limits.seconds)
        except TimeoutError:
            reason = f"the request has not arrived within {self.limits.seconds:g} s"
            await error_response(408, reason)(scope, receive, send)
        except OverflowError:
            reason = f"the body is larger than {self.limits.megabytes:g} MB"
            await error_response(413, f"{reason}; divide the inputs")(scope, receive, send)
        except ConnectionResetError:
            return
        else:
            await self.app(scope, replay(body, receive), send)

    async def read(self, receive: Receive) -> bytes:
        """Return the body. What is too much is received too: only then does a client read why.

        Raises:
            OverflowError: it is too large.
            ConnectionResetError: the client has gone.
        """
        body, size, more = bytearray(), 0, True
        while more and size <= MAX_DISCARD:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError
            chunk, more = message.get("body", b""), message.get("more_body", False)
            size += len(chunk)
            if size <= self.limits.num_bytes:
                body += chunk
        if size > self.limits.num_bytes:
            raise OverflowError
        return bytes(body)


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a channel that has the body in one message, and then what `receive` has."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message


class TimedProtocol(H11Protocol):
    """HTTP connection that a slow client cannot keep open.

    The head of a request must arrive within the time limit, and the whole exchange must end within
    three. Invalid HTTP is answered with JSON. See ServerConfig in rnnlab.serving.server.
    """

    def connection_made(self, transport: Any) -> None:
        """Begin the time of the first request."""
        super().connection_made(transport)
        self.seconds: float = getattr(self.config, "seconds")  # noqa: B009, of a ServerConfig
        self.has_data = False
        self.start_timers()

    def data_received(self, data: bytes) -> None:
        """Take bytes of the client."""
        self.has_data = True
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Begin the time of the next request."""
        super().on_response_complete()
        self.has_data = False
        self.start_timers()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the time."""
        self.stop_timers()
        super().connection_lost(exc)

    def start_timers(self) -> None:
        """Begin the time of a request."""
        self.stop_timers()
        self.timers = [
            self.loop.call_later(self.seconds, self.check_head),
            self.loop.call_later(ENDINGS * self.seconds, self.transport.abort),
        ]

    def stop_timers(self) -> None:
        """End the time of a request."""
        for timer in getattr(self, "timers", []):
            timer.cancel()

    def check_head(self) -> None:
        """Close the connection if there is no request yet."""
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            return
        if self.has_data:
            self.send_error(408, f"the request has not arrived within {self.seconds:g} s")
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.send_error(400, msg)
        self.transport.close()

    def send_error(self, status: int, reason: str) -> None:
        """Write an error as JSON."""
        body = json.dumps({"error": reason}).encode()
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        response = h11.Response(status_code=status, headers=headers)
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
