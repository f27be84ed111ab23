// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package contract checks what engines send against what the rest of the
// pipeline relies on, and repairs what can be repaired without guessing.
//
// It repairs identity: every resource leaves with a service.name and a
// service.instance.id, because the Prometheus exporter tells series of two
// engines apart by these two alone and lets the later one overwrite the other. It checks names, types, units and
// attributes against the conventions, and tells each breach with the way out.
package contract

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Resource attributes that make an engine's identity, from the service
// conventions of OpenTelemetry.
const (
	keyName     = "service.name"
	keySpace    = "service.namespace"
	keyInstance = "service.instance.id"
	keyVersion  = "service.version"
	keyHost     = "host.name"
	keyPID      = "process.pid"
)

// unknownService is the name that the conventions give to a sender without one.
const unknownService = "unknown_service"

// Identity is who a resource says it is, after repair.
type Identity struct {
	Namespace string // empty when the sender has none
	Name      string
	Instance  string
	Version   string
	// PID is the process.pid, empty when the sender leaves it out.
	PID string
	// NameAssigned and InstanceAssigned are true when the sender left the
	// attribute out and it was added.
	NameAssigned     bool
	InstanceAssigned bool
}

// Identify returns the identity in the resource attributes and adds what is
// missing to them.
//
// A missing service.instance.id becomes "<host.name>:<process.pid>" where the
// sender gave both, and otherwise the address of the connection's far end,
// peer. Either tells two live processes apart. The address changes when the
// sender reconnects: then its series start anew, as they do after a restart.
func Identify(attrs pcommon.Map, peer string) Identity {
	id := Identity{
		Namespace: text(attrs, keySpace),
		Name:      text(attrs, keyName),
		Instance:  text(attrs, keyInstance),
		Version:   text(attrs, keyVersion),
		PID:       text(attrs, keyPID),
	}
	if id.Name == "" {
		id.Name = unknownService
		id.NameAssigned = true
		attrs.PutStr(keyName, id.Name)
	}
	if id.Instance == "" {
		id.Instance = assign(attrs, peer)
		id.InstanceAssigned = true
		attrs.PutStr(keyInstance, id.Instance)
	}
	return id
}

func assign(attrs pcommon.Map, peer string) string {
	host, pid := text(attrs, keyHost), text(attrs, keyPID)
	if host != "" && pid != "" {
		return host + ":" + pid
	}
	return peer
}

// text returns the attribute as text, empty when it is absent.
func text(attrs pcommon.Map, key string) string {
	v, ok := attrs.Get(key)
	if !ok {
		return ""
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.Int(), 10)
	default:
		return v.AsString()
	}
}
