// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
	"github.com/eventflux-io/eventflux-otel/receiver/eventfluxreceiver/internal/pulse"
)

// authority signs the certificates of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key, a.pem, _ = a.sign(t)
	return a
}

// sign makes a certificate for 127.0.0.1, of the authority itself when it has none.
func (a *authority) sign(t *testing.T) (cert *x509.Certificate, key *ecdsa.PrivateKey, certPEM, keyPEM string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "engine"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	require.NoError(t, err)
	cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// trusting is a client's side that trusts a, with a certificate of from if any.
func (a *authority) trusting(t *testing.T, from *authority) *tls.Config {
	t.Helper()
	cfg := &tls.Config{RootCAs: x509.NewCertPool()}
	cfg.RootCAs.AddCert(a.cert)
	if from != nil {
		_, _, cert, key := from.sign(t)
		pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
		require.NoError(t, err)
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg
}

// send exports one item over both transports, over TLS when secured is not nil.
func send(t *testing.T, b *bench, secured *tls.Config, headers map[string]string) (overGRPC, overHTTP error) {
	t.Helper()
	creds, scheme := insecure.NewCredentials(), "http"
	if secured != nil {
		creds, scheme = credentials.NewTLS(secured), "https"
	}
	conn, err := grpc.NewClient(b.receiver.server.GRPCAddr.String(), grpc.WithTransportCredentials(creds))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	ctx := metadata.NewOutgoingContext(t.Context(), metadata.New(headers))
	md := engineMetrics(map[string]any{"service.name": "engine", "service.instance.id": "a"})
	_, overGRPC = pmetricotlp.NewGRPCClient(conn).Export(ctx, pmetricotlp.NewExportRequestFromMetrics(md))

	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		scheme+"://"+b.receiver.server.HTTPAddr.String()+"/v1/metrics", bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", protobufType)
	for key, value := range headers {
		req.Header.Set(key, value)
	}
	transport := &http.Transport{TLSClientConfig: secured, DisableKeepAlives: true, ForceAttemptHTTP2: true}
	resp, overHTTP := (&http.Client{Transport: transport}).Do(req)
	if overHTTP != nil {
		return overGRPC, overHTTP
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err = io.Copy(io.Discard, resp.Body); err != nil {
		return overGRPC, err
	}
	if resp.StatusCode != http.StatusOK {
		overHTTP = errors.New(resp.Status)
	}
	return overGRPC, overHTTP
}

func TestTLSIsAskedForAndKept(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	_, _, cert, key := ours.sign(t)
	serverTLS := configtls.ServerConfig{Config: configtls.Config{
		CertPem: configopaque.String(cert), KeyPem: configopaque.String(key),
	}}
	mutual := serverTLS
	mutual.ClientCAFile = writeFile(t, ours.pem)

	tests := []struct {
		name   string
		server configtls.ServerConfig
		client *tls.Config
		passes bool
	}{
		{"TLS", serverTLS, ours.trusting(t, nil), true},
		{"TLS asked for in plain text", serverTLS, nil, false},
		{"TLS of a server that is not trusted", serverTLS, theirs.trusting(t, nil), false},
		{"mutual TLS", mutual, ours.trusting(t, ours), true},
		{"mutual TLS without a certificate", mutual, ours.trusting(t, nil), false},
		{"mutual TLS with a stranger's certificate", mutual, ours.trusting(t, theirs), false},
		{"mutual TLS in plain text", mutual, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &pipeline{}
			cfg := testConfig()
			cfg.Protocols.GRPC.Get().TLS = configoptional.Some(tt.server)
			cfg.Protocols.HTTP.Get().Server.TLS = configoptional.Some(tt.server)
			b := start(t, cfg, p.sinks(t))
			overGRPC, overHTTP := send(t, b, tt.client, nil)
			if tt.passes {
				require.NoError(t, overGRPC)
				require.NoError(t, overHTTP)
				assert.Equal(t, 4, p.delivered(), "two points over each")
				return
			}
			assert.Error(t, overGRPC)
			assert.Error(t, overHTTP)
			assert.Zero(t, p.delivered())
			assert.Empty(t, b.receiver.list.Engines(time.Now()))
		})
	}
}

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// tenants is an authenticator that knows which token is whose.
type tenants struct {
	component.StartFunc
	component.ShutdownFunc
	byToken map[string]string
}

type tenantData string

func (d tenantData) GetAttribute(name string) any {
	if name == "tenant" {
		return string(d)
	}
	return nil
}

func (tenantData) GetAttributeNames() []string { return []string{"tenant"} }

func (a tenants) Authenticate(ctx context.Context, headers map[string][]string) (context.Context, error) {
	for name, values := range headers {
		if !strings.EqualFold(name, "authorization") || len(values) != 1 {
			continue
		}
		if tenant, ok := a.byToken[values[0]]; ok {
			info := client.FromContext(ctx)
			info.Auth = tenantData(tenant)
			return client.NewContext(ctx, info), nil
		}
	}
	return ctx, errors.New("no or wrong token")
}

// The tenant of a request is what the authenticator says, whatever the sender
// writes into headers, and a request that it refuses leaves no trace.
func TestOnlyTheAuthenticatorNamesTheTenant(t *testing.T) {
	var seen []any
	var mu sync.Mutex
	next, err := consumer.NewMetrics(func(ctx context.Context, md pmetric.Metrics) error {
		if md.ResourceMetrics().At(0).ScopeMetrics().At(0).Scope().Name() == pulse.ScopeName {
			return nil // a report of the receiver's own, of no sender
		}
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, client.FromContext(ctx).Auth.GetAttribute("tenant"))
		return nil
	})
	require.NoError(t, err)
	auth := configauth.Config{AuthenticatorID: tokenID}
	cfg := testConfig()
	cfg.Protocols.GRPC.Get().Auth = configoptional.Some(auth)
	cfg.Protocols.GRPC.Get().IncludeMetadata = true
	cfg.Protocols.HTTP.Get().Server.Auth = configoptional.Some(confighttp.AuthConfig{Config: auth})
	cfg.Protocols.HTTP.Get().Server.IncludeMetadata = true
	b := startWith(t, cfg, sinks{next, consumertest.NewNop(), consumertest.NewNop()}, fakeHost{
		tokenID: tenants{byToken: map[string]string{"Bearer a": "a", "Bearer b": "b"}},
	})

	for name, headers := range map[string]map[string]string{
		"no token":         {},
		"a wrong token":    {"authorization": "Bearer c"},
		"only a tenant":    {"tenant": "a", "x-scope-orgid": "a", "x-tenant": "a"},
		"an empty token":   {"authorization": ""},
		"half of a token":  {"authorization": "Bearer"},
		"a token for more": {"authorization": "Bearer a,Bearer b"},
	} {
		t.Run(name, func(t *testing.T) {
			overGRPC, overHTTP := send(t, b, nil, headers)
			assert.Equal(t, codes.Unauthenticated, status.Code(overGRPC))
			assert.EqualError(t, overHTTP, "401 Unauthorized")
			assert.Empty(t, seen)
			assert.Empty(t, b.receiver.list.Engines(time.Now()), "who is refused is on no list")
		})
	}
	overGRPC, overHTTP := send(t, b, nil, map[string]string{"authorization": "Bearer b", "tenant": "a", "x-tenant": "a"})
	require.NoError(t, overGRPC)
	require.NoError(t, overHTTP)
	assert.Equal(t, []any{"b", "b"}, seen)
}

func TestAnAuthenticatorThatDoesNotRunIsAnErrorOfTheStart(t *testing.T) {
	auth := configauth.Config{AuthenticatorID: component.MustNewID("oidc")}
	for key, change := range map[string]func(*Config){
		"protocols::grpc": func(c *Config) { c.Protocols.GRPC.Get().Auth = configoptional.Some(auth) },
		"protocols::http": func(c *Config) {
			c.Protocols.HTTP.Get().Server.Auth = configoptional.Some(confighttp.AuthConfig{Config: auth})
		},
	} {
		t.Run(key, func(t *testing.T) {
			cfg := testConfig()
			cfg.HealthExtension = nil
			change(cfg)
			m, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(NewFactory().Type()), cfg, consumertest.NewNop())
			require.NoError(t, err)
			err = m.Start(t.Context(), fakeHost{})
			assert.ErrorContains(t, err, key)
			assert.ErrorContains(t, err, "oidc")
			assert.NoError(t, m.Shutdown(t.Context()))
		})
	}
}

