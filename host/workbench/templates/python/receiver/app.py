"""A receiver for Mattermost: a bot posts each notification to a channel. What is particular to the service is in
`chat.py`: change that for another one.
"""

import json

import chat
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import receiver as wit
from wit_world.imports import http
from wit_world.imports.types import About, Problem, Setting, SettingKind

TEXT = """**{{ template "__subject" . }}**{{ range .Alerts }}
- {{ or .Annotations.summary .Labels.alertname }}{{ end }}"""


class Receiver(exports.Receiver):
    def describe(self) -> wit.Info:
        def setting(name: str, kind: SettingKind, help: str, default: str | None = None) -> Setting:
            return Setting(name, kind, help, required=default is None, default=default)

        return wit.Info(
            about=About(
                name="__NAME__",
                version="0.1.0",
                summary="Posts notifications to a Mattermost channel",
                homepage=None,
                settings=[
                    setting("url", SettingKind.TEXT, "The server, such as https://chat.example.com"),
                    setting("token", SettingKind.SECRET, "Access token of the bot"),
                    setting("channel_id", SettingKind.TEXT, "Where to post; the bot must be a member"),
                    setting("timeout", SettingKind.DURATION, "Time for one request", default="10000"),
                ],
            ),
            templates=[wit.Template("text", TEXT)],
            updates=False,
            min_interval=0,
            # The server is the operator's own, so there is no origin to name here: grant it as README.md says.
            wants_hosts=[],
        )

    def check(self, config: str) -> None:
        problem = chat.problem_with_url(json.loads(config)["url"])
        if problem:
            raise Err([Problem("url", problem)])

    def notify(self, config: str, notification: wit.Notification) -> wit.Receipt:
        settings = json.loads(config)
        text = dict(notification.rendered)["text"]
        if notification.purpose == wit.Purpose.TEST:
            text = f"This is a test.\n{text}"
        response = send(
            http.Request(
                method=http.Method.POST,
                url=chat.post_url(settings["url"]),
                # The token is a placeholder: the host puts the secret in when the request leaves.
                headers=[
                    ("authorization", f"Bearer {settings['token']}"),
                    ("content-type", "application/json"),
                ],
                body=chat.body(settings["channel_id"], text),
                timeout=settings["timeout"],
            )
        )
        post = chat.post_id(response.body)
        if post is None:
            raise Err(wit.Failure_Permanent("the answer has no id of a post; is it the right url?"))
        return wit.Receipt(id=post, url=chat.link(settings["url"], post))


def send(request: http.Request) -> http.Response:
    """Takes every answer but a 2xx for a failure, and says whether another attempt makes sense."""
    try:
        response = http.send(request)
    except Err as error:
        raise Err(failure_of_error(error.value)) from None
    status = response.status
    if 200 <= status < 300:
        return response
    answer = chat.describe_answer(status, response.body)
    if status == 429:
        raise Err(wit.Failure_RateLimited(chat.retry_after_ms(response.headers)))
    if status in (401, 403):
        raise Err(wit.Failure_Misconfigured(answer))
    if status >= 500:
        raise Err(wit.Failure_Retryable(answer))
    raise Err(wit.Failure_Permanent(answer))


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
