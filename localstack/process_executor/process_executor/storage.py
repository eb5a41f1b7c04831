"""An S3 with a folder of its own: `PROVIDER_OVERRIDE_S3=apart` chooses it.

LocalStack's default keeps objects in one folder of the machine, which the first of several LocalStacks to end removes.
"""

from localstack.services.plugins import Service, aws_provider


@aws_provider(api="s3", name="apart")
def s3() -> Service:
    """LocalStack's own S3, which keeps its objects under `TMPDIR`."""
    from localstack.services.s3.provider import S3Provider
    from localstack.services.s3.storage.ephemeral import EphemeralS3ObjectStore

    return Service.for_provider(S3Provider(EphemeralS3ObjectStore()))
