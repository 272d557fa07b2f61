-- The tables of the telemetry store. One statement per block; `{db}` is the database.
--
-- `received` names the batch a row came in (milliseconds, strictly increasing): rows are partitioned, expired
-- and made visible by it. `time` is the event time, or the receive time when the sender's clock is absurd, and
-- only sorts and buckets; the sender's own nanoseconds stay in *_unix_nano.

-- How often each signal occurred. `kind` is log or span, `signal` a shape id, `severity` the lowest number of
-- its OpenTelemetry range; a span in error counts as ERROR (17), any other as UNSPECIFIED (0). `bucket` makes
-- span durations a mergeable histogram (flyball.model.histogram); it is 0 for logs.
-- For an hour counts keep the 5-second slot of their event time and the batch that brought them, so that a
-- fact can be recomputed as of any batch; then they are one row a minute, and after 14 days one an hour.
CREATE TABLE IF NOT EXISTS {db}.counts
(
    workspace   LowCardinality(String),
    service     LowCardinality(String),
    environment LowCardinality(String),
    version     LowCardinality(String),
    kind        LowCardinality(String),
    signal      UInt64,
    severity    UInt8,
    bucket      Int16,
    time        DateTime('UTC') CODEC(Delta, ZSTD(1)),
    received    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    count       UInt64 CODEC(ZSTD(1))
)
ENGINE = SummingMergeTree(count)
PARTITION BY toYYYYMM(received)
PRIMARY KEY (workspace, service, environment, version, kind, signal, severity, bucket,
             toStartOfHour(time), toStartOfMinute(time))
ORDER BY (workspace, service, environment, version, kind, signal, severity, bucket,
          toStartOfHour(time), toStartOfMinute(time), time, received)
TTL toDateTime(received) + INTERVAL 1 HOUR
        GROUP BY workspace, service, environment, version, kind, signal, severity, bucket,
                 toStartOfHour(time), toStartOfMinute(time)
        SET time = min(toStartOfMinute(time)), received = max(received), count = sum(count),
    toDateTime(received) + INTERVAL 14 DAY
        GROUP BY workspace, service, environment, version, kind, signal, severity, bucket, toStartOfHour(time)
        SET time = min(toStartOfHour(time)), received = max(received), count = sum(count),
    toDateTime(received) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000;

-- Raw rows: logs, spans, metrics. A batch is a part, and a part under 128 MB one file instead of one a column:
-- half of the insert's 2.3 us of system time a log record went into files that lived for seconds. Merging takes
-- longer than inserting (3-5 us a record each time), hence no fewer than 8 parts at once: 6.2 -> 4.9 us a record
-- over 45 s of 20,000 a second. attribute_types as LowCardinality took 0.5 us more to insert, 1.3 to merge.

