// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "strings"

// A key is read as words: "dbPassword", "db_password", "DB-PASSWORD" and "db.password" are all "db", "password".

// isNoun says whether word makes a key secret wherever it stands in it.
func isNoun(word []byte) bool {
	switch string(word) {
	case "password", "passwords", "passwd", "pwd", "passphrase", "passcode", "pgpass", "secret", "secrets", "token",
		"authorization", "cookie", "cookies", "credential", "credentials", "creds", "jwt", "cvv", "cvc", "ssn", "otp",
		"apikey", "apikeys", "accesskey", "accountkey", "privatekey", "secretkey", "signingkey", "encryptionkey", "masterkey",
		"dsn", "connectionstring", "connstring", "connstr", "sessionid", "sessid", "jsessionid", "phpsessid":
		return true
	}
	return false
}

// endings make a word secret that ends in them, as in "authtoken" and "dbpassword".
var endings = []string{"password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "privatekey", "credentials"}

// isPair says whether two neighbouring words are secret together.
func isPair(first, second []byte) bool {
	switch string(second) {
	case "key", "keys":
		switch string(first) {
		case "api", "access", "private", "account", "secret", "signing", "encryption", "master", "license", "storage":
			return true
		}
	case "string", "str":
		return string(first) == "connection" || string(first) == "conn"
	case "id":
		return string(first) == "session"
	case "signature":
		return string(first) == "amz" || string(first) == "goog" || string(first) == "access"
	}
	return false
}

// aspects are words about a secret rather than the secret: "token_bucket", "password.length".
var aspects = set("age", "algorithm", "attempts", "bucket", "buckets", "count", "counter", "created", "duration",
	"enabled", "endpoint", "error", "errors", "expired", "expires", "expiry", "failed", "failures", "invalid", "issuer",
	"kind", "latency", "length", "limit", "limiter", "max", "min", "missing", "mode", "name", "path", "policy",
	"processed", "provider", "rate", "refresh", "required", "rotated", "rotation", "scope", "scopes", "size", "source",
	"state", "status", "store", "total", "ttl", "type", "usage", "used", "valid", "version")

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

// Key says whether what k names is a secret.
func Key(k string) bool {
	return suspicious(k) && judge("", k)
}

// KeyIn is Key for k inside groups, whose joined name is prefix, like "http.": the names are one key together.
func KeyIn(prefix, k string) bool {
	if prefix == "" {
		return Key(k)
	}
	return (suspicious(prefix) || suspicious(k)) && judge(prefix, k)
}

// bigrams has a bit for each pair of letters that some secret key cannot do without.
var bigrams = func() (bits [32]uint32) {
	for _, pair := range []string{"wd", "wo", "ph", "co", "cr", "ok", "za", "sn", "jw", "vv", "vc", "tp", "ey", "nn", "ss", "gn", "gp"} {
		bits[pair[0]&31] |= 1 << (pair[1] & 31)
	}
	return bits
}()

// suspicious is the cheap test before judge: false means that k is not secret.
func suspicious(k string) bool {
	for i := 1; i < len(k); i++ {
		if bigrams[k[i-1]&31]&(1<<(k[i]&31)) != 0 && telling(k, i) {
			return true
		}
	}
	return false
}

// telling sorts out, among the pairs of letters, those that innocent words are full of: the pair that ends at i
// counts only inside what its comment names.
func telling(k string, i int) bool {
	before := func(n int) byte {
		if i < n {
			return 0
		}
		return k[i-n] | 0x20
	}
	switch k[i] | 0x20 {
	case 's': // session; not process, success
		return before(2) == 'e' && before(3) == 's'
	case 'o': // password, passcode; not worker, count
		return before(2) == 's'
	case 'k': // token, cookie; not broker
		return before(2) == 't' || before(2) == 'o'
	case 'a': // authorization; not utilization
		return before(3) == 'r'
	case 'r': // secret, credential; not created, increment
		return before(2) == 'e' || i+2 < len(k) && k[i+2]|0x20 == 'd'
	case 'y': // key
		return before(2) == 'k'
	case 'p': // otp, pgpass; not http, output
		return before(1) != 't' || before(2) == 'o'
	case 'n': // connection, dsn, ssn, signature; not channel
		return before(1) == 's' || before(1) == 'g' || before(1) == 'n' && before(2) == 'o'
	default: // a dot shares its place in bigrams with a letter
		return isWord(k[i]) && !isDigit(k[i])
	}
}

// maxKey is how much of a key is looked at without allocating.
const maxKey = 128

// judge reads prefix and k as words.
func judge(prefix, k string) bool {
	var memory [maxKey]byte
	buf := appendWords(memory[:0], prefix)
	buf = appendWords(append(buf, ' '), k)
	secret, previous := false, []byte(nil)
	for len(buf) > 0 {
		word := buf
		if end := indexSpace(buf); end >= 0 {
			word, buf = buf[:end], buf[end+1:]
		} else {
			buf = nil
		}
		if len(word) == 0 {
			continue
		}
		switch {
		case secret && aspects[string(word)]:
			return false
		case isNoun(word) || isPair(previous, word) || hasEnding(word):
			secret = true
		}
		previous = word
	}
	return secret
}

func indexSpace(b []byte) int {
	for i, c := range b {
		if c == ' ' {
			return i
		}
	}
	return -1
}

func hasEnding(word []byte) bool {
	for _, e := range endings {
		if len(word) > len(e) && string(word[len(word)-len(e):]) == e {
			return true
		}
	}
	return false
}

// appendWords appends the words of k in lower case with spaces between.
func appendWords(buf []byte, k string) []byte {
	for i := range len(k) {
		c := k[i]
		switch {
		case !isWord(c):
			c = ' '
		case isUpper(c):
			// "apiKey" and the K of "APIKey" begin a word; the P of "API" does not.
			if i > 0 && (isLower(k[i-1]) || i+1 < len(k) && isLower(k[i+1]) && isUpper(k[i-1])) {
				buf = append(buf, ' ')
			}
			c |= 0x20
		}
		buf = append(buf, c)
	}
	return buf
}

func isUpper(c byte) bool { return c-'A' <= 'Z'-'A' }
func isLower(c byte) bool { return c-'a' <= 'z'-'a' }

// lastWordIs says whether the last word of a key is one of words, in any case.
func lastWordIs(key string, words ...string) bool {
	for _, w := range words {
		at := len(key) - len(w)
		if at >= 0 && strings.EqualFold(key[at:], w) && (at == 0 || !isWord(key[at-1])) {
			return true
		}
	}
	return false
}