func TestBothPortsTellTheirHealth(t *testing.T) {
	_, next := collecting()
	b := start(t, testConfig(), next)
	health := healthpb.NewHealthClient(b.dial(t))
	for _, service := range []string{"", "opentelemetry.proto.collector.metrics.v1.MetricsService"} {
		resp, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		require.NoError(t, err)
		assert.Equal(t, healthpb.HealthCheckResponse_SERVING, resp.GetStatus())
	}
	_, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "other"})
	assert.Equal(t, codes.NotFound, status.Code(err))

	watch, err := health.Watch(t.Context(), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	assert.Equal(t, healthpb.HealthCheckResponse_SERVING, following(t, watch))
	unknown, err := health.Watch(t.Context(), &healthpb.HealthCheckRequest{Service: "other"})
	require.NoError(t, err)
	assert.Equal(t, healthpb.HealthCheckResponse_SERVICE_UNKNOWN, following(t, unknown))

	for method, code := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405} {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.receiver.server.HTTPAddr.String()+"/health", http.NoBody)
		require.NoError(t, err)
		resp, body := do(t, req)
		assert.Equal(t, code, resp.StatusCode, method)
		if method == "GET" {
			assert.JSONEq(t, `{"status":"SERVING"}`, string(body))
			assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
		}
	}

	// A stream that nobody ends does not hold up the shutdown.
	require.NoError(t, b.receiver.Shutdown(t.Context()))
	assert.Equal(t, healthpb.HealthCheckResponse_NOT_SERVING, following(t, watch))
	_, err = watch.Recv()
	assert.Equal(t, codes.Unavailable, status.Code(err))
	_, err = unknown.Recv()
	assert.Equal(t, codes.Unavailable, status.Code(err))
}

