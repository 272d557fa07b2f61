-- What agents did: a narrow row for each step of a run, normalised from whatever library told of it (flyball.enrich.runs).
-- A row goes in with the batch that brought its span or event, under the batch's name, and is known again like the rest
-- of it. `part` marks a row that completes another step of its run: what Claude Code tells of a call beside its span.
-- Money is whole billionths of a US dollar, so that sums are exact; NULL is a price that nobody knows, never 0.
CREATE TABLE IF NOT EXISTS {db}.agent_steps
(
    workspace      LowCardinality(String),
    run_id         FixedString(16) CODEC(ZSTD(1)),
    span_id        FixedString(8) CODEC(ZSTD(1)),
    parent_id      FixedString(8) CODEC(ZSTD(1)),
    received       DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    part           Bool,
    kind           LowCardinality(String),
    name           LowCardinality(String),
    service        LowCardinality(String),
    environment    LowCardinality(String),
    version        LowCardinality(String),
    agent          LowCardinality(String),
    conversation   String CODEC(ZSTD(1)),
    user           LowCardinality(String),
    begin_ns       UInt64 CODEC(Delta, ZSTD(1)),
    end_ns         UInt64 CODEC(Delta, ZSTD(1)),
    error          LowCardinality(String),
    message        String CODEC(ZSTD(1)),
    provider       LowCardinality(String),
    model          LowCardinality(String),
    answered_by    LowCardinality(String),
    input          Nullable(UInt64) CODEC(ZSTD(1)),
    output         Nullable(UInt64) CODEC(ZSTD(1)),
    cache_read     Nullable(UInt64) CODEC(ZSTD(1)),
    cache_write    Nullable(UInt64) CODEC(ZSTD(1)),
    reasoning      Nullable(UInt64) CODEC(ZSTD(1)),
    cost_nusd      Nullable(UInt64) CODEC(ZSTD(1)),
    first_chunk_ms Nullable(Float64) CODEC(ZSTD(1)),
    finish         LowCardinality(String),
    tool           LowCardinality(String),
    tool_call_id   String CODEC(ZSTD(1)),
    digest         String CODEC(ZSTD(1)),
    arguments      String CODEC(ZSTD(1)),
    result         String CODEC(ZSTD(1)),
    said           String CODEC(ZSTD(1)),
    config         LowCardinality(String),
    commit         LowCardinality(String),
    branch         LowCardinality(String),
    dirty          Nullable(Bool) CODEC(ZSTD(1)),
    decided        String CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toStartOfHour(received)
ORDER BY (workspace, run_id, begin_ns, span_id)
TTL toDateTime(received) + INTERVAL 14 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1,
         min_bytes_for_wide_part = 134217728, min_parts_to_merge_at_once = 8;

-- What each run came to: a row for each run, source, agent, user and model of a batch, summed by questions. For an hour
-- rows keep the batch that brought them, as `counts` do, then they are one a run, agent, user and model. `told` is what the sender
-- itself said its calls cost where the same calls are also spans: a run that has it is worth that.
CREATE TABLE IF NOT EXISTS {db}.agent_runs
(
    workspace    LowCardinality(String),
    time         DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    run_id       FixedString(16) CODEC(ZSTD(1)),
    service      LowCardinality(String),
    environment  LowCardinality(String),
    version      LowCardinality(String),
    agent        LowCardinality(String),
    user         LowCardinality(String),
    model        LowCardinality(String),
    conversation String CODEC(ZSTD(1)),
    name         LowCardinality(String),
    config       LowCardinality(String),
    received     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    begin_ns     UInt64 CODEC(Delta, ZSTD(1)),
    end_ns       UInt64 CODEC(Delta, ZSTD(1)),
    steps        UInt32 CODEC(ZSTD(1)),
    model_calls  UInt32 CODEC(ZSTD(1)),
    tool_calls   UInt32 CODEC(ZSTD(1)),
    errors       UInt32 CODEC(ZSTD(1)),
    input        UInt64 CODEC(ZSTD(1)),
    output       UInt64 CODEC(ZSTD(1)),
    cost_nusd    UInt64 CODEC(ZSTD(1)),
    priced       UInt32 CODEC(ZSTD(1)),
    told_nusd    UInt64 CODEC(ZSTD(1)),
    told         UInt32 CODEC(ZSTD(1)),
    INDEX by_run run_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received)
PRIMARY KEY (workspace, toStartOfHour(time), run_id, service, environment, version, agent, user, model)
ORDER BY (workspace, toStartOfHour(time), run_id, service, environment, version, agent, user, model, received)
TTL toDateTime(received) + INTERVAL 1 HOUR
        GROUP BY workspace, toStartOfHour(time), run_id, service, environment, version, agent, user, model
        SET time = min(time), conversation = max(conversation), name = max(name), config = max(config),
            received = max(received), begin_ns = min(begin_ns), end_ns = max(end_ns), steps = sum(steps),
            model_calls = sum(model_calls), tool_calls = sum(tool_calls), errors = sum(errors), input = sum(input),
            output = sum(output), cost_nusd = sum(cost_nusd), priced = sum(priced), told_nusd = sum(told_nusd),
            told = sum(told),
    toDateTime(received) + INTERVAL 400 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000;

-- Decisions of one run are looked for by when it ran; their numbers rise with time.
ALTER TABLE {db}.guard_decisions ADD INDEX IF NOT EXISTS by_time time TYPE minmax GRANULARITY 1;
