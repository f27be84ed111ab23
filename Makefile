# Everything that people and CI run. `make help` lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export GOWORK := off

UNIT := . sdk examples/engine
MODULES := $(UNIT) test
TIDIED := $(MODULES) sdk/internal/bench internal/tools internal/tools/prometheus
TOOL := go tool -modfile=$(CURDIR)/internal/tools/go.mod
COLLECTOR := bin/otelcol-eventflux
ENGINE := bin/eventflux-engine
VERSION := $(shell sed -n 's/^  version: //p' builder-config.yaml)

# What the collector is built from: its manifest, and the root module's sources.
COLLECTOR_SRC := builder-config.yaml go.mod go.sum \
	$(shell find receiver processor extension confmap service internal -path internal/tools -prune -o -name '*.go' -not -name '*_test.go' -print)
ENGINE_SRC := $(shell find sdk examples/engine -name '*.go' -not -name '*_test.go') \
	examples/engine/go.mod examples/engine/go.sum sdk/go.mod sdk/go.sum

.PHONY: help
help: ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | column -t -s $$'\t'

.PHONY: build
build: $(COLLECTOR) $(ENGINE) ## Build the collector and the reference engine into bin/.

$(COLLECTOR): $(COLLECTOR_SRC)
	mkdir -p bin build
	$(TOOL) builder --config builder-config.yaml
	cp build/otelcol-eventflux/otelcol-eventflux $@

$(ENGINE): $(ENGINE_SRC)
	mkdir -p bin
	go -C examples/engine build -trimpath -ldflags '-X main.version=$(VERSION)' -o $(CURDIR)/$@ .

.PHONY: run
run: build ## Start the collector and a two-node engine with live trades; Ctrl-C stops all.
	@scripts/run-demo.sh

.PHONY: test
test: build ## Run the tests of all modules but those of make test-rules. Needs no C compiler, no root.
	for m in $(MODULES) internal/tools; do echo "== $$m"; CGO_ENABLED=0 go -C $$m test -count=1 $$(go -C $$m list ./... | grep -v /test/rules); done

.PHONY: test-race
test-race: ## Run the unit tests under the race detector, without those of memory alone. Needs a C compiler.
	for m in $(UNIT); do echo "== $$m"; CGO_ENABLED=1 go -C $$m test -race -skip AMillion ./...; done

.PHONY: test-netns
test-netns: build ## Drop the packets of an engine in network namespaces. Needs Linux with user namespaces, no root.
	command -v ip >/dev/null || { apt-get update -q && apt-get install -y -q --no-install-recommends iproute2; }
	@unshare --map-root-user --net ip link add near type veth peer name far || { echo "test-netns needs a Linux that lets 'unshare --map-root-user --net' make namespaces with veth links: run it as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)"; exit 1; }
	go -C test test -c -tags netns -o $(CURDIR)/build/netns.test ./netns
	cd test/netns && unshare --map-root-user --net $(CURDIR)/build/netns.test -test.v

.PHONY: bench
bench: ## Print the numbers that the README of the SDK shows.
	go -C sdk test -run '^$$' -bench . -benchmem -count 3 . ./internal/... ./logs

.PHONY: bench-limiter
bench-limiter: ## Print what the cardinality limiter costs, next to its goals (7 minutes).
	@# Each in a process of its own: the heap that one leaves slows the next one by a fifth.
	for p in $$(go list ./processor/cardinalitylimitprocessor/...); do \
		for b in $$(go test -list ^Benchmark $$p | grep ^Benchmark); do \
			go test -run '^$$' -bench "^$$b$$" -benchmem -benchtime 300ms -count 5 $$p; \
		done; \
	done | tee /dev/stderr | (cd internal/tools && go run ./limitergoals)

.PHONY: test-schedules
test-schedules: ## Play a million random schedules through the cardinality limiter (10 minutes).
	go test -run EverySchedule -timeout 60m ./processor/cardinalitylimitprocessor -schedules 1000000

.PHONY: bench-hotpath
bench-hotpath: ## Print what recording costs, next to its alternatives (2 minutes).
	go -C sdk/internal/bench test -run '^$$' -bench . -benchtime 200ms -count 10 . | tee /dev/stderr | (cd internal/tools && go run ./benchtable)

