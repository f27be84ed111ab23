// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/eventflux-io/eventflux-otel/extension/pipelinehealthextension/internal/metadata"
)

// at makes an extension that listens on an address with a port.
func at(t *testing.T, endpoint string) *healthExtension {
	t.Helper()
	cfg := newDefaultConfig().(*Config)
	cfg.Server.NetAddr.Endpoint = endpoint
	e := newExtension(extensiontest.NewNopSettings(metadata.Type), cfg)
	e.terminal = quietTerminal()
	return e
}

func freeEndpoint(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, ln.Close()) }()
	return ln.Addr().String()
}

// Whoever connects while a reload is between two extensions is answered by the second.
func TestAReloadNeverRefuses(t *testing.T) {
	endpoint := freeEndpoint(t)
	first := at(t, endpoint)
	require.NoError(t, first.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, first.Ready())
	require.NoError(t, first.NotReady())
	require.NoError(t, first.Shutdown(t.Context()))

	conn, err := net.Dial("tcp", endpoint)
	require.NoError(t, err, "the port is open")
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprint(conn, "GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)

	second := at(t, endpoint)
	require.NoError(t, second.Start(t.Context(), componenttest.NewNopHost()))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, "it is starting")
	assert.Equal(t, first.addr.String(), second.addr.String())
	require.NoError(t, second.Ready())

	second.signalled(syscall.SIGTERM)
	require.NoError(t, second.Shutdown(t.Context()))
	_, err = net.DialTimeout("tcp", endpoint, time.Second)
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "after the end it is not")
}

func TestAPortThatNobodyTakesOverIsClosed(t *testing.T) {
	p := parked{byName: map[string]*socket{}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &socket{deadliner: ln.(deadliner)}
	p.park("a", s, time.Millisecond)
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, time.Minute, time.Millisecond)
	assert.Nil(t, p.take("a"))
}

func TestAFailedStartKeepsNoPort(t *testing.T) {
	endpoint := freeEndpoint(t)
	e := at(t, endpoint)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, e.NotReady())
	require.NoError(t, e.Shutdown(context.Background()))
	_, err := net.DialTimeout("tcp", endpoint, time.Second)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

// certificate makes one for 127.0.0.1 that signs itself.
func certificate(t *testing.T) (certPEM, keyPEM string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

func TestTLSAcrossAReload(t *testing.T) {
	cert, key := certificate(t)
	endpoint := freeEndpoint(t)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM([]byte(cert)))
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, DisableKeepAlives: true,
	}}
	for range 2 {
		e := at(t, endpoint)
		e.cfg.Server.TLS = configoptional.Some(configtls.ServerConfig{Config: configtls.Config{
			CertPem: configopaque.String(cert), KeyPem: configopaque.String(key),
		}})
		require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, e.Ready())
		resp, err := client.Get("https://" + endpoint + "/ready")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		assert.Equal(t, 2, resp.ProtoMajor)
		require.NoError(t, e.NotReady())
		require.NoError(t, e.Shutdown(t.Context()))
	}
	client.CloseIdleConnections()
	last := ports.take("tcp " + endpoint)
	require.NotNil(t, last, "it is kept for the next one")
	require.NoError(t, last.deadliner.Close())
}
