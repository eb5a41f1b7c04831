"""What LocalStack finds: `LAMBDA_RUNTIME_EXECUTOR=process` chooses it."""

from typing import Any

from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """The plugin `process`."""

    name = "process"

    def load(self, *_args: Any, **_kwargs: Any) -> type[RuntimeExecutor]:
        """The executor, imported no sooner than LocalStack needs it."""
        from process_executor.executor import ProcessExecutor

        return ProcessExecutor