.PHONY: bench-overhead
bench-overhead: build ## Print what telemetry costs the reference engine: PAIRS=40, the default, takes 18 minutes.
	go -C test test -run '^$$' -bench Overhead -benchtime $(or $(PAIRS),40)x -timeout 60m ./overhead

.PHONY: bench-engine
bench-engine: build ## Print how fast the reference engine is, with and without telemetry: PAIRS=10, the default, takes 2 minutes.
	go -C test test -run '^$$' -bench Engine -benchtime $(or $(PAIRS),10)x -timeout 30m ./overhead

.PHONY: bench-freshness
bench-freshness: build ## Print how long after an event /metrics shows it (2 minutes).
	go -C test test -run '^$$' -bench Freshness -benchtime 1x -timeout 10m ./freshness

.PHONY: bench-outage
bench-outage: build ## Print what an engine at half of its peak feels when the collector freezes, dies and returns (1 minute).
	go -C test test -run '^$$' -bench Outage -benchtime 1x -timeout 10m ./outage

.PHONY: test-lb
test-lb: build ## Restart three gateways under load behind HAProxy, which is installed if need be, and behind NGINX if it is there (2 minutes).
	command -v haproxy >/dev/null || apt-get install -y -q haproxy
	go -C test test -run '^$$' -bench "HAProxy$$(command -v nginx >/dev/null && echo '|NGINX')" -benchtime 1x -timeout 10m ./balancers

.PHONY: bench-health
bench-health: build ## Print how long probes of health take under full ingest, next to those of health_check, and what they cost (2 minutes).
	go -C test test -run '^$$' -bench Health -benchtime 1x -timeout 10m ./probing

JAEGER := v1.76.0

build/jaeger/jaeger: ## Jaeger from its module, which cannot be installed by go install: 6 minutes for the first time.
	mkdir -p build/jaeger/src
	cp -r "$$(go mod download -json github.com/jaegertracing/jaeger@$(JAEGER) | sed -n 's/^.*"Dir": "\(.*\)".*$$/\1/p')/." build/jaeger/src
	chmod -R u+w build/jaeger/src
	cd build/jaeger/src && GOFLAGS=-mod=mod go build -o ../jaeger ./cmd/jaeger
	rm -rf build/jaeger/src

.PHONY: jaeger-demo
jaeger-demo: build build/jaeger/jaeger ## Show that a real Jaeger has the whole span tree of the demo.
	JAEGER_BINARY=$(CURDIR)/build/jaeger/jaeger go -C test test -count=1 -v -tags jaeger ./jaeger

.PHONY: bench-receiver
bench-receiver: ## Print the CPU time per point of the receiver next to the stock one: ROUNDS=40, the default, takes 5 minutes.
	go -C test test -run '^$$' -bench Receiver -benchtime $(or $(ROUNDS),40)x -timeout 30m ./receiver

.PHONY: bench-size
bench-size: ## Print the modules and megabytes an engine gains with the SDK.
	go run -C internal/tools ./enginesize -sdk $(CURDIR)/sdk -allowed $(CURDIR)/internal/tools/enginesize/size.json

.PHONY: check-size
check-size: ## Fail when an engine gains a tenth more than size.json says; -update writes it anew.
	go run -C internal/tools ./enginesize -sdk $(CURDIR)/sdk -allowed $(CURDIR)/internal/tools/enginesize/size.json -check

.PHONY: generate
generate: ## Write generated code anew.
	for m in . sdk examples/engine; do go -C $$m generate ./...; done
	go -C internal/tools run ./dashgen -alerts $(CURDIR)/alerts -out $(CURDIR)/dashboards

.PHONY: check-generated
check-generated: generate ## Fail when generated code is not what is committed.
	@git diff --exit-code --stat -- '*generated_*' '*_generated.go' 'docs/telemetry.md' '*/metadata/*' '*/metadatatest/*' '*documentation.md' '*README.md' '*.pb.go' 'dashboards/*.json' \
		|| { echo "generated files differ: run 'make generate' and commit"; exit 1; }

