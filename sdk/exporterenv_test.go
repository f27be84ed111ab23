// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	logscol "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metricscol "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracecol "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	telemetry "github.com/eventflux-io/eventflux-otel/sdk"
)

// identity is a certificate that signed itself, for both ends, in memory and in files.
type identity struct {
	config    *tls.Config // of a server that knows its clients
	cert, key string
}

func newIdentity(t *testing.T) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(certPEM))

	dir := t.TempDir()
	id := identity{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	require.NoError(t, os.WriteFile(id.cert, certPEM, 0o600))
	require.NoError(t, os.WriteFile(id.key, keyPEM, 0o600))
	id.config = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
	return id
}

// newTLSCollector is newCollector behind TLS.
func newTLSCollector(t *testing.T, protocol string, cfg *tls.Config) *collector {
	t.Helper()
	c := &collector{}
	if protocol == telemetry.ProtocolHTTP {
		mux := http.NewServeMux()
		handle(mux, "/v1/metrics", &metricscol.ExportMetricsServiceRequest{}, c.addMetrics)
		handle(mux, "/v1/traces", &tracecol.ExportTraceServiceRequest{}, c.addTraces)
		handle(mux, "/v1/logs", &logscol.ExportLogsServiceRequest{}, c.addLogs)
		server := httptest.NewUnstartedServer(mux)
		server.TLS = cfg
		server.StartTLS()
		t.Cleanup(server.Close)
		c.url = server.URL
		return c
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(cfg)))
	metricscol.RegisterMetricsServiceServer(server, metricsService{c: c})
	tracecol.RegisterTraceServiceServer(server, traceService{c: c})
	logscol.RegisterLogsServiceServer(server, logsService{c: c})
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-served })
	c.url = "https://" + listener.Addr().String()
	return c
}

// assertAllArrive checks that the collector gets all three signals.
func assertAllArrive(t *testing.T, c *collector, sdk *telemetry.SDK) {
	t.Helper()
	work(t.Context(), sdk, 2)
	flush(t, sdk)
	assert.Contains(t, c.newest(), "query.latency")
	assert.NotEmpty(t, c.allSpans())
	assert.NotEmpty(t, c.allLogs())
}

func TestCertificatesComeFromTheEnvironment(t *testing.T) {
	id := newIdentity(t)
	for _, protocol := range []string{telemetry.ProtocolGRPC, telemetry.ProtocolHTTP} {
		for name, endpoint := range map[string]func(t *testing.T, url string) []telemetry.Option{
			"endpoint of the code": func(_ *testing.T, url string) []telemetry.Option {
				return []telemetry.Option{telemetry.WithEndpoint(url)}
			},
			"endpoint of the environment": func(t *testing.T, url string) []telemetry.Option {
				t.Helper()
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
				return nil
			},
			"endpoint without a scheme": func(t *testing.T, url string) []telemetry.Option {
				t.Helper()
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", strings.TrimPrefix(url, "https://"))
				return nil
			},
		} {
			t.Run(protocol+" "+name, func(t *testing.T) {
				c := newTLSCollector(t, protocol, id.config)
				t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", id.cert)
				t.Setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", id.cert)
				t.Setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", id.key)
				t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
				sdk, seen := startHost(t, endpoint(t, c.url)...)
				assertAllArrive(t, c, sdk)
				assert.Empty(t, seen.all())
				require.NoError(t, sdk.Shutdown(t.Context()))
			})
		}
	}
}

func TestInsecureComesFromTheEnvironment(t *testing.T) {
	for _, protocol := range []string{telemetry.ProtocolGRPC, telemetry.ProtocolHTTP} {
		c := newCollector(t, protocol)
		t.Setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
		sdk, _ := startHost(t, telemetry.WithProtocol(protocol), telemetry.WithEndpoint(strings.TrimPrefix(c.url, "http://")))
		assertAllArrive(t, c, sdk)
		require.NoError(t, sdk.Shutdown(t.Context()))
	}
}

func TestTheVariablesOfASignalWinOverThoseOfAll(t *testing.T) {
	all, logs := newCollector(t, telemetry.ProtocolGRPC), newCollector(t, telemetry.ProtocolHTTP)
	t.Setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", strings.TrimPrefix(all.url, "http://"))
	t.Setenv("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", telemetry.ProtocolHTTP)
	t.Setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", strings.TrimPrefix(logs.url, "http://")+"/v1/logs")
	sdk, seen := startHost(t)
	work(t.Context(), sdk, 2)
	flush(t, sdk)
	assert.Contains(t, all.newest(), "query.latency")
	assert.NotEmpty(t, all.allSpans())
	assert.Empty(t, all.allLogs())
	assert.NotEmpty(t, logs.allLogs())
	assert.Empty(t, seen.all())
}

