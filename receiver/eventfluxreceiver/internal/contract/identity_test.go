// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

func TestIdentify(t *testing.T) {
	const peer = "192.0.2.7:40112"
	tests := []struct {
		name  string
		attrs map[string]any
		want  Identity
	}{
		{
			"complete resource is left alone",
			map[string]any{"service.name": "engine", "service.instance.id": "a", "service.version": "1.2"},
			Identity{Name: "engine", Instance: "a", Version: "1.2"},
		},
		{
			"host and process id name an instance",
			map[string]any{"service.name": "engine", "host.name": "h1", "process.pid": 42},
			Identity{Name: "engine", Instance: "h1:42", PID: "42", InstanceAssigned: true},
		},
		{
			"host alone is not unique, the connection is",
			map[string]any{"service.name": "engine", "host.name": "h1"},
			Identity{Name: "engine", Instance: peer, InstanceAssigned: true},
		},
		{
			"empty attributes count as missing",
			map[string]any{"service.name": "", "service.instance.id": ""},
			Identity{Name: "unknown_service", Instance: peer, NameAssigned: true, InstanceAssigned: true},
		},
		{
			"namespace",
			map[string]any{"service.namespace": "trading", "service.name": "engine", "service.instance.id": "7"},
			Identity{Namespace: "trading", Name: "engine", Instance: "7"},
		},
		{
			"numeric instance",
			map[string]any{"service.name": "engine", "service.instance.id": 7},
			Identity{Name: "engine", Instance: "7"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			attrs := pcommon.NewMap()
			if err := attrs.FromRaw(tt.attrs); err != nil {
				t.Fatal(err)
			}
			if got := Identify(attrs, peer); got != tt.want {
				t.Errorf("Identify() = %+v, want %+v", got, tt.want)
			}
			again := Identify(attrs, "192.0.2.8:1")
			if again.NameAssigned || again.InstanceAssigned {
				t.Errorf("second receiver in a row assigns again: %+v", again)
			}
			if again.Name != tt.want.Name || again.Instance != tt.want.Instance {
				t.Errorf("attributes say %+v, want %+v", again, tt.want)
			}
		})
	}
}