func following(t *testing.T, watch grpc.ServerStreamingClient[healthpb.HealthCheckResponse]) healthpb.HealthCheckResponse_ServingStatus {
	t.Helper()
	resp, err := watch.Recv()
	require.NoError(t, err)
	return resp.GetStatus()
}

// Probes have no credentials: HTTP answers them, gRPC says that it is there.
func TestHealthBehindAuthentication(t *testing.T) {
	cfg := testConfig()
	cfg.Protocols.GRPC.Get().Auth = configoptional.Some(tokenAuth)
	cfg.Protocols.HTTP.Get().Server.Auth = configoptional.Some(confighttp.AuthConfig{Config: tokenAuth})
	_, next := collecting()
	b := start(t, cfg, next)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.receiver.server.HTTPAddr.String()+"/health", http.NoBody)
	require.NoError(t, err)
	resp, _ := do(t, req)
	assert.Equal(t, 200, resp.StatusCode)

	health := healthpb.NewHealthClient(b.dial(t))
	_, err = health.Check(t.Context(), &healthpb.HealthCheckRequest{})
	assert.Equal(t, codes.Unauthenticated, status.Code(err))
	_, err = health.Check(metadata.AppendToOutgoingContext(t.Context(), "authorization", rightToken), &healthpb.HealthCheckRequest{})
	assert.NoError(t, err)
}

