// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/eventflux-io/eventflux-otel/examples/engine/internal/control"
)

// Ask does the commands fault and query: it asks a running engine and prints the
// answer.
func Ask(verb string, args []string, out io.Writer) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return errors.New(map[string]string{
			"fault": "say which fault, as in: eventflux-engine fault slow_sink=200ms --for 30s",
			"query": "say what to ask for, as in: eventflux-engine query '/tables/latest?limit=5'",
		}[verb])
	}
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	addr := flags.String("control", "127.0.0.1:9102", "address that the engine runs with")
	lasts := flags.String("for", "", "how long a fault lasts; empty: until it is stopped")
	stop := flags.Bool("stop", false, "stop the fault")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	method, path, body := http.MethodGet, args[0], []byte(nil)
	if verb == "fault" {
		kind, value, _ := strings.Cut(args[0], "=")
		if method, path = http.MethodPost, "/faults"; *stop {
			method, path = http.MethodDelete, "/faults/"+url.PathEscape(kind)
		} else {
			body, _ = json.Marshal(map[string]string{"kind": kind, "value": value, "for": *lasts}) // cannot fail
		}
	}
	answer, err := control.Call(context.Background(), *addr, method, path, body)
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, answer, "", "  ") != nil {
		pretty.Write(answer)
	}
	_, err = fmt.Fprintln(out, strings.TrimSpace(pretty.String()))
	return err
}
