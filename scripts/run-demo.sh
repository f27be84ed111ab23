#!/usr/bin/env bash
# Copyright The EventFlux Authors
# SPDX-License-Identifier: Apache-2.0
#
# Starts the collector and both nodes of the reference engine and stops them in
# the order that loses nothing: engine first, collector last. Called by
# `make run`, which builds what is started here.
set -euo pipefail
set -m # each child gets a process group of its own, so Ctrl-C reaches this script only

grpc=${EVENTFLUX_GRPC_PORT:-4317}
http=${EVENTFLUX_HTTP_PORT:-4318}
prom=${EVENTFLUX_PROMETHEUS_PORT:-9090}
health=${EVENTFLUX_HEALTH_PORT:-13133}
self=${EVENTFLUX_SELF_PORT:-8888}
link=${EVENTFLUX_LINK_PORT:-9101}
rate=${EVENTFLUX_RATE:-1000}
data=${EVENTFLUX_DATA_DIR:-./data}
export EVENTFLUX_HOST=${EVENTFLUX_HOST:-$(uname -n)}
export EVENTFLUX_DATA_DIR=$data
mkdir -p "$data"

# free VARIABLE PORT WHAT: fails when something listens on the port already.
free() {
	if (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; then
		echo "make run: port $2 ($3) is in use; stop the program that has it, or choose another: $1=PORT make run" >&2
		exit 1
	fi
}
free EVENTFLUX_GRPC_PORT "$grpc" "OTLP over gRPC"
free EVENTFLUX_HTTP_PORT "$http" "OTLP over HTTP"
free EVENTFLUX_PROMETHEUS_PORT "$prom" "engine metrics"
free EVENTFLUX_HEALTH_PORT "$health" "health"
free EVENTFLUX_SELF_PORT "$self" "the collector's own metrics"
free EVENTFLUX_LINK_PORT "$link" "the link between the two engine nodes"

collector='' node_a='' node_b=''

# stop PID: asks a process to end and waits until it has.
stop() {
	[ -n "$1" ] || return 0
	kill -TERM "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

finish() {
	trap - INT TERM EXIT
	printf '\nStopping the engine, then the collector ...\n'
	stop "$node_a"
	stop "$node_b"
	# SIGINT: no load balancer needs the drain that SIGTERM brings.
	[ -z "$collector" ] || kill -INT "$collector" 2>/dev/null || true
	[ -z "$collector" ] || wait "$collector" 2>/dev/null || true
	echo "All stopped. Logs and recorded telemetry are in $data."
}
trap 'finish; exit 0' INT TERM
trap finish EXIT

bin/otelcol-eventflux --config configs/standalone.yaml >"$data/collector.log" 2>&1 &
collector=$!
for _ in $(seq 150); do
	if ! kill -0 "$collector" 2>/dev/null; then
		echo "make run: the collector ended; the end of $data/collector.log:" >&2
		tail -n 5 "$data/collector.log" >&2
		exit 1
	fi
	curl -fs -o /dev/null "localhost:$health/ready" && break
	sleep 0.2
done

export OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:$grpc OTEL_EXPORTER_OTLP_PROTOCOL=grpc
bin/eventflux-engine run --node b --instance node-b --drain-period 0 --config examples/engine/eventflux.toml \
	--listen "127.0.0.1:$link" --set "sink=$data/alerts.jsonl" >"$data/node-b.log" 2>&1 &
node_b=$!
bin/eventflux-engine run --node a --instance node-a --drain-period 0 --config examples/engine/eventflux.toml \
	--peers "b=127.0.0.1:$link" --rate "$rate" >"$data/node-a.log" 2>&1 &
node_a=$!

cat <<TXT
EventFlux demo: node A reads $rate trades a second, joins by gRPC with node B; the collector watches both.

  engine metrics     http://localhost:$prom/metrics
  health             http://localhost:$health/health      /ready  /live
  collector metrics  http://localhost:$self/metrics
  logs, traces       $data/*.jsonl, $data/*.log

Try:
  curl -s localhost:$prom/metrics | grep ^query_
  curl -s localhost:$health/health
  tail -f $data/alerts.jsonl

Ctrl-C stops everything.
TXT

# Ends when any of the three ends by itself, which none should.
wait -n "$collector" "$node_a" "$node_b" || true
for who in collector:"$collector" node-a:"$node_a" node-b:"$node_b"; do
	if ! kill -0 "${who#*:}" 2>/dev/null; then
		echo "make run: ${who%%:*} ended; the end of $data/${who%%:*}.log:" >&2
		tail -n 5 "$data/${who%%:*}.log" >&2
	fi
done
exit 1
