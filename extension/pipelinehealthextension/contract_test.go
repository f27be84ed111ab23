// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package pipelinehealthextension

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/component"

	"github.com/eventflux-io/eventflux-otel/internal/engineview"
)

// knowingSource is a receiver that knows what its engines send.
type knowingSource struct {
	fakeSource
	contract engineview.Contract
}

func (s *knowingSource) Contract(instance string) []engineview.Contract {
	if instance != s.contract.InstanceID {
		return nil
	}
	return []engineview.Contract{s.contract}
}

func TestTheContractOfAnEngineIsAnsweredWhileItsReceiverRuns(t *testing.T) {
	e := start(t)
	source := &knowingSource{contract: engineview.Contract{Name: "engine", InstanceID: "10.0.0.1:4711", Sends: []string{"query.latency"}}}
	unregister := e.RegisterEngines(component.MustNewID("eventflux"), source)
	for path, want := range map[string]int{
		"/engines/10.0.0.1:4711/contract":   http.StatusOK,
		"/engines/10.0.0.1%3A4711/contract": http.StatusOK,
		"/engines/b/contract":               http.StatusNotFound,
	} {
		resp, body := e.ask(t, http.MethodGet, path)
		assert.Equal(t, want, resp.StatusCode, body)
	}
	_, body := e.ask(t, http.MethodGet, "/engines/10.0.0.1:4711/contract")
	assert.Contains(t, body, `"sends":["query.latency"]`)
	unregister()
	resp, _ := e.ask(t, http.MethodGet, "/engines/10.0.0.1:4711/contract")
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
}
