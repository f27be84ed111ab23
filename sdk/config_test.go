// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// resource runs an SDK and returns the resource of its metrics, after checking that traces and logs have the same.
func resource(t *testing.T, cfg telemetry.Config, opts ...telemetry.Option) map[string]any {
	t.Helper()
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, cfg, opts...)
	sdk.App("orders").Query("q1").Worker().Begin(t.Context(), telemetry.Arrival{Count: 1}).End()
	sdk.Logger().Info("started")
	flush(t, sdk)
	c.mu.Lock()
	defer c.mu.Unlock()
	attrs := attributes(c.metrics[0].Resource.Attributes)
	assert.Equal(t, attrs, attributes(c.spans[0].Resource.Attributes))
	assert.Equal(t, attrs, attributes(c.logs[0].Resource.Attributes))
	return attrs
}

func TestResourcePrecedenceIsConfigThenEnvironmentThenOptions(t *testing.T) {
	file := writeTOML(t, "[service]\nname = \"toml\"\nversion = \"1\"\ninstance_id = \"i-toml\"\nenvironment = \"dev\"\n")
	fromTOML, err := telemetry.LoadTOML(file)
	require.NoError(t, err)
	code := telemetry.Config{Service: telemetry.Service{Name: "code", Version: "2", InstanceID: "i-code", Environment: "staging"}}
	env := map[string]string{
		"OTEL_SERVICE_NAME":        "env",
		"OTEL_RESOURCE_ATTRIBUTES": "service.name=loses,service.version=3,service.instance.id=i%2Denv,deployment.environment=production,team=flow",
	}
	options := []telemetry.Option{
		telemetry.WithServiceName("option"), telemetry.WithServiceVersion("4"), telemetry.WithInstanceID("i-option"),
		telemetry.WithEnvironment("qa"), telemetry.WithResourceAttributes(attribute.String("team", "core")),
	}
	type four [4]string
	for name, test := range map[string]struct {
		cfg  telemetry.Config
		env  map[string]string
		opts []telemetry.Option
		want four
		team any
	}{
		"TOML":                       {cfg: fromTOML, want: four{"toml", "1", "i-toml", "dev"}},
		"code":                       {cfg: code, want: four{"code", "2", "i-code", "staging"}},
		"environment over TOML":      {cfg: fromTOML, env: env, want: four{"env", "3", "i-env", "production"}, team: "flow"},
		"environment over code":      {cfg: code, env: env, want: four{"env", "3", "i-env", "production"}, team: "flow"},
		"environment over defaults":  {env: env, want: four{"env", "3", "i-env", "production"}, team: "flow"},
		"options over everything":    {cfg: fromTOML, env: env, opts: options, want: four{"option", "4", "i-option", "qa"}, team: "core"},
		"options over code":          {cfg: code, opts: options, want: four{"option", "4", "i-option", "qa"}, team: "core"},
		"one option, rest from code": {cfg: code, opts: options[:1], want: four{"option", "2", "i-code", "staging"}},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range test.env {
				t.Setenv(k, v)
			}
			got := resource(t, test.cfg, test.opts...)
			assert.Equal(t, test.want, four{
				got["service.name"].(string), got["service.version"].(string),
				got["service.instance.id"].(string), got["deployment.environment"].(string),
			})
			assert.Equal(t, test.team, got["team"])
		})
	}
}

func TestDefaultResource(t *testing.T) {
	got := resource(t, telemetry.Config{})
	assert.Equal(t, "eventflux-rust", got["service.name"])
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, got["service.instance.id"])
	assert.Equal(t, int64(os.Getpid()), got["process.pid"])
	assert.NotEmpty(t, got["host.name"])
	assert.Equal(t, "opentelemetry", got["telemetry.sdk.name"])
	assert.NotContains(t, got, "deployment.environment")
}

