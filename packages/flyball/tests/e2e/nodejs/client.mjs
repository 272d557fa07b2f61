// Sends logs, traces and metrics with values that are easily lost: `node client.mjs ENDPOINT SERVICE`.
// The body of each request is JSON (OTLP/HTTP), as the Node SDK's -http exporters send it.
import { SeverityNumber, SpanKind, SpanStatusCode, TraceFlags, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { AggregationType, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

const [endpoint, service] = process.argv.slice(2);
const resource = resourceFromAttributes({
  "service.name": service,
  "service.version": "7.1",
  "deployment.environment.name": "e2e",
  "process.command_args": ["node", "client.mjs"],
  "host.cpus": 2 ** 60, // JavaScript writes it as 1152921504606847000
});
const values = {
  bytes: new Uint8Array([0, 1, 127, 128, 255]),
  array: ["one", 2, 2.5, true, [new Uint8Array([7])], { deep: [{}] }],
  map: { inner: { "a.b": [1, "two"], empty: "" }, none: null },
  big: 2 ** 60,
  negative: -42,
  double: 0.1,
  yes: true,
  text: "größer als 漢字 \u0000 \"quoted\"\n",
};
const secret = "correct-horse-battery";
const time = (nanos) => [Math.floor(Date.now() / 1000) - 2, nanos];

const tracerProvider = new TracerProvider({
  resource,
  spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${endpoint}/v1/traces` }) })],
});
const tracer = tracerProvider.getTracer("shop.pay", "1.2.3");
const parent = tracer.startSpan("POST /orders", { kind: SpanKind.SERVER, startTime: time(1), attributes: { ...values, "db.password": secret } });
const within = trace.setSpan(ROOT_CONTEXT, parent);
const child = tracer.startSpan(
  "charge",
  { kind: SpanKind.CLIENT, startTime: time(123_456_789), links: [{ context: parent.spanContext(), attributes: { why: "retry" } }] },
  within,
);
child.addEvent("exception", { "exception.type": "TimeoutError", attempt: 2 }, time(200_000_001));
child.setStatus({ code: SpanStatusCode.ERROR, message: "the bank did not answer" });
child.end(time(987_654_321));
parent.end(time(999_999_999));

const loggerProvider = new LoggerProvider({
  resource,
  processors: [new SimpleLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${endpoint}/v1/logs` }) })],
});
const logger = loggerProvider.getLogger("shop.log", "4.5.6");
logger.emit({
  timestamp: time(123_456_789), observedTimestamp: time(123_456_790), severityNumber: SeverityNumber.WARN3,
  severityText: "Notice", body: "the bank took 412 ms", attributes: values, context: within,
});
logger.emit({
  timestamp: time(7), severityText: "Secret", body: `user 7 signs in with password=${secret} from 10.0.0.7`,
  attributes: { "db.password": secret },
});
logger.emit({ timestamp: time(5), severityNumber: SeverityNumber.FATAL4, body: { message: "all gone", values }, eventName: "shop.gone" });

const reader = new PeriodicExportingMetricReader({
  exporter: new OTLPMetricExporter({ url: `${endpoint}/v1/metrics` }), exportIntervalMillis: 60_000,
});
const meterProvider = new MeterProvider({
  resource,
  readers: [reader],
  views: [{ instrumentName: "shop.wait", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
});
const meter = meterProvider.getMeter("shop.meter", "1");
meter.createCounter("shop.orders", { unit: "{order}", description: "Orders placed." }).add(2 ** 53 - 1, { currency: "EUR" });
meter.createUpDownCounter("shop.stock").add(-7, { sku: "sku-100" });
meter.createGauge("shop.temperature", { unit: "Cel" }).record(21.5, { room: 4 });
for (const seconds of [0.004, 0.3, 1.25]) {
  meter.createHistogram("shop.duration", { unit: "s" }).record(seconds, { route: "/orders" });
  meter.createHistogram("shop.wait", { unit: "s" }).record(seconds);
}
if (parent.spanContext().traceFlags !== TraceFlags.SAMPLED) throw new Error("the span is not sampled");

await Promise.all([tracerProvider, loggerProvider, meterProvider].map((provider) => provider.shutdown()));