.PHONY: validate
validate: $(COLLECTOR) ## Check every shipped collector configuration.
	for c in configs/standalone.yaml configs/agent.yaml configs/gateway.yaml; do echo "== $$c"; $(COLLECTOR) validate --config $$c; done

.PHONY: test-rules
test-rules: build bin/promtool bin/prometheus ## Check the Prometheus rules and the dashboards, run the tests of the rules, and try all on live data.
	bin/promtool check rules --lint=all --lint-fatal alerts/*.yml
	bin/promtool test rules alerts/tests/*.yml
	$(MAKE) -s alerts GRAFANA_URL=https://grafana.example.com && bin/promtool check rules --lint=all --lint-fatal build/alerts/*.yml
	CGO_ENABLED=0 go -C internal/tools/prometheus test -count=1 ./...
	CGO_ENABLED=0 go -C test test -count=1 ./rules

.PHONY: alerts
alerts: ## Write the rules to build/alerts with links to the dashboards of GRAFANA_URL=https://grafana.example.com.
	mkdir -p build/alerts
	go run -C internal/tools ./dashgen -alerts $(CURDIR)/alerts -out $(CURDIR)/build/alerts -grafana $(or $(GRAFANA_URL),$(error set GRAFANA_URL))

.PHONY: proof
proof: build bin/promtool bin/prometheus bin/alertmanager ## Change the rules one by one to see their tests notice, and have things go wrong to see alerts fire (20 minutes).
	go run -C internal/tools ./rulemutants -promtool $(CURDIR)/bin/promtool -alerts $(CURDIR)/alerts
	go -C test test -run '^$$' -bench Faults -benchtime 1x -timeout 40m ./rules

# From a copy of its module, which lacks the pages that its server embeds.
bin/alertmanager: internal/tools/prometheus/go.mod
	rm -rf build/alertmanager
	mkdir -p bin build
	cp -r $$(go -C internal/tools/prometheus list -m -f '{{.Dir}}' github.com/prometheus/alertmanager) build/alertmanager
	chmod -R u+w build/alertmanager
	mkdir -p build/alertmanager/ui/app/dist
	echo 'no pages' >build/alertmanager/ui/app/dist/index.html
	go -C build/alertmanager build -trimpath -o $(CURDIR)/$@ ./cmd/alertmanager

.PHONY: dashboards-preview
dashboards-preview: build bin/promtool bin/prometheus internal/tools/preview/node_modules ## Draw the dashboards as Grafana does, from live data, into build/preview (8 minutes). Needs Node.js.
	command -v chromium >/dev/null || { apt-get update -q && apt-get install -y -q --no-install-recommends chromium; }
	go -C test test -run '^$$' -bench Preview -benchtime 1x -timeout 20m ./rules

internal/tools/preview/node_modules: internal/tools/preview/package-lock.json
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel error
	touch $@

# Without service discovery, which nothing here needs: it would double the time of a cold build.
bin/promtool bin/prometheus: internal/tools/prometheus/go.mod
	mkdir -p bin
	go -C internal/tools/prometheus build -trimpath -tags remove_all_sd -o $(CURDIR)/$@ github.com/prometheus/prometheus/cmd/$(@F)

.PHONY: lint
lint: bin/golangci-lint ## Run golangci-lint over all modules.
	for m in $(MODULES) sdk/internal/bench; do echo "== $$m"; (cd $$m && $(CURDIR)/bin/golangci-lint run --config $(CURDIR)/.golangci.yml ./...); done

bin/golangci-lint: internal/tools/go.mod
	mkdir -p bin
	go -C internal/tools build -o $(CURDIR)/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: fmt
fmt: bin/golangci-lint ## Format all Go files.
	for m in $(MODULES); do (cd $$m && $(CURDIR)/bin/golangci-lint fmt --config $(CURDIR)/.golangci.yml ./...); done

.PHONY: tidy
tidy: ## Tidy every go.mod.
	for m in $(TIDIED); do go -C $$m mod tidy; done

.PHONY: check-tidy
check-tidy: ## Fail when a go.mod is not tidy.
	for m in $(TIDIED); do echo "== $$m"; go -C $$m mod tidy -diff; done

.PHONY: clean
clean: ## Remove what was built and recorded.
	rm -rf bin build data
