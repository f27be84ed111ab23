// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Package redacttest has texts with secrets and texts without, for the tests of everything that redacts.
package redacttest

import "encoding/base64"

// Sample is a text with a secret in it.
type Sample struct {
	Name   string
	Text   string   // what is said
	Hidden []string // what must not be seen
	Kept   []string // what must still be seen
}

// Every part is put together here, so that scanners of source code find no token.
const (
	alnum = "Zq7Lw2Rk9Xv4Tn8Bm3Hd6Pc1Sy5Fg0Ja"
	hex   = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"
	jwt   = "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4fwpM"
	body  = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7"
	begin = "-----BEGIN "
	end   = "-----END "
	dash  = "-----"
)

func one(name, before, secret, after string) Sample {
	s := Sample{Name: name, Text: before + secret + after, Hidden: []string{secret}}
	for _, part := range []string{before, after} {
		if part != "" {
			s.Kept = append(s.Kept, part)
		}
	}
	return s
}

func token(name, secret string) Sample { return one(name, "sent ", secret, " to sink-7") }

// Samples are texts that hold a secret by what they look like.
func Samples() []Sample {
	basic := base64.StdEncoding.EncodeToString([]byte("ada:hunter22"))
	return []Sample{
		one("postgres URL", "dial postgres://", "ada:hunter22", "@db.local:5432/orders?sslmode=off failed"),
		one("redis URL without a user", "redis://", ":hunter22", "@cache:6379/0"),
		one("token as the user of a URL", "clone https://", "tok3nt0k3n", "@git.local/repo.git"),
		one("URL with an unescaped slash", "amqp://", "ada:hunt/er22", "@mq:5672/vhost"),
		one("URL with an unescaped at", "kafka://", "ada:hunt@er22", "@k1:9092,k2:9092"),
		one("URL in quotes", "Get \"https://", "ada:hunter22", "@api.local/v1\": EOF"),
		one("URL in brackets", "see <ftp://", "ada:hunter22", "@files.local/in>"),
		one("two URLs, the second one", "from http://a.local/x to nats://", "ada:hunter22", "@b.local:4222"),
		one("driver address", "open ", "ada:hunter22", "@tcp(db.local:3306)/orders"),
		one("address without a scheme", "dial ", "ada:hunter22", "@rabbit:5672 refused"),
		one("authorization header", "Authorization: Bearer ", alnum, "").but(nil),
		one("bearer in a sentence", "got bearer ", alnum, " from node-2"),
		one("basic in a sentence", "got Basic ", basic, " from node-2"),
		one("basic header", "authorization: Basic ", basic, " rejected").but([]string{"rejected"}),
		one("short bearer header", "Authorization: Bearer ", "abc", "").but(nil),
		one("digest header", "Authorization: Digest ", "username=\"ada\", response=\""+hex+"\"", "").but(nil),
		one("header map", "map[Authorization:[Bearer ", alnum, "] Accept:[*/*]]").but([]string{"Accept:[*/*]"}),
		one("cookie header", "Cookie: ", "sid=abc123; theme=dark", "\r\nAccept: text").but([]string{"Accept: text"}),
		one("set-cookie header", "Set-Cookie: ", "sid=abc123", "").but(nil),
		token("JSON web token", jwt),
		token("JSON web token cut short", jwt[:40]),
		one("private key", "key ", begin+"RSA PRIVATE KEY"+dash+"\n"+body+"\n"+end+"RSA PRIVATE KEY"+dash, " loaded").but([]string{"loaded"}),
		one("private key with escaped lines", "key ", begin+"PRIVATE KEY"+dash+"\\n"+body+"\\n"+end+"PRIVATE KEY"+dash, "\\n of node-2").but([]string{"of node-2"}),
		one("private key cut short", "key ", begin+"EC PRIVATE KEY"+dash+"\n"+body, ""),
		one("OpenSSH key", "", begin+"OPENSSH PRIVATE KEY"+dash+"\n"+body+"\n"+end+"OPENSSH PRIVATE KEY"+dash, ""),
		one("SSH2 key", "", "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n"+body+"\n---- END SSH2 ENCRYPTED PRIVATE KEY ----", ""),
		one("PGP key", "", begin+"PGP PRIVATE KEY BLOCK"+dash+"\n\n"+body+"\n"+end+"PGP PRIVATE KEY BLOCK"+dash, " imported"),
		token("card in one piece", "4111111111111111"),
		token("card with spaces", "5500 0000 0000 0004"),
		token("card with dashes", "6011-0000-0000-0004"),
		token("card of 15 digits", "3782 822463 10005"),
		token("card of 14 digits", "3056 930902 5904"),
		token("card of the 2 series", "2221000000000009"),
		token("AWS key id", "AK"+"IAIOSFODNN7EXAMPLE"),
		token("AWS session key id", "AS"+"IAIOSFODNN7EXAMPLE"),
		one("AWS secret", "aws_secret_access_key = ", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""),
		token("Google API key", "AI"+"zaSy"+alnum),
		token("Google OAuth token", "ya"+"29."+alnum),
		token("Google client secret", "GOC"+"SPX-"+alnum),
		one("GCP service account", "{\"type\": \"service_account\", \"private_key_id\": \"", hex, "\", \"client_email\": \"ada@x.iam\"}"),
		token("GitHub token", "gh"+"p_"+alnum), token("GitHub app token", "gh"+"s_"+alnum), token("GitHub fine-grained token", "github"+"_pat_"+alnum),
		token("GitLab token", "gl"+"pat-"+alnum),
		token("Slack token", "xo"+"xb-123456789012-"+alnum),
		one("Slack webhook", "POST https://hooks.slack.com/services/", "T0001/B0001/"+alnum, " 404"),
		one("Discord webhook", "POST https://discord.com/api/webhooks/", "123456789/"+alnum, " 404"),
		one("Telegram bot", "GET https://api.telegram.org/bot", "123456:"+alnum+"/getMe", " 404"),
		token("Stripe key", "sk_"+"live_"+alnum), token("Stripe restricted key", "rk_"+"live_"+alnum), token("Stripe webhook secret", "wh"+"sec_"+alnum),
		token("npm token", "np"+"m_"+alnum), token("PyPI token", "py"+"pi-AgEIcHlwaS5vcmc"+alnum), token("Docker token", "dck"+"r_pat_"+alnum),
		token("Hugging Face token", "hf"+"_"+alnum), token("Anthropic key", "sk-"+"ant-api03-"+alnum), token("OpenAI key", "sk-"+"proj-"+alnum),
		token("SendGrid key", "S"+"G."+alnum[:22]+"."+alnum), token("DigitalOcean token", "do"+"p_v1_"+hex), token("Shopify token", "sh"+"pat_"+hex[:32]),
		token("Grafana token", "gl"+"sa_"+alnum), token("New Relic key", "NR"+"AK-"+alnum[:27]), token("Vault token", "hv"+"s."+alnum), token("age key", "AGE-"+"SECRET-KEY-1"+alnum),
		token("Databricks token", "da"+"pi"+hex[:32]),
		one("Azure storage", "DefaultEndpointsProtocol=https;AccountName=ada;AccountKey=", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr==", ";EndpointSuffix=core"),
		one("Azure service bus", "Endpoint=sb://x;SharedAccessKeyName=Root;SharedAccessKey=", alnum+"=", ";EntityPath=q"),
		one("Azure SAS", "https://x.blob.core/c?sv=2022&sig=", "bx1LqT8%2FyVv%3D", "&se=2026"),
		one("AWS signed URL", "https://b.s3/x?X-Amz-Signature=", hex, "&X-Amz-Date=20260101"),
		one("password in a query", "GET /login?user=ada&password=", "hunter22", "&page=2"),
		one("password of a setting", "user=ada password=", "hunter22", " host=db"),
		one("password in quotes", "user=ada password='", "hunter 22", "' host=db"),
		one("password with a comma", "password=", "hunt,er22", ", host=db"),
		one("password with a semicolon", "Server=db;Pwd=", "hunt;er22", ";Database=orders"),
		one("password in JSON", "{\"user\":\"ada\",\"password\":\"", "hunter22", "\",\"n\":1}"),
		one("password in escaped JSON", "{\\\"user\\\":\\\"ada\\\",\\\"password\\\":\\\"", "hunter22", "\\\",\\\"n\\\":1}"),
		one("password with an escaped quote", "{\"password\":\"", "hunt\\\"er22", "\",\"n\":1}"),
		one("password in JSON cut short", "{\"password\":\"", "hunter22", ""),
		one("password in YAML", "user: ada\npassword: ", "hunter22", "\nhost: db"),
		one("password in a struct", "{User:ada Password:", "hunter22", " Host:db}"),
		one("password in a Go map", "map[password:", "hunter22", " user:ada]"),
		one("password in a Go literal", "cfg := Config{Password: \"", "hunter22", "\"}"),
		one("password in Ruby", "{:password=>\"", "hunter22", "\", :n=>1}"),
		one("password in Python", "{'password': '", "hunter22", "', 'n': 1}"),
		one("password in XML", "<db><password>", "hunter22", "</password><n>1</n></db>"),
		one("password in a command", "psql --password ", "hunter22", " --host db"),
		one("password in a command with =", "psql --password=", "hunter22", " --host=db"),
		one("password in a sentence", "wrong password: ", "hunter22", ""),
		one("numeric password", "password=", "123456", " n=7"),
		one("passphrase", "ssl.passphrase=", "correct-horse", " n=7"),
		one("API key in a sentence", "API key: ", "abc1-def2", ""),
		one("API key header", "X-Api-Key: ", "abcdef", "\nAccept: text"),
		one("secrets in brackets", "credentials={", "user:ada pass:hunter22", "} n=7").but([]string{"n=7"}),
		one("connection string", "connection_string=", "Server=db;Database=orders;User=ada;X=hunter22", ""),
		one("DSN", "dsn=", "file.db?_auth_pass=x", " n=7"),
		one("session id", "JSESSIONID=", "0A1B2C", "; n=7"),
		one("client secret", "client_secret=", "s3cr3t", "&grant_type=code"),
		one("refresh token", "refreshToken: \"", "r-1", "\""),
		one("camel case key", "dbPassword=", "hunter22", ""),
		one("environment variable", "PGPASSWORD=", "hunter22", " psql"),
		one("trailing secret after a mark", "password=*** token=", "t0k3n", ""),
	}
}

// but replaces what must still be seen, for samples that hide more than the secret.
func (s Sample) but(kept []string) Sample {
	s.Kept = kept
	return s
}

// Innocent are texts that must come through unchanged.
func Innocent() []string {
	return []string{
		"", "Query executed successfully", "query.id=totals stream.name=Orders", "events.processed=1234 duration.ms=15",
		"tokens.processed=12", "token_bucket=5 token.bucket.size=7", "keyboard=de key=42 partition.key=AAPL", "primary_key: id",
		"http://localhost:4317/v1/traces", "https://grafana.local:3000/d/abc?orgId=1&from=now", "dial tcp 127.0.0.1:5432: connect: connection refused",
		"http://[::1]:8080/x@y", "https://packages.example.com/@scope/pkg", "mail ada@example.com about it", "ada@db.local:5432 is up",
		"image repo/app:v1.2@sha256:9f86d081884c7d659a2feaa0c55ad015", "1700000000000", "1700000000123456789", "at=1700000000000 id=4111111111111112",
		"order 4111111111111111x", "0.4111111111111111", "550e8400-e29b-41d4-a716-446655440000", "trace abc12300000000000000000000000001 span def4560000000002",
		"unexpected token: SELECT at 3:14", "unexpected token ';' in expression", "could not read secret: permission denied",
		"could not load credentials: open /etc/eventflux/creds.json: no such file", "could not verify token: expired",
		"basic authentication failed", "level: basic", "bearer token missing", "Bearer authentication is off", "password=", "password: null", "token=true",
		"SELECT symbol, avg(price) AS p FROM StockStream#window.length(50) GROUP BY symbol HAVING p > 10.5;",
		"from e1=Login[status == 'fail'] -> e2=Login[user == e1.user] within 5 min", "define stream Orders (id string, amount double, at long);",
		"sk-short", "task-force-one", "risk_live_view", "npm_config", "hf_model", "the basics of bearers", "step 1111 2222 3333 4444",
		"2026-11-24T13:00:00.000Z", "10.0.0.1:9092,10.0.0.2:9092", "a=b&c=d", "x := y == z", "<stream>Orders</stream>", "--threads 4 --level basic",
		"broker=b1 worker.id=3 process=7 utilization=0.5 http.status=200", "secret_name=db-creds password.length=12 has been checked", "session closed: idle",
		"----- END OF REPORT -----", "C:\\Users\\ada\\logs", "naïve café ☕ 東京", "eyJ is how they begin", "goroutine 17 [running]:\nmain.main()\n\t/app/main.go:12 +0x1d",
	}
}
