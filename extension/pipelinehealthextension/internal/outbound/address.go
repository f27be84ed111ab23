// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"net"
	"net/url"
	"strings"
)

// Address returns host:port of an endpoint as exporters write it: host:port, an URL, or the
// target of a gRPC client. What else an URL holds, such as a password, is left out.
func Address(endpoint string) string {
	scheme, rest, isURL := strings.Cut(endpoint, "://")
	if !isURL {
		return strings.TrimPrefix(endpoint, "unix:")
	}
	switch scheme {
	case "http", "https":
		u, err := url.Parse(endpoint)
		if err != nil || u.Hostname() == "" {
			return scheme
		}
		if u.Port() == "" {
			return net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[scheme])
		}
		return u.Host
	case "unix":
		return rest
	default: // dns://authority/host:port, passthrough:///host:port
		return rest[strings.LastIndexByte(rest, '/')+1:]
	}
}
