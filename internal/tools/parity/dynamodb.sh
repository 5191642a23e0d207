#!/usr/bin/env bash
# Compares the local DynamoDB with another implementation: dynalite (needs Node)
# or dynoxide (needs Rust and a C compiler). It is installed into build/parity
# once and runs on a free port of this machine only.
set -euo pipefail
cd "$(dirname "$0")/../../.."
partner=${1:-}
out=build/parity/$partner
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

port=$((20000 + RANDOM % 20000))
while answers; do port=$((port + 1)); done

case $partner in
dynalite)
	version=4.0.0
	install=(npm install --prefix "$out/$version" --silent --no-audit --no-fund --no-package-lock --ignore-scripts "dynalite@$version")
	start=("$out/$version/node_modules/.bin/dynalite" --host 127.0.0.1 --port "$port" --createTableMs 0 --deleteTableMs 0)
	;;
dynoxide)
	version=3.2.0
	install=(cargo install --quiet --locked --root "$out/$version" "dynoxide-rs@$version")
	start=("$out/$version/bin/dynoxide" --host 127.0.0.1 --port "$port" --log quiet)
	;;
*)
	echo "usage: $0 dynalite|dynoxide" >&2
	exit 2
	;;
esac

if [ ! -x "${start[0]}" ]; then
	echo "installing $partner $version"
	mkdir -p "$out/$version"
	"${install[@]}"
fi

"${start[@]}" >"$out/log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
for _ in $(seq 600); do
	if answers; then break; fi
	if ! kill -0 "$server" 2>/dev/null; then break; fi
	sleep 0.1
done
if ! answers || ! kill -0 "$server" 2>/dev/null; then
	echo "$partner does not start; it said:" >&2
	cat "$out/log" >&2
	exit 1
fi
go run ./internal/localaws/parity/compare "$partner" dynamodb "http://127.0.0.1:$port"
