"""The Lambda Runtime API, for one process, on a loopback port of its own."""

import json
import queue
import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from werkzeug.serving import DechunkedInput

_ROOT = "/2018-06-01/runtime"


@dataclass(frozen=True)
class Event:
    """What the process is asked to do; the deadline is in milliseconds since 1970."""

    request_id: str
    function_arn: str
    trace_id: str
    payload: bytes
    deadline_ms: int


@dataclass(frozen=True)
class Ready:
    """The process has asked for its next event."""


@dataclass(frozen=True)
class Answered:
    """The process has answered an event, or said why it can't take any."""

    payload: bytes
    is_error: bool


@dataclass(frozen=True)
class Exited:
    """The process has ended; the status is as `subprocess` gives it."""

    status: int


Message = Ready | Answered | Exited


class RuntimeApi:
    """Hands events to the process, and what it says of them to `messages`."""

    def __init__(self, messages: "queue.SimpleQueue[Message]") -> None:
        """Listens; closed by `close`."""
        self._messages = messages
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._pending: str | None = None
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """For `AWS_LAMBDA_RUNTIME_API`."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def offer(self, event: Event) -> None:
        """The process's next event."""
        self._pending = event.request_id
        self._events.put(event)

    def close(self) -> None:
        """Lets go of the port, without waiting for it."""
        self._events.put(None)

        def close() -> None:
            self._server.shutdown()
            self._server.server_close()

        threading.Thread(target=close, daemon=True).start()

    def next(self) -> Event | None:
        """Waits for an event; `None` once closed."""
        self._messages.put(Ready())
        return self._events.get()

    def answered(self, request_id: str, payload: bytes, *, is_error: bool) -> bool:
        """Whether this was the answer to the pending event."""
        if request_id != self._pending:
            return False
        self._pending = None
        self._messages.put(Answered(payload, is_error))
        return True

    def init_failed(self, payload: bytes) -> None:
        """The process gives up."""
        self._messages.put(Answered(payload, is_error=True))


class _Server(ThreadingHTTPServer):
    def __init__(self, api: RuntimeApi) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # Head and body are written apart, and the process's kernel would acknowledge the head 40 ms late.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path != f"{_ROOT}/invocation/next":
            return self._refuse(HTTPStatus.NOT_FOUND, "NotFound")
        event = self.server.api.next()
        if event is None:
            self.close_connection = True
            return None
        headers = {
            "Lambda-Runtime-Aws-Request-Id": event.request_id,
            "Lambda-Runtime-Deadline-Ms": str(event.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": event.function_arn,
            "Lambda-Runtime-Trace-Id": event.trace_id,
        }
        return self._answer(HTTPStatus.OK, event.payload, headers)

    def do_POST(self) -> None:
        payload = self._body()
        match self.path.removeprefix(_ROOT).split("/"):
            case ["", "init", "error"]:
                self.server.api.init_failed(payload)
            case ["", "invocation", request_id, "response" | "error" as kind]:
                if not self.server.api.answered(request_id, payload, is_error=kind == "error"):
                    return self._refuse(HTTPStatus.BAD_REQUEST, "InvalidRequestID")
            case _:
                return self._refuse(HTTPStatus.NOT_FOUND, "NotFound")
        return self._answer(HTTPStatus.ACCEPTED, b'{"status":"OK"}', {})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return DechunkedInput(self.rfile).read()
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _refuse(self, status: HTTPStatus, kind: str) -> None:
        self._answer(status, json.dumps({"errorType": kind, "errorMessage": self.path}).encode(), {})

    def _answer(self, status: HTTPStatus, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Nothing: LocalStack's log is about AWS."""
