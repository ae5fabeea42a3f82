// Package export_bellwether_receiver_receiver is what the host calls. It translates between the interface and package
// chat, which does the work, and sends the request.
package export_bellwether_receiver_receiver

import (
	"fmt"
	"strconv"

	witTypes "go.bytecodealliance.org/pkg/wit/types"

	"example.com/__NAME__/chat"
	"example.com/__NAME__/internal/memory"
	http "example.com/__NAME__/internal/wit/bellwether_host_http"
	types "example.com/__NAME__/internal/wit/bellwether_host_types"
	receiver "example.com/__NAME__/internal/wit/bellwether_receiver_receiver"
)

// defaultText is rendered by the host if the operator gives no text of their own.
const defaultText = `[{{ .Status | toUpper }}] {{ .CommonLabels.alertname }}` +
	"{{ range .Alerts }}\n- {{ .Annotations.summary }}{{ end }}"

type result = witTypes.Result[receiver.Receipt, receiver.Failure]

// Describe says who the receiver is. It must always answer the same.
func Describe() receiver.Info {
	memory.Collect()
	return receiver.Info{
		About: types.About{
			Name:    "__NAME__",
			Version: "0.1.0",
			Summary: "Posts notifications to a chat channel",
			Settings: []types.Setting{
				{Name: "api_url", Kind: types.SettingKindText, Help: "Where to post",
					Default: witTypes.Some(strconv.Quote(chat.DefaultURL))},
				{Name: "token", Kind: types.SettingKindSecret, Help: "The bot's access token", Required: true},
				{Name: "channel", Kind: types.SettingKindText, Help: "Channel to post to", Required: true},
				{Name: "timeout", Kind: types.SettingKindDuration, Help: "Time for one request",
					Default: witTypes.Some("10000")},
			},
		},
		Templates:  []receiver.Template{{Name: "text", Default: defaultText}},
		WantsHosts: []string{"https://chat.example.com"},
	}
}

// Check looks at the settings alone.
func Check(settings string) witTypes.Result[witTypes.Unit, []types.Problem] {
	memory.Collect()
	var problems []types.Problem
	config, err := chat.ParseConfig(settings)
	if err != nil {
		problems = append(problems, types.Problem{Message: err.Error()})
	} else {
		for _, problem := range config.Check() {
			problems = append(problems,
				types.Problem{Setting: witTypes.Some(problem.Setting), Message: problem.Message})
		}
	}
	if len(problems) > 0 {
		return witTypes.Err[witTypes.Unit, []types.Problem](problems)
	}
	return witTypes.Ok[witTypes.Unit, []types.Problem](witTypes.Unit{})
}

// Notify delivers.
func Notify(settings string, notification receiver.Notification) result {
	memory.Collect()
	config, err := chat.ParseConfig(settings)
	if err != nil {
		return failed(receiver.MakeFailureMisconfigured(err.Error()))
	}
	message := chat.Message{
		Text:           rendered(notification, "text"),
		IdempotencyKey: notification.IdempotencyKey,
		IsTest:         notification.Purpose == receiver.PurposeTest,
	}
	body, err := config.Body(message)
	if err != nil {
		return failed(receiver.MakeFailurePermanent(err.Error()))
	}
	answer := http.Send(http.Request{
		Method:  http.MethodPost,
		Url:     config.APIURL,
		Headers: toWit(config.Headers(message)),
		Body:    body,
		Timeout: config.Timeout,
	})
	if answer.IsErr() {
		return failed(failureOfError(answer.Err()))
	}
	return judged(answer.Ok(), message)
}

func judged(response http.Response, message chat.Message) result {
	receipt, failure := chat.Judge(response.Status, fromWit(response.Headers), response.Body, message)
	if failure != nil {
		return failed(failureToWit(*failure))
	}
	url := witTypes.None[string]()
	if receipt.URL != "" {
		url = witTypes.Some(receipt.URL)
	}
	return witTypes.Ok[receiver.Receipt, receiver.Failure](receiver.Receipt{Id: receipt.ID, Url: url})
}

func failed(failure receiver.Failure) result {
	return witTypes.Err[receiver.Receipt, receiver.Failure](failure)
}

func failureToWit(failure chat.Failure) receiver.Failure {
	switch failure.Kind {
	case chat.RateLimited:
		return receiver.MakeFailureRateLimited(failure.RetryAfterMs)
	case chat.Permanent:
		return receiver.MakeFailurePermanent(failure.Message)
	case chat.Misconfigured:
		return receiver.MakeFailureMisconfigured(failure.Message)
	}
	return receiver.MakeFailureRetryable(failure.Message)
}

// There was no answer. Only what the operator has to change is not tried again.
func failureOfError(err http.Error) receiver.Failure {
	switch err.Tag() {
	case http.ErrorDenied:
		return receiver.MakeFailureMisconfigured(err.Denied())
	case http.ErrorInvalidRequest:
		return receiver.MakeFailureMisconfigured(err.InvalidRequest())
	case http.ErrorResponseTooLarge:
		return receiver.MakeFailurePermanent(fmt.Sprintf("the answer has %d bytes", err.ResponseTooLarge()))
	case http.ErrorTimeout:
		return receiver.MakeFailureRetryable("the server did not answer in time")
	case http.ErrorUnreachable:
		return receiver.MakeFailureRetryable(err.Unreachable())
	case http.ErrorOther:
		return receiver.MakeFailureRetryable(err.Other())
	}
	return receiver.MakeFailureRetryable("the request failed")
}

func rendered(notification receiver.Notification, name string) string {
	for _, template := range notification.Rendered {
		if template.F0 == name {
			return template.F1
		}
	}
	return ""
}

func toWit(headers []chat.Header) []witTypes.Tuple2[string, string] {
	var pairs []witTypes.Tuple2[string, string]
	for _, header := range headers {
		pairs = append(pairs, witTypes.Tuple2[string, string]{F0: header.Name, F1: header.Value})
	}
	return pairs
}

func fromWit(pairs []witTypes.Tuple2[string, string]) []chat.Header {
	var headers []chat.Header
	for _, pair := range pairs {
		headers = append(headers, chat.Header{Name: pair.F0, Value: pair.F1})
	}
	return headers
}
