// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"encoding/base64"
	"strings"
)

// prefix is how the tokens of one issuer begin, and how much must follow for it to be one.
type prefix struct {
	text string
	tail int
}

// prefixes are the known ones by their first byte.
var prefixes = func() (t [256][]prefix) {
	for _, p := range []prefix{
		{"AKIA", 12},
		{"ASIA", 12},
		{"ABIA", 12},
		{"ACCA", 12},
		{"AIza", 30},
		{"ya29.", 20},
		{"GOCSPX-", 16},
		{"1//0", 30},
		{"ghp_", 20},
		{"gho_", 20},
		{"ghu_", 20},
		{"ghs_", 20},
		{"ghr_", 20},
		{"github_pat_", 20},
		{"glpat-", 16},
		{"gldt-", 16},
		{"glptt-", 16},
		{"glrt-", 16},
		{"xoxa-", 10},
		{"xoxb-", 10},
		{"xoxc-", 10},
		{"xoxd-", 10},
		{"xoxe.", 10},
		{"xoxp-", 10},
		{"xoxr-", 10},
		{"xoxs-", 10},
		{"xapp-", 10},
		{"sk_live_", 10},
		{"sk_test_", 10},
		{"rk_live_", 10},
		{"rk_test_", 10},
		{"whsec_", 16},
		{"sq0atp-", 16},
		{"sq0csp-", 16},
		{"npm_", 30},
		{"pypi-AgE", 16},
		{"rubygems_", 30},
		{"dckr_pat_", 16},
		{"dckr_oat_", 16},
		{"hf_", 30},
		{"sk-ant-", 16},
		{"sk-proj-", 16},
		{"sk-", 32},
		{"gsk_", 30},
		{"r8_", 30},
		{"xai-", 30},
		{"SG.", 30},
		{"dop_v1_", 30},
		{"doo_v1_", 30},
		{"shpat_", 20},
		{"shpss_", 20},
		{"shpca_", 20},
		{"lin_api_", 20},
		{"glsa_", 20},
		{"glc_eyJ", 16},
		{"NRAK-", 20},
		{"NRII-", 20},
		{"PMAK-", 20},
		{"hvs.", 20},
		{"hvb.", 20},
		{"ATATT3", 30},
		{"AGE-SECRET-KEY-1", 30},
		{"dapi", 32},
		{"LTAI", 16},
		{"tskey-", 16},
		{"sbp_", 30},
		{"pscale_tkn_", 20},
		{"sntrys_", 20},
		{"hooks.slack.com/services/", 10},
		{"discord.com/api/webhooks/", 10},
		{"api.telegram.org/bot", 20},
	} {
		t[p.text[0]] = append(t[p.text[0]], p)
	}
	t['e'] = append(t['e'], prefix{jwtPrefix, 16})
	return t
}()

// jwtPrefix is '{"' in base64, with which the header of a JSON web token begins.
const jwtPrefix = "eyJ"

// decisive is how much of a token is looked at to tell that it is one; of a JSON web token it must have the header.
const (
	decisive    = 128
	decisiveJWT = 1024
)

// findToken looks for a token with a known prefix at i. The prefix goes with it, but not a host name.
func findToken(s string, i int) (cut, bool) {
	for _, p := range prefixes[s[i]] {
		if !strings.HasPrefix(s[i:], p.text) {
			continue
		}
		from, body := i, i+len(p.text)
		in := isName
		if strings.Contains(p.text, "/") {
			in = func(c byte) bool { return isName(c) || c == '/' || c == ':' }
			if p.text != "1//0" {
				from = body
			}
		}
		limit := decisive
		if p.text == jwtPrefix {
			limit = decisiveJWT
		}
		window := s[:min(len(s), body+limit)]
		end := skip(window, body, in)
		for end > body && (s[end-1] == '.' || s[end-1] == '-') {
			end-- // punctuation behind the token
		}
		if end-body < p.tail || p.text == jwtPrefix && !strings.Contains(s[body:end], ".") || !mixed(s[body:end]) {
			continue
		}
		if end == len(window) {
			end = skip(s, end, in)
		}
		return cut{from, end}, true
	}
	return cut{}, false
}

// findScheme looks for "Bearer <token>" and "Basic <credentials>" at i, in any case.
func findScheme(s string, i int) (cut, bool) {
	scheme := "bearer"
	if !hasFold(s[i:], scheme) {
		if scheme = "basic"; !hasFold(s[i:], scheme) {
			return cut{}, false
		}
	}
	from := skip(s, i+len(scheme), func(c byte) bool { return c == ' ' })
	end := skip(s, from, isToken68)
	if from == i+len(scheme) || end == from {
		return cut{}, false
	}
	if scheme == "basic" && isUserPassword(s[from:end]) {
		return cut{from, end}, true
	}
	return cut{from, end}, random(s[from:end])
}

// isToken68 says whether c can be in the credentials of an authorization header.
func isToken68(c byte) bool {
	return isName(c) || c == '~' || c == '+' || c == '/' || c == '='
}

func isUserPassword(s string) bool {
	if !mixed(s) && !strings.HasSuffix(s, "=") {
		return false
	}
	text, err := base64.StdEncoding.DecodeString(s)
	return err == nil && strings.Contains(string(text), ":")
}

func hasFold(s, lower string) bool {
	return len(s) >= len(lower) && strings.EqualFold(s[:len(lower)], lower)
}

// random says whether s looks made up by a machine rather than written by a person.
func random(s string) bool {
	return len(s) >= 8 && mixed(s) || len(s) >= 24 && !strings.ContainsAny(s, "./")
}

// mixed says whether s mixes letters with digits, or capitals with small letters other than at its beginning.
func mixed(s string) bool {
	var digits, letters, lower, inner bool
	for i := range len(s) {
		c := s[i]
		digits = digits || isDigit(c)
		letters = letters || isWord(c) && !isDigit(c)
		inner = inner || isUpper(c) && i > 0 && isLower(s[i-1])
		lower = lower || isLower(c)
	}
	return digits && letters || inner && lower || digits && len(s) >= 10
}
