"""A receiver for Matrix: sends each notification to a room, as plain text and as HTML."""

import json

import matrix
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import receiver as wit
from wit_world.imports import http
from wit_world.imports.types import About, Problem, Setting, SettingKind

TEXT = """{{ template "__subject" . }}{{ range .Alerts }}
- {{ or .Annotations.summary .Labels.alertname }}{{ end }}"""
# Clients show the HTML where they can; labels and annotations are escaped, since anybody may have written them.
HTML = """<strong>{{ html .Status }}: {{ html .GroupLabels.alertname }}</strong><ul>{{ range .Alerts -}}
<li>{{ html (or .Annotations.summary .Labels.alertname) }}</li>{{ end }}</ul>"""


class Receiver(exports.Receiver):
    def describe(self) -> wit.Info:
        def setting(name: str, kind: SettingKind, help: str, default: str | None = None) -> Setting:
            return Setting(name, kind, help, required=default is None, default=default)

        return wit.Info(
            about=About(
                name="matrix",
                version="0.1.0",
                summary="Sends notifications to a Matrix room",
                homepage="https://spec.matrix.org/latest/client-server-api/",
                settings=[
                    setting("homeserver_url", SettingKind.TEXT, "Such as https://matrix.example.com"),
                    setting("access_token", SettingKind.SECRET, "Token of the account that sends"),
                    setting("room_id", SettingKind.TEXT, "Such as !abc:example.com, not the alias with #"),
                    setting("msgtype", SettingKind.TEXT, "m.text, or m.notice to disturb less", '"m.text"'),
                    setting("timeout", SettingKind.DURATION, "Time for one request", "10000"),
                ],
            ),
            templates=[wit.Template("text", TEXT), wit.Template("html", HTML)],
            updates=False,
            min_interval=0,
            # The server is the operator's own, so there is no origin to name here: grant it as README.md says.
            wants_hosts=[],
        )

    def check(self, config: str) -> None:
        problems = [Problem(name, why) for name, why in matrix.problems(json.loads(config))]
        if problems:
            raise Err(problems)

    def notify(self, config: str, notification: wit.Notification) -> wit.Receipt:
        settings = json.loads(config)
        rendered = dict(notification.rendered)
        is_test = notification.purpose == wit.Purpose.TEST
        request = http.Request(
            method=http.Method.PUT,
            # The server takes a second request with the same key for the first one, so no attempt shows twice.
            url=matrix.send_url(settings, notification.idempotency_key),
            headers=[
                ("authorization", f"Bearer {settings['access_token']}"),
                ("content-type", "application/json"),
            ],
            body=matrix.body(settings["msgtype"], rendered["text"], rendered["html"], is_test),
            timeout=settings["timeout"],
        )
        try:
            response = http.send(request)
        except Err as error:
            raise Err(failure_of_error(error.value)) from None
        answer = matrix.Answer(response.status, response.headers, response.body)
        event = answer.text("event_id")
        if not answer.is_success() or event is None:
            raise Err(failure_of_answer(answer))
        return wit.Receipt(id=event, url=matrix.link(settings["room_id"], event))


def failure_of_answer(answer: matrix.Answer) -> wit.Failure:
    if answer.is_success():
        return wit.Failure_Permanent("the answer has no event_id; is it the right homeserver_url?")
    if answer.status == 429:
        return wit.Failure_RateLimited(answer.retry_after_ms())
    if answer.status in (401, 403):
        return wit.Failure_Misconfigured(str(answer))
    if answer.status >= 500:
        return wit.Failure_Retryable(str(answer))
    return wit.Failure_Permanent(str(answer))


def failure_of_error(error: http.Error) -> wit.Failure:
    match error:
        case http.Error_Denied(why) | http.Error_InvalidRequest(why):
            return wit.Failure_Misconfigured(why)
        case http.Error_ResponseTooLarge(size):
            return wit.Failure_Permanent(f"the answer has {size} bytes")
        case http.Error_Timeout():
            return wit.Failure_Retryable("the server did not answer in time")
        case http.Error_Unreachable(why) | http.Error_Other(why):
            return wit.Failure_Retryable(why)
