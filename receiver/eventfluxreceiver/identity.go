// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package eventfluxreceiver

import (
	"context"

	"go.opentelemetry.io/collector/client"
	"go.uber.org/zap"
)

// principalAttributes are what authenticators call the one who was authenticated:
// OIDC, basic authentication, and others. Tokens are none of them: they change.
var principalAttributes = []string{"subject", "username", "client_id"}

// principal returns who is authenticated, empty when nobody is.
func principal(ctx context.Context) string {
	auth := client.FromContext(ctx).Auth
	if auth == nil {
		return ""
	}
	for _, name := range principalAttributes {
		if who, ok := auth.GetAttribute(name).(string); ok && who != "" {
			return name + "=" + who
		}
	}
	return ""
}

// contested reports whether the sender uses the identity of a live engine that
// belongs to someone else. What it sends then passes and is counted, and says
// nothing of the engine.
func (r *eventfluxReceiver) contested(ctx context.Context, s *sender) bool {
	who := principal(ctx)
	if who == "" {
		return false
	}
	conflict, first := r.list.Claim(s.key, who, s.now)
	if conflict {
		r.tel.conflict(ctx, conflictPrincipal)
	}
	if first {
		r.set.Logger.Warn("A sender uses the identity of a live engine and is authenticated as someone else; "+
			"give each engine a service.instance.id of its own, or find out who that is",
			append(s.fields(), zap.String("principal", who), zap.String("peer", s.from.Peer))...)
	}
	return conflict
}

// saw tells the list which process sent the metrics.
func (r *eventfluxReceiver) saw(ctx context.Context, s *sender) {
	conflict, first := r.list.Saw(s.key, s.process, s.ownConnection(), s.now)
	if conflict {
		r.tel.conflict(ctx, conflictProcess)
	}
	if first {
		r.set.Logger.Warn("Two live processes use one identity, and their series overwrite each other; "+
			"give each engine a service.instance.id of its own",
			append(s.fields(), zap.String("process.pid", s.id.PID), zap.String("peer", s.from.Peer))...)
	}
}

func (s *sender) fields() []zap.Field {
	return []zap.Field{zap.String("service.name", s.id.Name), zap.String("service.instance.id", s.id.Instance)}
}
