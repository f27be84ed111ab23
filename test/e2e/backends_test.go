// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.yaml.in/yaml/v3"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// vendor stands for the intake of a vendor.
type vendor struct {
	*httptest.Server
	mu sync.Mutex
	// requests by path: what was wrong with each, empty if nothing.
	requests map[string][]string
	// temporality of each sum that only grows, and of each histogram.
	counters, histograms map[pmetric.AggregationTemporality]int
}

// newVendor answers requests with these headers, and no others.
func newVendor(t *testing.T, headers map[string]string) *vendor {
	t.Helper()
	v := &vendor{
		requests: map[string][]string{},
		counters: map[pmetric.AggregationTemporality]int{}, histograms: map[pmetric.AggregationTemporality]int{},
	}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wrong := ""
		for name, value := range headers {
			if r.Header.Get(name) != value {
				wrong = name + ": " + r.Header.Get(name)
				w.WriteHeader(http.StatusForbidden)
			}
		}
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" {
			wrong = r.Method + " " + r.Header.Get("Content-Type")
		}
		v.note(r, wrong)
	}))
	t.Cleanup(v.Close)
	return v
}

func (v *vendor) note(r *http.Request, wrong string) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			wrong = err.Error()
		}
		body = unzipped
	} else {
		wrong = "not compressed"
	}
	content, err := io.ReadAll(body)
	if err != nil {
		wrong = err.Error()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.requests[r.URL.Path] = append(v.requests[r.URL.Path], wrong)
	if !strings.HasSuffix(r.URL.Path, "/v1/metrics") {
		return
	}
	req := pmetricotlp.NewExportRequest()
	if err := req.UnmarshalProto(content); err != nil {
		v.requests[r.URL.Path] = append(v.requests[r.URL.Path], err.Error())
	}
	for _, rm := range req.Metrics().ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				switch {
				case m.Type() == pmetric.MetricTypeSum && m.Sum().IsMonotonic():
					v.counters[m.Sum().AggregationTemporality()]++
				case m.Type() == pmetric.MetricTypeHistogram:
					v.histograms[m.Histogram().AggregationTemporality()]++
				}
			}
		}
	}
}

func (v *vendor) paths() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Sorted(maps.Keys(v.requests))
}

// What the configurations for vendors send is what these document: path, headers,
// compression, temporality.
func TestBackends(t *testing.T) {
	const delta, cumulative = pmetric.AggregationTemporalityDelta, pmetric.AggregationTemporalityCumulative
	all := []string{"/v1/logs", "/v1/metrics", "/v1/traces"}
	for name, c := range map[string]struct {
		url     string // the variable that says where to send
		under   string // what the URL ends with
		env     map[string]string
		headers map[string]string
		paths   []string
		// of counters and histograms; none if no metrics go there
		counters, histograms pmetric.AggregationTemporality
	}{
		"datadog": {
			url: "DD_OTLP_URL", env: map[string]string{"DD_API_KEY": "k1", "DD_SITE": "datadoghq.eu"},
			headers: map[string]string{"dd-api-key": "k1", "dd-otlp-source": "datadoghq.eu"},
			paths:   all, counters: delta, histograms: delta,
		},
		"newrelic": {
			url: "NEW_RELIC_OTLP_URL", env: map[string]string{"NEW_RELIC_LICENSE_KEY": "k2"},
			headers: map[string]string{"api-key": "k2"},
			paths:   all, counters: delta, histograms: delta,
		},
		"loki": {
			url: "LOKI_URL", under: "/otlp", env: map[string]string{"LOKI_TENANT": "team"},
			headers: map[string]string{"X-Scope-OrgID": "team"}, paths: []string{"/otlp/v1/logs"},
		},
		"elastic": {
			url: "ELASTIC_OTLP_URL", env: map[string]string{"ELASTIC_AUTHORIZATION": "ApiKey k3"},
			headers: map[string]string{"Authorization": "ApiKey k3"},
			paths:   all, counters: cumulative, histograms: delta,
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVendor(t, c.headers)
			c.env[c.url] = v.URL + c.under
			col := run.NewCollector(t)
			col.Launch("gateway", c.env, "backends/"+name)
			col.WaitReady()
			run.NewEngine{Endpoint: col.Endpoint(), A: []string{"--rate", "200"}}.Start(t)
			run.Eventually(t, "each signal arrives", func() bool { return len(v.paths()) >= len(c.paths) })
			if c.counters != pmetric.AggregationTemporalityUnspecified {
				run.Eventually(t, "counters and histograms arrive", func() bool {
					v.mu.Lock()
					defer v.mu.Unlock()
					return v.counters[c.counters] > 10 && v.histograms[c.histograms] > 10
				})
			}
			run.Eventually(t, "Prometheus has the metrics, too", func() bool {
				_, found := col.Metrics().Sum("query_events_processed_total", nil)
				return found
			})
			assert.Equal(t, c.paths, v.paths())
			v.mu.Lock()
			defer v.mu.Unlock()
			for path, wrong := range v.requests {
				assert.Equal(t, []string{""}, slices.Compact(slices.Sorted(slices.Values(wrong))), path)
			}
			assert.LessOrEqual(t, len(v.counters), 1, "temporalities of counters: %v", v.counters)
			assert.LessOrEqual(t, len(v.histograms), 1, "temporalities of histograms: %v", v.histograms)
		})
	}
}

