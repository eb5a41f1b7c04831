"""An execution environment of LocalStack's: one process at a time, started anew after a crash or a time-out."""

import json
import os
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path

from localstack.aws.api.lambda_ import PackageType
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from process_executor.process import Process, TimedOutError
from process_executor.runtime_api import Answered, Event, Exited, Message, Ready

# A variable of LocalStack's with this prefix is, without it, one of every function's.
_PREFIX = "PROCESS_EXECUTOR_ENV_"
# As long as AWS gives a process to initialise, in seconds.
_INIT_WITHIN = 10.0
# What a process prints after its answer is in its log if it asks for the next event in this time, in seconds.
_SETTLES_WITHIN = 0.1


@dataclass(frozen=True)
class _Outcome:
    payload: bytes
    is_error: bool

    @classmethod
    def failed(cls, kind: str, event: Event, text: str) -> "_Outcome":
        error = {"errorType": kind, "errorMessage": f"RequestId: {event.request_id} Error: {text}"}
        return cls(json.dumps(error).encode(), is_error=True)


class ProcessExecutor(RuntimeExecutor):
    """Runs `bootstrap` of a `provided` function as a process of this machine, with no more isolation than that."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002
        super().__init__(id=id, function_version=function_version)
        self._environment: dict[str, str] = {}
        self._process: Process | None = None

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpacks the code."""
        config = function_version.config
        if (
            not config.code
            or config.package_type != PackageType.Zip
            or not (config.runtime or "").startswith("provided")
        ):
            message = f"the process executor runs zips with a bootstrap only, not {config.runtime or 'images'}"
            raise ValueError(message)
        config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Nothing: LocalStack removes the code."""

    def start(self, env_vars: dict[str, str]) -> None:
        """Starts nothing yet: then what goes wrong in a start reaches the caller and the log, as in any later one."""
        self._environment = _environment(self.function_version, self._code(), env_vars)

    def stop(self) -> None:
        """Ends the process, in the middle of an invocation if need be."""
        if self._process:
            self._process.stop()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """One invocation, from START to REPORT."""
        timeout = float(self.function_version.config.timeout)
        event = Event(
            request_id=payload["invoke-id"],
            function_arn=payload["invoked-function-arn"],
            trace_id=payload["trace-id"],
            payload=payload["payload"].encode(),
            deadline_ms=int((time.time() + timeout) * 1000),
        )
        began = time.monotonic()
        outcome, printed = self._run(event, timeout)
        took = (time.monotonic() - began) * 1000
        logs = (
            f"START RequestId: {event.request_id} Version: {self.function_version.id.qualifier}\n{printed}"
            f"END RequestId: {event.request_id}\nREPORT RequestId: {event.request_id}\tDuration: {took:.2f} ms\n"
        )
        return InvocationResult(event.request_id, outcome.payload, is_error=outcome.is_error, logs=logs)

    def _run(self, event: Event, timeout: float) -> tuple[_Outcome, str]:
        try:
            process = self._living()
        except OSError as error:
            return _Outcome.failed("Runtime.InvalidEntrypoint", event, str(error)), f"{error}\n"
        limit, doing = _INIT_WITHIN, "Init"
        said = ""
        try:
            message = process.until_ready(limit)
            if isinstance(message, Ready):
                limit, doing = timeout, "Task"
                message = process.handle(event, limit)
            outcome = _outcome(message, event)
        except TimedOutError:
            message = None
            outcome = _Outcome.failed("Sandbox.Timedout", event, f"{doing} timed out after {limit:.2f} seconds")
        if process.is_stopped:
            raise CancelledError
        if not isinstance(message, Answered):
            process.stop()
            # It could not say it itself.
            said = f"{json.loads(outcome.payload)['errorMessage']}\n"
        elif not process.settles(_SETTLES_WITHIN):
            process.stop()
        return outcome, _lines(process.printed()) + said

    def _living(self) -> Process:
        if self._process is None or not self._process.is_alive:
            if self._process:
                self._process.stop()
            self._process = Process(self._code() / "bootstrap", self._environment)
        return self._process

    def _code(self) -> Path:
        return self.function_version.config.code.get_unzipped_code_location()

    def get_logs(self) -> str:
        """Nothing more: an invocation's log is in its result."""
        return ""

    def get_address(self) -> str:
        """Where a function is, seen from LocalStack."""
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        """Where LocalStack is, seen from a function: it makes `AWS_ENDPOINT_URL` of it."""
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        """Of LocalStack's own protocol with its containers, which is not spoken here."""
        return ""


def _outcome(message: Message, event: Event) -> _Outcome:
    match message:
        case Answered(payload, is_error):
            return _Outcome(payload, is_error)
        case Exited(0):
            return _Outcome.failed("Runtime.ExitError", event, "Runtime exited without providing a reason")
        case Exited(status):
            how = f"exit status {status}" if status > 0 else f"signal: {-status}"
            return _Outcome.failed("Runtime.ExitError", event, f"Runtime exited with error: {how}")
        case Ready():
            return _Outcome.failed("Runtime.NoAnswer", event, "Runtime asked for another event instead of answering")


def _environment(version: FunctionVersion, code: Path, injected: dict[str, str]) -> dict[str, str]:
    """LocalStack's, corrected for a process outside a container; the function's own configuration wins."""
    local = {
        # LocalStack's `:UTC` is a file's name to some.
        "TZ": "UTC",
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("TMPDIR", "/tmp"),  # noqa: S108
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),  # noqa: S108
        "LAMBDA_TASK_ROOT": str(code),
    }
    given = {name.removeprefix(_PREFIX): value for name, value in os.environ.items() if name.startswith(_PREFIX)}
    merged = {**injected, **local, **given, **(version.config.environment or {})}
    return {name: str(value) for name, value in merged.items()}


def _lines(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
