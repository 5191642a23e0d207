#!/usr/bin/env bash
# Runs the tests of the packages given (./... without) with mutexes that note the
# order in which they are taken: two that a test took in both orders fail the run,
# also if no two goroutines met in between. It knows mutexes alone, no channels, and
# forgets the oldest pairs after a million.
# The mutexes are go-deadlock's (Apache-2.0), put into a copy of the tree.
set -euo pipefail
cd "$(dirname "$0")/../.."

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/main"
git ls-files -co --exclude-standard -z | tar -c --null -T - | tar -x -C "$copy/main"
if [ -d ../shared ]; then ln -s "$(cd ../shared && pwd)" "$copy/shared"; fi
cd "$copy/main"

grep -rlE --include='*.go' '\bsync\.(RW)?Mutex\b' . | while read -r file; do
	sed -i -E 's/\bsync\.(RW)?Mutex\b/deadlock.\1Mutex/g; 0,/^import \($/s//&\n\tdeadlock "github.com\/sasha-s\/go-deadlock"/' "$file"
	grep -qE '\bsync\.[A-Z]' "$file" || sed -i '/^\t"sync"$/d' "$file"
done
go get github.com/sasha-s/go-deadlock@v0.3.9
# It also watches how long somebody waits, with timers that do not fit simulated
# time; a variable of the package turns that off.
cp -r "$(go list -m -f '{{.Dir}}' github.com/sasha-s/go-deadlock)" "$copy/go-deadlock"
chmod -R u+w "$copy/go-deadlock"
sed -i -E 's/^(\s*DeadlockTimeout:\s*)time\..*/\10,/; s/^(\s*MaxMapSize:\s*)1024 \* 64,/\11 << 20,/' "$copy/go-deadlock/deadlock.go"
go mod edit -replace "github.com/sasha-s/go-deadlock=$copy/go-deadlock"
go test -short -vet=off "${@:-./...}"