func TestTransportFollowsTheEnvironment(t *testing.T) {
	grpc, http := newCollector(t, telemetry.ProtocolGRPC), newCollector(t, telemetry.ProtocolHTTP)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", grpc.url)
	t.Setenv("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/protobuf")
	t.Setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", http.url+"/v1/logs")
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
	sdk, err := telemetry.Start(t.Context(), telemetry.Config{
		Export: telemetry.Export{Endpoint: "http://127.0.0.1:1", Protocol: telemetry.ProtocolGRPC},
	}, telemetry.WithLogWriter(t.Output()))
	require.NoError(t, err)
	sdk.Logger().Info("started")
	flush(t, sdk)
	assert.Contains(t, grpc.newest(), "eventflux.uptime", "metrics need no handle")
	assert.Len(t, http.allLogs(), 1)
	require.NoError(t, sdk.Shutdown(t.Context()))
}

func TestMetricsAreExportedAtTheInterval(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
	sdk, err := telemetry.Start(t.Context(), telemetry.Config{Export: telemetry.Export{Endpoint: c.url}}, telemetry.WithLogWriter(t.Output()))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(c.newest()) > 0 }, 5*time.Second, 5*time.Millisecond)
	require.NoError(t, sdk.Shutdown(t.Context()))
}

func TestSDKDisabledExportsNothing(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "TRUE")
	c := newCollector(t, telemetry.ProtocolGRPC)
	sdk := start(t, c, telemetry.ProtocolGRPC, telemetry.Config{})
	assert.False(t, sdk.App("orders").Query("q1").Worker().Begin(t.Context(), telemetry.Arrival{Count: 1}).Sampled())
	sdk.Logger().Info("started")
	flush(t, sdk)
	require.NoError(t, sdk.Shutdown(t.Context()))
	assert.Empty(t, c.order)
}

func TestABadConfigStillGivesAWorkingSDK(t *testing.T) {
	sdk, err := telemetry.Start(t.Context(), telemetry.Config{
		Export:  telemetry.Export{Protocol: "http/json", Endpoint: "ftp://x", Timeout: -1},
		Logging: telemetry.Logging{Level: "loud", Format: "xml"},
	}, telemetry.WithLogWriter(t.Output()))
	for _, part := range []string{"nothing is exported", `unknown protocol "http/json"`, "bad endpoint", "timeout must not be negative", `"loud"`, `"xml"`} {
		require.ErrorContains(t, err, part)
	}
	require.NotNil(t, sdk)
	sdk.Logger().Error("could not start telemetry", "error", err)
	sdk.App("orders").Query("q1").Worker().Begin(t.Context(), telemetry.Arrival{Count: 1}).End()
	require.NoError(t, sdk.Shutdown(t.Context()))
}

func TestBadEnvironmentIsReportedAndIgnored(t *testing.T) {
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "soon")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "novalue")
	var failures []string
	sdk, err := telemetry.Start(t.Context(), telemetry.Config{}, telemetry.WithLogWriter(t.Output()),
		telemetry.WithErrorHandler(func(err error) { failures = append(failures, err.Error()) }),
		telemetry.WithLevel(telemetry.Off))
	require.NoError(t, err)
	require.NoError(t, sdk.Shutdown(t.Context()))
	require.Len(t, failures, 3)
	assert.Contains(t, failures[0], "could not use OTEL_RESOURCE_ATTRIBUTES, it is ignored")
	assert.Contains(t, failures[1], `unknown protocol "carrier-pigeon", want grpc or http/protobuf`)
	assert.Contains(t, failures[2], `want a whole number from 1 to 9223372036854, got "soon"`)
}

