// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package prom

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/eventflux-io/eventflux-otel/test/internal/run"
)

// Alertmanager is a running Alertmanager with the shipped configuration, whose receivers are this test.
type Alertmanager struct {
	Addr string
	mu   sync.Mutex
	told map[string]map[string]string // status by receiver and alert, such as pager/SinkErrors, and group
}

var receiver = regexp.MustCompile(`(?m)^  - name: (\w+)$`)

// StartAlertmanager starts it with waits of a second.
func StartAlertmanager(t testing.TB) *Alertmanager {
	t.Helper()
	a := &Alertmanager{Addr: fmt.Sprintf("127.0.0.1:%d", run.FreePort(t)), told: map[string]map[string]string{}}
	hook := httptest.NewServer(http.HandlerFunc(a.take))
	t.Cleanup(hook.Close)
	text, err := os.ReadFile(filepath.Join(run.Root(t), "alerts", "alertmanager", "alertmanager.yml"))
	if err != nil {
		t.Fatal(err)
	}
	config := receiver.ReplaceAllString(string(text), "  - name: $1\n    webhook_configs: [{url: '"+hook.URL+"/$1', send_resolved: true}]")
	config = strings.NewReplacer("group_wait: 30s", "group_wait: 1s", "group_interval: 5m", "group_interval: 1s").Replace(config)
	dir := t.TempDir()
	path := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil { //nolint:gosec // a folder of the test
		t.Fatal(err)
	}
	run.Start(t, "alertmanager", run.Binary(t, "alertmanager"), []string{
		"--config.file=" + path, "--storage.path=" + dir, "--web.listen-address=" + a.Addr, "--cluster.listen-address=",
	}, nil)
	return a
}

// take is called by Alertmanager with what a receiver is told.
func (a *Alertmanager) take(_ http.ResponseWriter, r *http.Request) {
	var message struct {
		Status, GroupKey string
		GroupLabels      Labels
	}
	if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
		return // the test misses the message
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	key := strings.TrimPrefix(r.URL.Path, "/") + "/" + message.GroupLabels["alertname"]
	if a.told[key] == nil {
		a.told[key] = map[string]string{}
	}
	a.told[key][message.GroupKey] = message.Status
}

// Told returns what a receiver was told last about an alert: firing while any group of it is, resolved or nothing.
func (a *Alertmanager) Told(receiver, alert string) (status string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.told[receiver+"/"+alert] {
		if status != "firing" {
			status = s
		}
	}
	return status
}
