#!/usr/bin/env bash
# Compares the local stack with moto: moto.sh [SERVICE,...]. Needs Python 3;
# everything that is installed goes into build/parity/moto.
set -euo pipefail
cd "$(dirname "$0")/../../.."
services=${1:-sqs,secretsmanager,s3}
want='moto[server]==5.2.1'
out=build/parity/moto

if [ "$(cat "$out/installed" 2>/dev/null)" != "$want" ]; then
	rm -rf "$out"
	python3 -m venv "$out"
	"$out/bin/pip" install --quiet --disable-pip-version-check "$want"
	echo "$want" >"$out/installed"
fi
mkdir -p build/parity
go build -o build/parity/compare ./internal/localaws/parity/compare

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$out/bin/moto_server" -H 127.0.0.1 -p "$port" >"$out/log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
for ((i = 0; ; i++)); do
	if (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
	if ! kill -0 "$server" 2>/dev/null || [ "$i" -ge 150 ]; then
		echo "moto.sh: moto_server does not answer on port $port; its log:" >&2
		tail -n 20 "$out/log" >&2
		exit 1
	fi
	sleep 0.2
done
build/parity/compare moto "$services" "http://127.0.0.1:$port"
