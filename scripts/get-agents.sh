#!/bin/sh
# The coding agents that tests/agents drives, at pinned versions, into build/agents. Needs npm; says so without.
# Claude Code twice: the newest, and one from before `onFailure`, where the hook's command line alone fails closed.
set -eu
cd "$(dirname "$0")/.."
command -v npm >/dev/null || { echo "flyball: npm is not here, so no coding agents are installed"; exit 0; }
for pin in @anthropic-ai/claude-code@2.1.332 @anthropic-ai/claude-code@2.1.197 @openai/codex@0.171.0; do
  version=${pin##*@}
  name=${pin%@*}
  folder=build/agents/${name##*/}-$version
  [ -e "$folder/.ready" ] && continue
  echo "flyball: installing ${name##*/} $version into $folder"
  mkdir -p "$folder"
  echo '{"private": true}' > "$folder/package.json"
  npm install --prefix "$folder" --silent --no-audit --no-fund "$pin" >/dev/null
  # some npm versions run no install scripts: this one only puts the program of this platform in its place
  if [ -f "$folder/node_modules/$name/install.cjs" ]; then (cd "$folder/node_modules/$name" && node install.cjs >/dev/null); fi
  touch "$folder/.ready"
done