func TestEveryBackendIsValidOnTopOfTheGateway(t *testing.T) {
	gateway := files(t, "configs/gateway.yaml")[0]
	env := map[string]string{
		"DD_API_KEY": "k", "NEW_RELIC_LICENSE_KEY": "k", "ELASTIC_OTLP_URL": "https://localhost:8200", "ELASTIC_AUTHORIZATION": "ApiKey k",
	}
	for _, path := range files(t, "configs/backends/*.yaml") {
		p := run.Start(t, "validate", run.Binary(t, "otelcol-eventflux"), []string{"validate", "--config", gateway, "--config", path}, env)
		assert.Zero(t, p.Wait(), p.Output())
	}
}

// Every key of a line that an engine logs is taken up by Filebeat and has a type in the index.
func TestFilebeatKnowsEveryKeyOfALogLine(t *testing.T) {
	var beat struct {
		Inputs []struct {
			Processors []map[string]any
		} `yaml:"filebeat.inputs"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, files(t, "configs/backends/filebeat.yml")[0])), &beat))
	require.Len(t, beat.Inputs, 1)
	to := map[string]string{"message": "message", "timestamp": "@timestamp"}
	for _, p := range beat.Inputs[0].Processors {
		rename, _ := p["rename"].(map[string]any)
		renamed, _ := rename["fields"].([]any)
		for _, r := range renamed {
			pair := r.(map[string]any)
			to[pair["from"].(string)] = pair["to"].(string)
		}
	}
	var index struct {
		Template struct {
			Mappings struct{ Properties map[string]any }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, files(t, "configs/backends/elastic-index-template.json")[0])), &index))

	e := run.NewEngine{Endpoint: "127.0.0.1:1", Both: []string{"--duration", "20s"}, A: []string{"--rate", "200"}}.Start(t)
	var keys []string
	run.Eventually(t, "a line of a traced batch", func() bool {
		keys = keys[:0]
		for line := range strings.Lines(e.A.Output() + e.B.Output()) {
			var of map[string]any
			if json.Unmarshal([]byte(line), &of) != nil {
				continue
			}
			for key, value := range of {
				nested, ok := value.(map[string]any)
				if key != "span" || !ok {
					keys = append(keys, key)
					continue
				}
				for inner := range nested {
					keys = append(keys, key+"."+inner)
				}
			}
		}
		return slices.Contains(keys, "span.trace_id")
	})
	for _, key := range slices.Compact(slices.Sorted(slices.Values(keys))) {
		require.Contains(t, to, key, "filebeat.yml")
		property := any(map[string]any{"properties": index.Template.Mappings.Properties})
		for part := range strings.SplitSeq(to[key], ".") {
			properties, _ := property.(map[string]any)["properties"].(map[string]any)
			require.Contains(t, properties, part, "elastic-index-template.json, %s", to[key])
			property = properties[part]
		}
	}
}
