// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package redact_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	"github.com/eventflux-io/eventflux-otel/sdk/internal/redact"
	"github.com/eventflux-io/eventflux-otel/sdk/internal/redact/redacttest"
)

func TestSecretsAreHiddenAndTheRestStays(t *testing.T) {
	for _, s := range redacttest.Samples() {
		t.Run(s.Name, func(t *testing.T) {
			got, n := redact.String(s.Text)
			assert.Positive(t, n)
			assert.Contains(t, got, redact.Mark)
			for _, secret := range s.Hidden {
				assert.NotContains(t, got, secret)
			}
			for _, kept := range s.Kept {
				assert.Contains(t, got, kept)
			}
			again, n := redact.String(got)
			assert.Equal(t, got, again, "once is enough")
			assert.Zero(t, n)
		})
	}
}

func TestInnocentTextIsReturnedAsItIs(t *testing.T) {
	for _, s := range redacttest.Innocent() {
		got, n := redact.String(s)
		assert.Equal(t, s, got)
		assert.Zero(t, n, s)
		assert.Zero(t, testing.AllocsPerRun(10, func() { redact.String(s) }), s)
	}
}

func TestKeys(t *testing.T) {
	secret := []string{
		"password", "Password", "DB_PASSWORD", "dbPassword", "DBPassword", "db.password", "user-passwd", "pwd", "passphrase", "userpassword",
		"secret", "client_secret", "clientSecret", "secrets", "token", "access_token", "accessToken", "X-Auth-Token", "authtoken", "id_token",
		"api_key", "apiKey", "APIKey", "apikey", "x-api-key", "authorization", "Proxy-Authorization", "cookie", "Set-Cookie", "credentials",
		"aws_secret_access_key", "access_key_id", "private_key", "privateKey", "AccountKey", "SharedAccessKey", "connection_string",
		"connectionString", "dsn", "session_id", "sessionId", "JSESSIONID", "http.request.header.authorization", "password_hash", "jwt", "otp", "cvv",
		"credentials.user", "token.value", "signing_key", "X-Amz-Signature",
	}
	for _, k := range secret {
		assert.True(t, redact.Key(k), k)
	}
	innocent := []string{
		"", "key", "keyboard", "partition.key", "primary_key", "keys", "tokens.processed", "tokens", "token_bucket", "tokenBucket", "token.count",
		"password.length", "passwordPolicy", "secret_name", "session", "session.count", "sessions.open", "query.id", "stream.name", "output.stream",
		"process.pid", "success", "created.at", "broker.id", "worker", "connection", "connections.total", "signature", "string", "cookie.count",
		"credentials.expiry", "authorization_type", "count", "http.method", "utilization", "window.type", "passed", "compass", "author", "spinning",
	}
	for _, k := range innocent {
		assert.False(t, redact.Key(k), k)
	}
}

func TestAKeyInGroupsIsReadAsOne(t *testing.T) {
	assert.True(t, redact.KeyIn("api.", "key"))
	assert.True(t, redact.KeyIn("credentials.", "user"))
	assert.False(t, redact.KeyIn("token.", "count"))
	assert.False(t, redact.KeyIn("query.", "id"))
	long := strings.Repeat("group.", 50)
	assert.True(t, redact.KeyIn(long, "password"))
}

func TestJSONStaysJSON(t *testing.T) {
	doc := []byte(`{"user":"ada","Password":"hunter22","n":12345678901234567890,"on":true,"api":{"key":"k","url":"http://a:b@c/"},` +
		`"list":["ok","Bearer Zq7Lw2Rk9Xv4Tn8B"],"token":{"a":1},"secret":null,"raw":"cGFzc3dvcmQ9aHVudGVyMjI="}`)
	got, n := redact.JSON("", doc)
	assert.Equal(t, 6, n)
	require.True(t, json.Valid(got), string(got))
	assert.Equal(t, []string{`{"user":"ada","Password":"***","n":12345678901234567890,"on":true,"api":{"key":"***","url":"http://***@c/"},` +
		`"list":["ok","Bearer ***"],"token":"***","secret":null,"raw":"***"}`}, []string{string(got)}, "to the byte")
	again, n := redact.JSON("", got)
	assert.Equal(t, string(got), string(again))
	assert.Zero(t, n)
	for _, broken := range []string{"", "{", "{\"a\"", "[1,", "]", "{\"a\":\"", "{,", "{\"password\""} {
		got, _ = redact.JSON("", []byte(broken))
		assert.Equal(t, broken, string(got))
	}
}