-- Log records as they came (after redaction). attributes keep their order; a value that is not a string is
-- text here and has its OTLP type in attribute_types (flyball.model.anyvalue).
CREATE TABLE IF NOT EXISTS {db}.logs
(
    workspace               LowCardinality(String),
    service                 LowCardinality(String),
    environment             LowCardinality(String),
    version                 LowCardinality(String),
    shape                   UInt64,
    severity                UInt8,
    time                    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received                DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin                  UInt64,
    time_unix_nano          UInt64 CODEC(Delta, ZSTD(1)),
    observed_time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    severity_number         UInt8,
    severity_text           LowCardinality(String),
    body                    String CODEC(ZSTD(1)),
    body_type               LowCardinality(String),
    event_name              LowCardinality(String),
    trace_id                FixedString(16) CODEC(ZSTD(1)),
    span_id                 FixedString(8) CODEC(ZSTD(1)),
    flags                   UInt32 CODEC(ZSTD(1)),
    dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    attributes              Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attribute_types         Map(String, String) CODEC(ZSTD(1)),
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = MergeTree
PARTITION BY toStartOfHour(received)
ORDER BY (workspace, service, environment, shape, time)
TTL toDateTime(received) + INTERVAL {raw_hours} HOUR DELETE
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1,
         min_bytes_for_wide_part = 134217728, min_parts_to_merge_at_once = 8;

-- Spans as they came (after redaction). events and links are OTLP/JSON.
CREATE TABLE IF NOT EXISTS {db}.spans
(
    workspace           LowCardinality(String),
    service             LowCardinality(String),
    environment         LowCardinality(String),
    version             LowCardinality(String),
    shape               UInt64,
    severity            UInt8,
    time                DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received            DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin              UInt64,
    start_time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    end_time_unix_nano  UInt64 CODEC(Delta, ZSTD(1)),
    trace_id            FixedString(16) CODEC(ZSTD(1)),
    span_id             FixedString(8) CODEC(ZSTD(1)),
    parent_span_id      String CODEC(ZSTD(1)),
    trace_state         String CODEC(ZSTD(1)),
    name                LowCardinality(String),
    kind                UInt8,
    status_code         UInt8,
    status_message      String CODEC(ZSTD(1)),
    flags               UInt32 CODEC(ZSTD(1)),
    dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    attributes          Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attribute_types     Map(String, String) CODEC(ZSTD(1)),
    events              String CODEC(ZSTD(1)),
    links               String CODEC(ZSTD(1)),
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = MergeTree
PARTITION BY toStartOfHour(received)
ORDER BY (workspace, service, environment, shape, time)
TTL toDateTime(received) + INTERVAL {raw_hours} HOUR DELETE
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1,
         min_bytes_for_wide_part = 134217728, min_parts_to_merge_at_once = 8;

-- Metric data points. `metric` is the metric without its points and `point` the data point, both OTLP/JSON;
-- `value` is the number of a gauge or sum (a histogram's sum) for charts.
CREATE TABLE IF NOT EXISTS {db}.metrics
(
    workspace           LowCardinality(String),
    service             LowCardinality(String),
    environment         LowCardinality(String),
    version             LowCardinality(String),
    time                DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received            DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    origin              UInt64,
    name                LowCardinality(String),
    metric              LowCardinality(String),
    point               String CODEC(ZSTD(1)),
    value               Float64 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toStartOfHour(received)
ORDER BY (workspace, service, environment, name, time)
TTL toDateTime(received) + INTERVAL {raw_hours} HOUR DELETE
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1,
         min_bytes_for_wide_part = 134217728, min_parts_to_merge_at_once = 8;

-- Who sent a row: resource and scope as OTLP/JSON, once a batch in which they occur.
CREATE TABLE IF NOT EXISTS {db}.origins
(
    origin      UInt64,
    hour        DateTime('UTC'),
    received    DateTime64(3, 'UTC'),
    resource    String CODEC(ZSTD(1)),
    scope       String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(received)
ORDER BY (origin, hour)
TTL toDateTime(received) + INTERVAL {raw_hours} HOUR + INTERVAL 2 HOUR DELETE
SETTINGS non_replicated_deduplication_window = 1000;

-- A few records of each signal and hour, kept when the raw rows have expired. `text` is the log body or the
-- span name.
CREATE TABLE IF NOT EXISTS {db}.exemplars
(
    workspace   LowCardinality(String),
    service     LowCardinality(String),
    environment LowCardinality(String),
    version     LowCardinality(String),
    kind        LowCardinality(String),
    signal      UInt64,
    severity    UInt8,
    time        DateTime64(3, 'UTC'),
    received    DateTime64(3, 'UTC'),
    text        String CODEC(ZSTD(1)),
    trace_id    FixedString(16),
    span_id     FixedString(8)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received)
ORDER BY (workspace, service, environment, kind, signal, time)
TTL toDateTime(received) + INTERVAL 14 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000;

-- One row a batch, written last: the batch is committed and readers see it.
CREATE TABLE IF NOT EXISTS {db}.batches
(
    received DateTime64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received)
ORDER BY received
TTL toDateTime(received) + INTERVAL 14 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000;