func TestTemporalityFollowsTheEnvironment(t *testing.T) {
	for preference, want := range map[string]metricspb.AggregationTemporality{
		"":           metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE,
		"cumulative": metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE,
		"delta":      metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA,
		"lowmemory":  metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA,
	} {
		for _, protocol := range []string{telemetry.ProtocolGRPC, telemetry.ProtocolHTTP} {
			t.Setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", preference)
			c := newCollector(t, protocol)
			sdk, _ := startHost(t, telemetry.WithProtocol(protocol), telemetry.WithEndpoint(c.url))
			q := sdk.App("orders").Query("q1")
			in, w := q.Input("In"), q.Worker()
			for _, total := range []float64{3, 5} {
				b := w.Begin(t.Context(), telemetry.Arrival{Count: 1})
				b.Processed(in, int(total))
				b.End()
				flush(t, sdk)
				if want == metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE && total == 5 {
					total = 8
				}
				assert.InDelta(t, total, exportsOf(t, c, "query.events.processed")["query.events.processed"], 0, preference)
			}
			newest := c.newest()
			assert.Equal(t, want, newest["query.events.processed"].GetSum().AggregationTemporality, preference)
			assert.Equal(t, want, newest["query.latency"].GetHistogram().AggregationTemporality, preference)
			assert.Equal(t, metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE,
				newest["query.active.count"].GetSum().AggregationTemporality, "what goes down is cumulative always")
			require.NoError(t, sdk.Shutdown(t.Context()))
		}
	}
}

func TestExemplarsCanBeSilenced(t *testing.T) {
	for filter, want := range map[string]bool{"": true, "trace_based": true, "always_on": true, "always_off": false} {
		t.Setenv("OTEL_METRICS_EXEMPLAR_FILTER", filter)
		c := newCollector(t, telemetry.ProtocolGRPC)
		sdk, _ := startHost(t, telemetry.WithEndpoint(c.url))
		work(t.Context(), sdk, 2)
		flush(t, sdk)
		found := false
		for _, p := range c.newest()["query.latency"].GetHistogram().DataPoints {
			found = found || len(p.Exemplars) > 0
		}
		assert.Equal(t, want, found, filter)
		require.NoError(t, sdk.Shutdown(t.Context()))
	}
}

func TestTheSamplerOfTheEnvironmentDecidesAtTheEnd(t *testing.T) {
	for sampler, want := range map[string]bool{"always_on": true, "always_off": false, "parentbased_always_off": false, "parentbased_always_on": true} {
		t.Setenv("OTEL_TRACES_SAMPLER", sampler)
		c := newCollector(t, telemetry.ProtocolGRPC)
		sdk, _ := startHost(t, telemetry.WithEndpoint(c.url))
		work(t.Context(), sdk, 2)
		flush(t, sdk)
		assert.Equal(t, want, c.countRoots() > 0, sampler)
		require.NoError(t, sdk.Shutdown(t.Context()))
	}
}

func TestBadVariablesAreReportedAndIgnored(t *testing.T) {
	c := newCollector(t, telemetry.ProtocolGRPC)
	bad := map[string]string{
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL":                "udp",
		"OTEL_EXPORTER_OTLP_TIMEOUT":                        "soon",
		"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT":                   "-1",
		"OTEL_EXPORTER_OTLP_COMPRESSION":                    "zip",
		"OTEL_EXPORTER_OTLP_INSECURE":                       "maybe",
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "never",
		"OTEL_METRICS_EXEMPLAR_FILTER":                      "some",
		"OTEL_METRIC_EXPORT_INTERVAL":                       "9223372036854775807",
		"OTEL_METRIC_EXPORT_TIMEOUT":                        "0",
		"OTEL_BSP_SCHEDULE_DELAY":                           "9223372036854775807",
		"OTEL_BSP_MAX_QUEUE_SIZE":                           "9223372036854775807",
		"OTEL_BLRP_EXPORT_TIMEOUT":                          "x",
		"OTEL_RESOURCE_ATTRIBUTES":                          "novalue",
	}
	for name, value := range bad {
		t.Setenv(name, value)
	}
	sdk, seen := startHost(t, telemetry.WithEndpoint(c.url))
	for name := range bad {
		assert.Contains(t, seen.all(), "could not use "+name+", it is ignored")
	}
	assertAllArrive(t, c, sdk)
}

func TestACertificateThatCannotBeReadIsReported(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY", "/no/such/key.pem")
	healthy, _ := exporters(func(context.Context) error { return nil })
	_, seen := startHost(t, telemetry.WithExporters(healthy))
	assert.Contains(t, seen.all(), "could not use OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY, it is ignored: open /no/such/key.pem")
}
