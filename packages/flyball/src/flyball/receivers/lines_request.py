"""Lines of a file or of standard input as an OTLP logs request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flyball_sdk import semconv
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest


def lines_request(
    texts: Sequence[str], *, observed_ns: int, service: str, environment: str, attributes: Mapping[str, str]
) -> bytes:
    """One export request, serialised: a log record per text, observed now, its own time unknown."""
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    identity = {semconv.SERVICE_NAME: service, semconv.DEPLOYMENT_ENVIRONMENT_NAME: environment, **attributes}
    for key, value in identity.items():
        if value:
            attribute = resource_logs.resource.attributes.add()
            attribute.key = key
            attribute.value.string_value = value
    scope = resource_logs.scope_logs.add()
    for text in texts:
        record = scope.log_records.add()
        record.observed_time_unix_nano = observed_ns
        record.body.string_value = text
    return request.SerializeToString()
