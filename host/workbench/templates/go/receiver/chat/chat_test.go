package chat

import (
	"strings"
	"testing"
	"unicode/utf8"
)

var message = Message{Text: "disk <sda> is full", IdempotencyKey: "key-1"}

func TestWritesTheBody(t *testing.T) {
	config, err := ParseConfig(`{"api_url":"https://chat.example.com/api","token":"x","channel":"ops","timeout":5000}`)
	if err != nil || config.Timeout != 5000 || len(config.Check()) != 0 {
		t.Fatalf("got %+v, %v", config, err)
	}
	body, err := config.Body(message)
	if want := `{"channel":"ops","text":"disk <sda> is full"}`; err != nil || string(body) != want {
		t.Errorf("got %s, %v", body, err)
	}
	body, _ = config.Body(Message{Text: "hi", IsTest: true})
	if !strings.Contains(string(body), `"[test] hi"`) {
		t.Errorf("test is not marked: %s", body)
	}
	body, _ = config.Body(Message{Text: strings.Repeat("ä", 5000)})
	if !utf8.Valid(body) || !strings.HasSuffix(string(body), `ä…"}`) || len(body) > 9000 {
		t.Errorf("text is not cut: %d bytes", len(body))
	}
}

func TestRefusesSettingsThatCannotWork(t *testing.T) {
	if problems := (Config{APIURL: "ftp://x"}).Check(); len(problems) != 2 || problems[0].Setting != "api_url" {
		t.Errorf("got %+v", problems)
	}
	if _, err := ParseConfig(`{"timeout":"soon"}`); err == nil {
		t.Error("a timeout that is no number is accepted")
	}
}

func TestJudgesEachStatus(t *testing.T) {
	after := func(value string) []Header { return []Header{{"Retry-After", value}} }
	cases := []struct {
		status  uint16
		headers []Header
		want    Failure
	}{
		{429, after(" 7 "), Failure{Kind: RateLimited, RetryAfterMs: 7000}},
		{429, after("99999999"), Failure{Kind: RateLimited, RetryAfterMs: 3_600_000}},
		{429, after("Wed, 21 Oct 2026 07:28:00 GMT"), Failure{Kind: RateLimited, RetryAfterMs: 30_000}},
		{401, nil, Failure{Kind: Misconfigured, Message: "HTTP status 401: no"}},
		{403, nil, Failure{Kind: Misconfigured, Message: "HTTP status 403: no"}},
		{404, nil, Failure{Kind: Permanent, Message: "HTTP status 404: no"}},
		{302, nil, Failure{Kind: Permanent, Message: "HTTP status 302: no"}},
		{503, nil, Failure{Kind: Retryable, Message: "HTTP status 503: no"}},
	}
	for _, c := range cases {
		if _, got := Judge(c.status, c.headers, []byte("no\n"), message); got == nil || *got != c.want {
			t.Errorf("%d %v: got %+v, want %+v", c.status, c.headers, got, c.want)
		}
	}
}

func TestReceiptFallsBackToTheKey(t *testing.T) {
	cases := map[string]Receipt{
		`{"id":"m1","url":"https://chat.example.com/m1"}`: {ID: "m1", URL: "https://chat.example.com/m1"},
		`{"id":"m1"}`: {ID: "m1"},
		`{"id":7}`:    {ID: "key-1"},
		`<html>ok`:    {ID: "key-1"},
		"":            {ID: "key-1"},
		`{"id":"` + strings.Repeat("x", 5000) + `"}`: {ID: "key-1"},
	}
	for body, want := range cases {
		if got, failure := Judge(200, nil, []byte(body), message); failure != nil || got != want {
			t.Errorf("%.40s: got %+v, %+v", body, got, failure)
		}
	}
}