// pipe forwards TCP until it is cut, and then keeps both ends open and silent,
// as a network does that vanishes.
type pipe struct {
	ln   net.Listener
	to   string
	mu   sync.Mutex
	cut  bool
	open []net.Conn
	wg   sync.WaitGroup
}

func newPipe(t *testing.T, to string) *pipe {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &pipe{ln: ln, to: to}
	p.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			p.connect(c)
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		p.mu.Lock()
		for _, c := range p.open {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

func (p *pipe) connect(c net.Conn) {
	s, err := net.Dial("tcp", p.to)
	if err != nil {
		_ = c.Close()
		return
	}
	p.mu.Lock()
	p.open = append(p.open, c, s)
	p.mu.Unlock()
	p.wg.Go(func() { p.copy(s, c) })
	p.wg.Go(func() { p.copy(c, s) })
}

func (p *pipe) copy(to, from net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		cut := p.cut
		p.mu.Unlock()
		if cut {
			continue
		}
		if _, err = to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func TestAHalfOpenConnectionEnds(t *testing.T) {
	cfg := testConfig()
	params := cfg.Protocols.GRPC.Get().Keepalive.Get().ServerParameters.Get()
	params.Time, params.Timeout = time.Second, time.Second // the least that gRPC allows
	cfg.Engines.ReconnectGrace = 0
	_, next := collecting()
	b := start(t, cfg, next)
	p := newPipe(t, b.receiver.server.GRPCAddr.String())
	conn, err := grpc.NewClient(p.ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUserAgent("OTel-OTLP-Exporter-Go/1"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	export(t, conn, engineMetrics(map[string]any{"service.name": "engine", "service.instance.id": "a"}))
	assert.Equal(t, engineview.StateUp, b.receiver.list.Engines(time.Now())[0].State)

	p.mu.Lock()
	p.cut = true
	p.mu.Unlock()
	require.Eventually(t, func() bool {
		e := b.receiver.list.Engines(time.Now())[0]
		return e.State == engineview.StateSilent && e.Evidence == engineview.EvidenceConnectionLost
	}, time.Minute, 10*time.Millisecond)
}

func TestShutdownIsBoundedForHTTPToo(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	enter := sync.OnceFunc(func() { close(entered) }) // the receiver's own reports come, too
	stuck, err := consumer.NewMetrics(func(context.Context, pmetric.Metrics) error {
		enter()
		<-release
		return nil
	})
	require.NoError(t, err)
	for name, begin := range map[string]func(*testing.T, string){
		"a pipeline that is stuck": func(t *testing.T, addr string) {
			t.Helper()
			body := oneItem(protobufType)(t, signals[0])
			go post(addr, bytes.NewReader(body))
			<-entered
		},
		"a body that does not end": func(t *testing.T, addr string) {
			t.Helper()
			c, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			t.Cleanup(func() { _ = c.Close() })
			_, err = fmt.Fprintf(c, "POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n", protobufType)
			require.NoError(t, err)
			// The server says "100 Continue" when the handler reads.
			_, err = io.ReadFull(c, make([]byte, 10))
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig()
			cfg.HealthExtension = nil
			cfg.ShutdownTimeout = 100 * time.Millisecond
			m, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(NewFactory().Type()), cfg, stuck)
			require.NoError(t, err)
			r := m.(*eventfluxReceiver)
			require.NoError(t, r.Start(t.Context(), fakeHost{}))
			begin(t, r.server.HTTPAddr.String())
			assert.ErrorContains(t, r.Shutdown(context.Background()), "HTTP requests still in flight were cut off")
		})
	}
}

// post sends a request whose answer nobody waits for.
func post(addr string, body io.Reader) {
	req, err := http.NewRequest(http.MethodPost, "http://"+addr+"/v1/metrics", body)
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", protobufType)
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_ = resp.Body.Close()
	}
}
