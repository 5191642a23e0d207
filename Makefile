# Sluice. `make` alone prints what there is; `make ci` is what continuous
# integration runs. Everything needs only Go and make, but: `race` (a C compiler),
# `lint` (builds the linter), `validate`, `parity` and `test-awscli` (npm, Python,
# curl, Rust; each says what it misses), `lock-order` (sed and tar of GNU) and
# `deploy` (the SAM CLI).

FUNCTIONS := $(patsubst functions/%/,%,$(wildcard functions/*/))
STAGE     ?= dev
FUZZTIME  ?= 10s

# One set of flags for every Lambda binary, however it is built. lambda.norpc
# leaves out the RPC server of the go1.x runtime and grpcnotrace gRPC's trace
# page: both bring in templates, which call methods by name, so that the linker
# keeps every method of every type. Together they are 40 % of the file.
# nethttpomithttp2 leaves out a second HTTP/2 beside gRPC's: AWS and the providers
# are called over kept connections of HTTP/1.1. Without the version control's
# stamp the same source gives the same zip.
LAMBDA_BUILD := CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -buildvcs=false -trimpath -tags lambda.norpc,grpcnotrace,nethttpomithttp2 -ldflags "-s -w"
ZIP_LIMIT    := 6291456

# Packages in which goroutines share memory. The others are pure or have one
# goroutine, and the race detector makes tests five to ten times slower. That is
# also why internal/practice is not here: its campaigns take longer than all of
# these together. `make race RACE=./...` runs everything.
RACE ?= ./internal/breaker ./internal/localaws/... ./internal/pipeline/... ./internal/provider/... ./internal/ratelimit ./internal/sandbox/... \
	./internal/store ./internal/task

# Packages in which somebody takes a second lock while he holds one, or might.
LOCKS ?= $(addprefix ./internal/,breaker budget localaws localaws/dynamodb localaws/kms localaws/lambda localaws/s3 localaws/scheduler \
	localaws/secretsmanager localaws/sqs localaws/stepfunctions provider/transport ratelimit sandbox sandbox/... store task)

# Developer tools have a module of their own, so that their dependencies stay
# out of the product's.
TOOL := go tool -modfile=internal/tools/go.mod

.DEFAULT_GOAL := help
.PHONY: help build test demo race lock-order cover fuzz bench bench-million bench-gate sim spend sim-mutations test-binaries parity parity-quick test-awscli lint fmt fmt-check vet vuln generate generate-check tidy-check \
	validate build-functions deploy hooks ci

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: ## build the sluice command into bin/
	go build -o bin/sluice ./cmd/sluice

test: ## run all tests; needs nothing but Go
	go test -timeout 15m ./...

demo: ## run one campaign on this machine, with simulated providers
	go run ./cmd/sluice demo

race: ## run the tests of concurrent packages under the race detector (needs a C compiler)
	go test -race -short -shuffle=on -timeout 40m $(RACE)

lock-order: ## fail if tests take two mutexes in both orders, as two goroutines would that then wait for each other
	internal/tools/lockorder.sh $(LOCKS)

cover: ## test coverage by package, then in total
	@mkdir -p build
	go test -coverprofile=build/cover.out ./...
	@go tool cover -func=build/cover.out | tail -n 1

fuzz: ## run every fuzz test for FUZZTIME (10s)
	@grep -rl --include='*_test.go' '^func Fuzz' internal | sort | while read -r file; do \
		for name in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' "$$file"); do \
			echo "$$file $$name"; \
			go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" || exit 1; \
		done; \
	done

bench: ## measure 1,000, 10,000 and 100,000 prospects and write bench/results.json and the tables
	@for n in 1000 10000 100000; do go run ./cmd/sluice bench --prospects $$n --keep || exit 1; done

bench-million: ## the same with a million found of 1,800,000 asked for; takes half an hour and 20 GB
	GOGC=50 GOMEMLIMIT=18GiB go run ./cmd/sluice bench --prospects 1800000 --keep --state-dir build/bench

bench-gate: ## fail if what AWS would bill per prospect is not what bench/results.json says, to 3 %
	@for n in 1000 10000; do go run ./cmd/sluice bench --prospects $$n --gate || exit 1; done

lint: ## run the linters; changes nothing
	$(TOOL) golangci-lint run ./...

fmt: ## format the Go code
	$(TOOL) gofumpt -w .

fmt-check: ## fail if `make fmt` would change a file
	@bad=$$($(TOOL) gofumpt -l .) || exit 1; \
	if [ -n "$$bad" ]; then echo "not formatted; run make fmt:"; echo "$$bad"; exit 1; fi

vet: ## run go vet
	go vet ./...

vuln: ## look for known vulnerabilities in what is really called
	@mkdir -p build; status=0; $(TOOL) govulncheck ./... > build/vuln.txt 2>&1 || status=$$?; \
	if [ $$status -ne 0 ] && grep -q -E 'fetching vulnerabilities|vuln\.go\.dev' build/vuln.txt && ! grep -q '^Vulnerability #' build/vuln.txt; then \
		echo "skipped: no database (vuln.go.dev cannot be reached from here)"; \
	else cat build/vuln.txt; exit $$status; fi

generate: ## write generated files
	go generate ./...

generate-check: ## fail if `make generate` would change a file
	@before=$$(git status --porcelain && git diff) && go generate ./... && after=$$(git status --porcelain && git diff) && \
	if [ "$$before" != "$$after" ]; then echo "generated files are out of date; run make generate:"; git status --porcelain; exit 1; fi

tidy-check: ## fail if go.mod or go.sum are not tidy
	go mod tidy -diff
	cd internal/tools && go mod tidy -diff

validate: ## check template.yaml and the state machines with AWS's own tools (PyPI and npm, into build/validate)
	internal/tools/validate/run

SEEDS ?= 1000
sim: ## run SEEDS (1000) campaigns full of mishaps in simulated time and check every promise after each
	go test ./internal/sim -run 'TestSeeds$$' -v -timeout 0 -sim.seeds=$(SEEDS)

RUNS ?= 500
spend: ## RUNS (500) runs that share a team's money under faults; every paid call is compared with the ledger
	go test ./internal/practice -run TestNothingIsSpentThatWasNotReserved -v -timeout 0 -spend.runs=$(RUNS)

sim-mutations: ## switch one safeguard off after the other; the simulation must notice each
	go test ./internal/sim -run 'TestMutations$$' -v -timeout 0 -sim.mutations

test-binaries: ## drive every compiled function through the Lambda Runtime API; reports init time, memory and zip size
	go run ./internal/binaries

parity: parity-quick ## compare the local AWS with dynalite, moto and dynoxide (npm, PyPI, crates; into build/parity)
	internal/tools/parity/dynamodb.sh dynoxide

parity-quick: ## the part of it that CI runs: dynalite and moto
	internal/tools/parity/dynamodb.sh dynalite
	internal/tools/parity/moto.sh sqs,secretsmanager,s3,kms,scheduler,dynamodb/TransactWriteItems,dynamodb/TransactGetItems,dynamodb/UpdateTimeToLive,dynamodb/DescribeTimeToLive

test-awscli: ## let the real aws command look into `sluice dev`
	internal/tools/parity/awscli.sh

build-functions: $(FUNCTIONS:%=build/%/bootstrap) ## build every Lambda function for linux/arm64 and check its size
	@for f in $(FUNCTIONS); do \
		size=$$(gzip -c build/$$f/bootstrap | wc -c); \
		printf '  %-14s %5d KB zipped\n' $$f $$((size / 1024)); \
		if [ $$size -gt $(ZIP_LIMIT) ]; then echo "  $$f is over 6 MB zipped"; over=1; fi; \
	done; [ -z "$$over" ]

build/%/bootstrap: FORCE
	@mkdir -p $(@D)
	$(LAMBDA_BUILD) -o $@ ./functions/$*

FORCE:

# `sam build` calls build-<logical id> for each function, with ARTIFACTS_DIR set.
# It would run make in a copy of CodeUri, where there is no module; the metadata
# ContextPath and WorkingDirectory of each function in template.yaml bring it
# here. PushHubSpotFunction is built from functions/push-hubspot: the id without
# "Function" is the folder's name without dashes.
build-%Function:
	@for f in $(FUNCTIONS); do \
		if [ "$$(printf %s $$f | tr -d -)" = "$$(printf %s $* | tr A-Z a-z)" ]; then \
			echo "functions/$$f"; $(LAMBDA_BUILD) -o "$(ARTIFACTS_DIR)/bootstrap" ./functions/$$f; exit; \
		fi; \
	done; echo "no folder in functions/ belongs to $*Function"; exit 1

deploy: ## build and deploy with the SAM CLI; STAGE=dev or prod
	sam build
	sam deploy --config-env $(STAGE)

hooks: ## check format, vet and layout before every commit of this clone
	git config core.hooksPath internal/tools/hooks

CI_STEPS := tidy-check fmt-check lint test race lock-order sim-mutations bench-gate parity-quick test-awscli test-binaries build-functions validate generate-check

ci: ## what continuous integration runs, with the seconds that each step took
	@for step in $(CI_STEPS); do \
		echo "== make $$step"; start=$$(date +%s); \
		$(MAKE) --no-print-directory $$step || { echo "== $$step failed after $$(($$(date +%s) - start)) s"; exit 1; }; \
		echo "== $$step: $$(($$(date +%s) - start)) s"; \
	done
