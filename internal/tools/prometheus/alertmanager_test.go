// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/featurecontrol"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/provider/mem"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func alertmanager(t *testing.T) *config.Config {
	t.Helper()
	c, err := config.LoadFile(filepath.Join(root, "alerts/alertmanager/alertmanager.yml"))
	require.NoError(t, err)
	return c
}

func TestEveryAlertReachesWhoeverItsSeverityIsFor(t *testing.T) {
	route := dispatch.NewRoute(alertmanager(t).Route, nil)
	receivers := map[string]string{"critical": "pager", "warning": "tickets", "none": "heartbeat"}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		labels := model.LabelSet{"alertname": model.LabelValue(r.Alert)}
		for k, v := range r.Labels {
			labels[model.LabelName(k)] = model.LabelValue(v)
		}
		var reached []string
		for _, m := range route.Match(labels) {
			reached = append(reached, m.RouteOpts.Receiver)
		}
		assert.Equal(t, []string{receivers[r.Labels["severity"]]}, reached, r.Alert)
	}
}

// mutedBy says whether an alert is muted while another is active.
func mutedBy(t *testing.T, cause, symptom model.LabelSet) bool {
	t.Helper()
	log := promslog.NewNopLogger()
	alerts, err := mem.NewAlerts(t.Context(), time.Hour, 0, nil, log, eventrecorder.NopRecorder(), prometheus.NewRegistry(), featurecontrol.NoopFlags{})
	require.NoError(t, err)
	defer alerts.Close()
	now := time.Now()
	require.NoError(t, alerts.Put(t.Context(), &alert.Alert{
		Alert: model.Alert{Labels: cause, StartsAt: now.Add(-time.Minute), EndsAt: now.Add(time.Hour)}, UpdatedAt: now,
	}))
	i := inhibit.NewInhibitor(alerts, alertmanager(t).InhibitRules, log, eventrecorder.NopRecorder())
	done := make(chan struct{})
	go func() {
		defer close(done)
		i.Run()
	}()
	i.WaitForLoading()
	muted := i.Mutes(t.Context(), symptom)
	i.Stop()
	<-done
	return muted
}

func TestACauseMutesItsSymptomsAndNothingElse(t *testing.T) {
	for _, tt := range []struct {
		cause, symptom string
		same           []string // labels that both must have
	}{
		{"EngineSilent", "QueryBlocked", []string{"job", "instance"}},
		{"EngineSilent", "SinkErrors", []string{"job", "instance"}},
		{"CollectorQueueFull", "CollectorQueueFillsUp", []string{"job", "instance", "exporter", "data_type"}},
		{"StreamBackpressure", "StreamQueueFillsUp", []string{"job", "instance", "stream_name"}},
		{"SinkDisconnected", "SinkErrors", []string{"job", "instance", "stream_name", "eventflux_sink_type"}},
		{"QueryStalled", "QueryBufferFull", []string{"job", "instance", "query_id"}},
		{"QueryStalled", "QueryBlocked", []string{"job", "instance", "query_id"}},
		{"CheckpointStale", "CheckpointFailing", []string{"job", "instance"}},
		{"CollectorAbsent", "NoEngineUp", nil},
		{"CollectorAbsent", "EngineSilent", nil},
	} {
		labels := func(name string) model.LabelSet {
			l := model.LabelSet{"alertname": model.LabelValue(name)}
			for _, s := range tt.same {
				l[model.LabelName(s)] = "x"
			}
			return l
		}
		assert.True(t, mutedBy(t, labels(tt.cause), labels(tt.symptom)), "%s mutes %s", tt.cause, tt.symptom)
		assert.False(t, mutedBy(t, labels(tt.symptom), labels(tt.cause)), "%s mutes %s", tt.symptom, tt.cause)
		assert.False(t, mutedBy(t, labels(tt.cause), labels("CardinalityFolding")), tt.cause)
		for _, s := range tt.same {
			other := labels(tt.symptom)
			other[model.LabelName(s)] = "y"
			assert.False(t, mutedBy(t, labels(tt.cause), other), "%s mutes %s of another %s", tt.cause, tt.symptom, s)
		}
	}
	page := model.LabelSet{"alertname": "LatencyBudgetBurn", "severity": "critical", "job": "x", "window": "1h"}
	ticket := model.LabelSet{"alertname": "LatencyBudgetBurn", "severity": "warning", "job": "x", "window": "3d"}
	assert.True(t, mutedBy(t, page, ticket))
	assert.False(t, mutedBy(t, ticket, page))
	ticket["alertname"] = "DeliveryBudgetBurn"
	assert.False(t, mutedBy(t, page, ticket), "of another budget")
}

func TestWhatMutesIsAboutAlertsThatExist(t *testing.T) {
	for _, i := range alertmanager(t).InhibitRules {
		for _, m := range slices.Concat(i.SourceMatchers, i.TargetMatchers) {
			assert.True(t, slices.ContainsFunc(rules(t), func(r rule) bool {
				return m.Name == "alertname" && m.Matches(r.Alert) || m.Name != "alertname" && m.Matches(r.Labels[m.Name])
			}), m.String())
		}
	}
}
