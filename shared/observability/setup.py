"""Configures OpenTelemetry and structlog for a process. The composition root calls it once."""

import logging
import os
import sys
from typing import Any

import structlog
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

# The values of log fields with these words in their names are hidden.
SECRET_WORDS = ("password", "secret", "token", "authorization", "api_key", "pepper", "dsn", "database_url")
HIDDEN = "[hidden]"
# The default buckets begin at 5, which is useless for histograms of seconds.
SECONDS_BUCKETS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
    60,
    120,
    300,
    600,
)
SECONDS = View(
    instrument_type=Histogram,
    instrument_name="dinsight_*",
    instrument_unit="s",
    aggregation=ExplicitBucketHistogramAggregation(SECONDS_BUCKETS),
)


def set_up(service: str, *, log_level: str, log_format: str) -> None:
    """Configure logs, traces (exported if OTEL_EXPORTER_OTLP_ENDPOINT is set) and Prometheus metrics."""
    resource = Resource.create({"service.name": f"dinsight-{service}", "service.namespace": "dinsight"})
    tracer_provider = TracerProvider(resource=resource)
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        tracer_provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(tracer_provider)
    metrics.set_meter_provider(
        MeterProvider(resource=resource, metric_readers=[PrometheusMetricReader()], views=[SECONDS])
    )
    set_up_logs(service, log_level, log_format)


def set_up_logs(service: str, level: str, log_format: str) -> None:
    """Configure logs only: one line per event on standard error, with trace ids and without secrets."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        _hide_secrets,
        structlog.processors.format_exc_info,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                lambda _, __, event: {"service": service, **event},
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # The broker clients log every reconnect; our own log lines say what matters.
    for noisy in ("aiokafka", "faststream", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    # At lower levels they write addresses that are secrets, such as those of webhooks of a chat service.
    for telling in ("apprise", "urllib3"):
        logging.getLogger(telling).setLevel(logging.WARNING)


def _add_trace(_logger: Any, _method: str, event: Any) -> Any:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def _hide_secrets(_logger: Any, _method: str, event: Any) -> Any:
    for name in event:
        if any(word in name.lower() for word in SECRET_WORDS):
            event[name] = HIDDEN
    return event
