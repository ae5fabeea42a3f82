// Package chat turns a notification into a request, and the answer to it into what the host shall do. It knows
// nothing of the host, so that `go test` runs it natively.
package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// DefaultURL is where messages go if the operator says nothing.
	DefaultURL = "https://chat.example.com/api/messages"
	// maxTextRunes is the longest text that the service takes; longer ones are cut rather than lost.
	maxTextRunes = 4000
	// defaultRetryAfterMs is the pause after a 429 without a usable retry-after.
	defaultRetryAfterMs = 30_000
	// maxRetryAfterMs keeps a server from putting off alerts for longer than an hour.
	maxRetryAfterMs = 60 * 60 * 1000
	// maxErrorBodyRunes is how much of an answer goes into an error's text.
	maxErrorBodyRunes = 200
	// maxReceiptBytes is what the host keeps of a receipt.
	maxReceiptBytes = 4096
)

// Config holds the settings, checked by the host, with defaults filled in.
type Config struct {
	APIURL  string `json:"api_url"`
	Token   string `json:"token"`
	Channel string `json:"channel"`
	Timeout uint32 `json:"timeout"`
}

// ParseConfig fails only where Config and the declaration of the settings differ.
func ParseConfig(text string) (Config, error) {
	var config Config
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return Config{}, fmt.Errorf("settings do not fit: %w", err)
	}
	return config, nil
}

// Problem is a setting that is refused although its type is right.
type Problem struct {
	Setting, Message string
}

// Check looks at the settings alone.
func (c Config) Check() []Problem {
	var problems []Problem
	if !strings.HasPrefix(c.APIURL, "https://") && !strings.HasPrefix(c.APIURL, "http://") {
		problems = append(problems, Problem{"api_url", fmt.Sprintf("must begin with https://, not %q", c.APIURL)})
	}
	if c.Channel == "" {
		problems = append(problems, Problem{"channel", "is empty"})
	}
	return problems
}

// Header is a header of a request or an answer.
type Header struct {
	Name, Value string
}

// Message is what there is to say.
type Message struct {
	Text           string
	IdempotencyKey string
	// IsTest tells people that nothing is wrong.
	IsTest bool
}

// Body of the request that posts a message.
func (c Config) Body(message Message) ([]byte, error) {
	text := message.Text
	if message.IsTest {
		text = "[test] " + text
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(struct {
		Channel string `json:"channel"`
		Text    string `json:"text"`
	}{c.Channel, cut(text, maxTextRunes)})
	return bytes.TrimSuffix(body.Bytes(), []byte("\n")), err
}

// Headers of that request. The token is a placeholder; the host puts the secret in when the request leaves.
func (c Config) Headers(message Message) []Header {
	return []Header{
		{"content-type", "application/json"},
		{"authorization", "Bearer " + c.Token},
		{"idempotency-key", message.IdempotencyKey},
	}
}

// Receipt finds the message again.
type Receipt struct {
	ID, URL string
}

// Kind says what the host does after a failure.
type Kind int

const (
	// Retryable means again later.
	Retryable Kind = iota
	// RateLimited means again after the given time.
	RateLimited
	// Permanent means never again.
	Permanent
	// Misconfigured means not before the settings change.
	Misconfigured
)

// Failure is a message that was not delivered.
type Failure struct {
	Kind         Kind
	Message      string
	RetryAfterMs uint32
}

// Judge says what an answer means: a receipt, or a failure.
func Judge(status uint16, headers []Header, body []byte, message Message) (Receipt, *Failure) {
	switch {
	case status >= 200 && status < 300:
		return receiptOf(body, message), nil
	case status == 429:
		return Receipt{}, &Failure{Kind: RateLimited, RetryAfterMs: retryAfterMs(headers)}
	case status == 401 || status == 403:
		return Receipt{}, &Failure{Kind: Misconfigured, Message: describe(status, body)}
	case status >= 500:
		return Receipt{}, &Failure{Kind: Retryable, Message: describe(status, body)}
	}
	return Receipt{}, &Failure{Kind: Permanent, Message: describe(status, body)}
}

// The message has been delivered, whatever the body says: without an id in it, the delivery's own key stands for one.
func receiptOf(body []byte, message Message) Receipt {
	var answer struct {
		ID  string `json:"id"`
		URL string `json:"url"`
	}
	err := json.Unmarshal(body, &answer)
	if err != nil || answer.ID == "" || len(answer.ID)+len(answer.URL) > maxReceiptBytes {
		return Receipt{ID: message.IdempotencyKey}
	}
	return Receipt{ID: answer.ID, URL: answer.URL}
}

// Dates in retry-after count as absent: a plugin has no clock to compare them with.
func retryAfterMs(headers []Header) uint32 {
	for _, header := range headers {
		if !strings.EqualFold(header.Name, "retry-after") {
			continue
		}
		if seconds, err := strconv.ParseUint(strings.TrimSpace(header.Value), 10, 32); err == nil {
			return uint32(min(seconds*1000, maxRetryAfterMs))
		}
	}
	return defaultRetryAfterMs
}

func describe(status uint16, body []byte) string {
	text := cut(strings.TrimSpace(strings.ToValidUTF8(string(body), "\uFFFD")), maxErrorBodyRunes)
	if text == "" {
		return fmt.Sprintf("HTTP status %d", status)
	}
	return fmt.Sprintf("HTTP status %d: %s", status, text)
}

func cut(text string, maxRunes int) string {
	if utf8.RuneCountInString(text) <= maxRunes {
		return text
	}
	return string([]rune(text)[:maxRunes-1]) + "…"
}
