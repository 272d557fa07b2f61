#!/bin/sh
# Write requirements.lock anew: every version pinned with its hashes, no host named (docs/decisions/0001).
set -eu
.uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-annotate --no-header --no-emit-package flyball-sdk \
    --extra demo --extra model --group dev packages/flyball/pyproject.toml packages/flyball-sdk/pyproject.toml -o requirements.lock
