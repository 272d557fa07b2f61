-- What the guard at the tool call answered: a copy of the rows `decision` of its log (flyball.guard.log), which alone is
-- the proof. `n` is the row's number there: a batch that is inserted again replaces itself. call and effects are JSON,
-- without secrets.
CREATE TABLE IF NOT EXISTS {db}.guard_decisions
(
    workspace    LowCardinality(String),
    n            UInt64 CODEC(Delta, ZSTD(1)),
    time         DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    decision_id  String CODEC(ZSTD(1)),
    session      String CODEC(ZSTD(1)),
    agent        LowCardinality(String),
    user         LowCardinality(String),
    environment  LowCardinality(String),
    client       LowCardinality(String),
    tool         LowCardinality(String),
    action       LowCardinality(String),
    would        LowCardinality(String),
    mode         LowCardinality(String),
    status       LowCardinality(String),
    severity     LowCardinality(String),
    reason       String CODEC(ZSTD(1)),
    rules        Array(LowCardinality(String)),
    acts         Array(LowCardinality(String)),
    call         String CODEC(ZSTD(1)),
    effects      String CODEC(ZSTD(1)),
    mac          String CODEC(ZSTD(1)),
    policies     LowCardinality(String),
    approval     String CODEC(ZSTD(1)),
    canary       Bool,
    ms           Float64,
    trace_id     String CODEC(ZSTD(1)),
    span_id      String CODEC(ZSTD(1)),
    tool_call_id String CODEC(ZSTD(1)),
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (workspace, n)
TTL toDateTime(time) + INTERVAL 400 DAY DELETE;
