"""OpenTelemetry for one service: logs through the logging bridge, traces, metrics, all over OTLP/HTTP.

Everything is the SDK's own and is configured as any service would be, by the standard `OTEL_*` environment
variables (run.py sets them): endpoint, service name, resource attributes, export intervals.
"""

from __future__ import annotations

import logging

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


class Telemetry:
    """The three providers of this process; `shutdown` sends what is still buffered."""

    def __init__(self) -> None:
        resource = Resource.create()
        self._traces = TracerProvider(resource=resource)
        self._traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(self._traces)
        self._metrics = MeterProvider(
            resource=resource, metric_readers=[PeriodicExportingMetricReader(OTLPMetricExporter())]
        )
        metrics.set_meter_provider(self._metrics)
        self._logs = LoggerProvider(resource=resource)
        self._logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
        shop = logging.getLogger("shop")
        shop.setLevel(logging.INFO)
        shop.addHandler(LoggingHandler(logger_provider=self._logs))
        shop.propagate = False

    def shutdown(self) -> None:
        """Export what is buffered and stop."""
        self._traces.shutdown()
        self._metrics.shutdown()
        self._logs.shutdown()
