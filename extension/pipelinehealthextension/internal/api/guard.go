// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Guard lets requests to next through that name a host of this machine. A page
// in a browser can make its own name resolve to a loopback address, and would
// otherwise read what is meant for this machine alone. A server that listens on
// other addresses, too, is for others as well: it takes every name. Who names none is
// not a browser.
func Guard(listens net.Addr, endpoint string, next http.Handler) http.Handler {
	if tcp, ok := listens.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return next
	}
	own := hostOf(endpoint)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host := hostOf(r.Host); host != "" && host != own && !loopback(host) {
			answer(w, http.StatusMisdirectedRequest, failure(fmt.Errorf(
				"host %.100q is not this machine's: the server listens on a loopback address; ask localhost", host)))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func hostOf(hostPort string) string {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = hostPort
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