func writeTOML(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "eventflux.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestLoadTOMLReadsEveryKey(t *testing.T) {
	cfg, err := telemetry.LoadTOML(writeTOML(t, `
[service]
name = "orders"
version = "0.2.0"
instance_id = "i-1"
environment = "production"
tenant = "acme"

[telemetry]
protocol = "http/protobuf"
endpoint = "collector:4318"
insecure = true
headers = { tenant = "a" }
timeout = "3s"
compression = "gzip"
level = "detail"
metric_interval = "1s"
traces_per_query = 2.5
traces_total = 50
max_links = 8
max_series = 100
max_series_per_metric = 10
slow_batch = "250ms"
profile_labels = true

[logging]
level = "debug"
format = "pretty"
output = "stderr"
per_site = 7.5

[engine]
threads = 4
`), "engine")
	require.NoError(t, err)
	assert.Equal(t, telemetry.Config{
		Service: telemetry.Service{Name: "orders", Version: "0.2.0", InstanceID: "i-1", Environment: "production", Tenant: "acme"},
		Export: telemetry.Export{
			Protocol: telemetry.ProtocolHTTP, Endpoint: "collector:4318", Insecure: true,
			Headers: map[string]string{"tenant": "a"}, Timeout: 3 * time.Second, Compression: "gzip",
		},
		Metrics: telemetry.Metrics{Interval: time.Second, MaxSeries: 100, MaxSeriesPerMetric: 10},
		Traces:  telemetry.Traces{PerQuery: 2.5, Total: 50, MaxLinks: 8, Slow: 250 * time.Millisecond},
		Logging: telemetry.Logging{Level: "debug", Format: "pretty", Output: "stderr", PerSite: 7.5},
		Level:   telemetry.Detail,

		Profiling: true,
	}, cfg)
}

func TestLoadTOMLOfAnEmptyFileIsTheDefault(t *testing.T) {
	cfg, err := telemetry.LoadTOML(writeTOML(t, ""))
	require.NoError(t, err)
	assert.Equal(t, telemetry.DefaultConfig(), cfg)
	require.NoError(t, cfg.Validate())
}

func TestLoadTOMLNamesFileLineAndKey(t *testing.T) {
	for text, want := range map[string]string{
		"[loging]\nlevel = \"info\"":                   ":1: unknown key loging, tables are service, telemetry, logging",
		"[logging]\nlevl = \"info\"":                   ":2: unknown key logging.levl, keys of [logging] are level, format, output",
		"[logging]\n\nlevel = \"loud\"":                `:3: bad value for logging.level: unknown log level "loud", want error, warn, info, debug or trace`,
		"[logging]\nformat = \"xml\"":                  `:2: bad value for logging.format: unknown log format "xml", want json or pretty`,
		"[telemetry]\nmetric_interval = 5":             `:2: bad value for metric_interval: want a duration above 0 like "5s", got "5"`,
		"[telemetry]\nmetric_interval = \"-5s\"":       `:2: bad value for telemetry.metric_interval: want a duration above 0 like "5s", got "-5s"`,
		"[telemetry]\nprotocol = \"http/json\"":        `:2: bad value for telemetry.protocol: unknown protocol "http/json", want grpc or http/protobuf`,
		"[telemetry]\ninsecure = \"yes\"":              ":2: bad value for telemetry.insecure: cannot decode TOML string into bool",
		"[telemetry]\nendpoint = \"ftp://x\"":          `:2: bad value for telemetry.endpoint: bad endpoint "ftp://x"`,
		"[telemetry]\ncompression = \"zip\"":           `:2: bad value for telemetry.compression: unknown compression "zip", want gzip or none`,
		"[telemetry]\nlevel = \"all\"":                 `:2: bad value for telemetry.level: unknown level "all", want off, basic or detail`,
		"x = [":                                        ":1: array is incomplete",
		"[engine]\nthreads = 4\n[engines]\nthreads= 4": ":3: unknown key engines",
	} {
		path := writeTOML(t, text)
		_, err := telemetry.LoadTOML(path, "engine")
		assert.ErrorContains(t, err, path+want, text)
	}
	_, err := telemetry.LoadTOML("no-such-file.toml")
	require.ErrorContains(t, err, "could not read the telemetry configuration")
	require.ErrorIs(t, err, os.ErrNotExist)
}