func TestAttributesOfEveryKind(t *testing.T) {
	url, hidden := "redis://:pw@h", "redis://***@h"
	for _, test := range []struct {
		in, want attribute.KeyValue
		n        int
	}{
		{attribute.String("query.id", "q1"), attribute.String("query.id", "q1"), 0},
		{attribute.String("url", url), attribute.String("url", hidden), 1},
		{attribute.String("password", "x"), attribute.String("password", "***"), 1},
		{attribute.String("password", ""), attribute.String("password", ""), 0},
		{attribute.Int("pwd", 1234), attribute.String("pwd", "***"), 1},
		{attribute.Bool("password", true), attribute.Bool("password", true), 0},
		{attribute.StringSlice("urls", []string{"a", url}), attribute.StringSlice("urls", []string{"a", hidden}), 1},
		{attribute.KeyValue{Key: "b", Value: attribute.ByteSliceValue([]byte(url))}, attribute.KeyValue{Key: "b", Value: attribute.ByteSliceValue([]byte(hidden))}, 1},
		{
			attribute.KeyValue{Key: "s", Value: attribute.SliceValue(attribute.StringValue(url), attribute.IntValue(1))},
			attribute.KeyValue{Key: "s", Value: attribute.SliceValue(attribute.StringValue(hidden), attribute.IntValue(1))},
			1,
		},
		{
			attribute.Map("api", attribute.String("key", "k"), attribute.Map("in", attribute.String("token", "t")), attribute.Int("n", 1)),
			attribute.Map("api", attribute.String("key", "***"), attribute.Map("in", attribute.String("token", "***")), attribute.Int("n", 1)), 2,
		},
	} {
		got, n := redact.KeyValue(test.in)
		assert.Equal(t, test.want, got)
		assert.Equal(t, test.n, n)
	}
	list := []attribute.KeyValue{attribute.String("a", "b"), attribute.String("token", "t")}
	got, n := redact.KeyValues(list)
	assert.Equal(t, 1, n)
	assert.Equal(t, "t", list[1].Value.AsString(), "the caller's list is not touched")
	assert.Equal(t, "***", got[1].Value.AsString())
}

type panicking struct{}

func (panicking) Error() string { panic("password=hunter22") }

func TestErrorsKeepTheirIdentityButNotTheirText(t *testing.T) {
	plain := errors.New("connection refused")
	n, got := redact.Error(plain)
	assert.Same(t, plain, got)
	assert.Zero(t, n)

	n, got = redact.Error(errors.Join(plain, fmt.Errorf("open redis://:pw@h: %w", fs.ErrNotExist)))
	assert.Equal(t, 1, n)
	assert.Equal(t, "connection refused\nopen redis://***@h: file does not exist", got.Error())
	require.ErrorIs(t, got, fs.ErrNotExist)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %q", got, got, got, got), "pw")

	_, got = redact.Error(panicking{})
	assert.Equal(t, "!PANIC: password=***", got.Error())
	n, got = redact.Error(nil)
	require.NoError(t, got)
	assert.Zero(t, n)
}

func TestAMegabyteTakesNoTime(t *testing.T) {
	const size = 1 << 20
	for _, unit := range []string{
		"a", " ", "://", "://a:b/", "@", "a:@", "a:b@", "sk-", "eyJ", "eyJ1-", "-----BEGIN ", "---- END ", "END ", "=", "\"=", "password=", "password: ",
		"x cookie: a; ", "x token: ", "--password ", "<password>", "4111 ", "4", "1 ", "bearer ", "basic a ", "[", "secret:[", "\\", "token:\\\"", "a b key: ",
	} {
		text := strings.Repeat(unit, size/len(unit))
		began := time.Now()
		redact.String(text)
		assert.Less(t, time.Since(began), 5*time.Second, unit)
	}
}

func FuzzString(f *testing.F) {
	for _, s := range redacttest.Samples() {
		f.Add(s.Text)
	}
	for _, s := range redacttest.Innocent() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once, n := redact.String(s)
		if n == 0 && once != s {
			t.Fatalf("changed without counting: %q", once)
		}
		twice, n := redact.String(once)
		if twice != once || n != 0 {
			t.Fatalf("%q became %q, then %q", s, once, twice)
		}
	})
}

// FuzzSurroundings holds that a secret is found whatever stands around it.
func FuzzSurroundings(f *testing.F) {
	f.Add("before", "after")
	f.Add("{\"a\":", "}")
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, secret := range []string{"gh" + "p_Zq7Lw2Rk9Xv4Tn8Bm3Hd6Pc1Sy5Fg0Ja", "AK" + "IAIOSFODNN7EXAMPLE", "4111111111111111"} {
			if got, _ := redact.String(before + "\n" + secret + "\n" + after); strings.Contains(got, secret) && !strings.Contains(before+after, secret) {
				t.Fatalf("%q", got)
			}
		}
		if got, _ := redact.String(before + "\npassword=hunter22\n" + after); strings.Contains(got, "hunter22") && !strings.Contains(before+after, "hunter22") {
			t.Fatalf("%q", got)
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add(`{"a":[1,"x",{"password":"y"}]}`)
	f.Fuzz(func(t *testing.T, doc string) {
		got, _ := redact.JSON("", []byte(doc))
		if json.Valid([]byte(doc)) && !json.Valid(got) {
			t.Fatalf("%q became %q", doc, got)
		}
	})
}

var sink string

func BenchmarkString(b *testing.B) {
	for name, s := range map[string]string{
		"clean_8": "StockStr", "clean_30": "Query executed successfully ok", "clean_200": strings.Repeat("could not reach the sink on 10.0.0.1:9092 ", 5)[:200],
		"clean_sql": "SELECT symbol, avg(price) AS p FROM StockStream GROUP BY symbol HAVING p > 10.5;", "url": "dial postgres://ada:hunter22@db:5432/orders",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink, _ = redact.String(s)
			}
		})
	}
}

func BenchmarkKey(b *testing.B) {
	for _, k := range []string{"query.id", "events.processed", "partition.key", "db.password"} {
		b.Run(k, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				redact.Key(k)
			}
		})
	}
}
