// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestASecretShowsItselfToNobody(t *testing.T) {
	s := Secret("hunter22")
	holder := struct {
		S Secret
		P *Secret
	}{s, &s}
	doc, err := json.Marshal(holder)
	require.NoError(t, err)
	assert.JSONEq(t, `{"S":"***","P":"***"}`, string(doc))
	var out bytes.Buffer
	slog.New(NewHandler(&out, Options{})).Info("m", "s", s, "p", &s, "any", holder)
	text := out.String() + string(doc)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s"} {
		text += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, []Secret{s}) + fmt.Sprintf(verb, holder)
	}
	assert.NotContains(t, text, "hunter22")
	assert.NotContains(t, text, fmt.Sprintf("%x", "hunter22"))
	assert.NotContains(t, text, fmt.Sprintf("%X", "hunter22"))
	assert.Equal(t, "hunter22", s.Reveal())
}
