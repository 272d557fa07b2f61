"""Pure statistics over two cohorts: what differs between them, and is it real?

`special` (functions), `cohort` (sides of a comparison), `dispersion` (how bursty), `season` and `traffic` (what was to
be expected), then one module a question: `rates`, `novelty`, `proportions`, `latency`, `silence`; `fdr` for many tests
and many looks; `verdict` for repairs. The reasons are in docs/decisions/0005-what-differs-and-is-it-real.md and
0009-what-is-usual.md.
"""
