"""What is particular to the service. Knows nothing of the host, so that it can be tested without one."""

import json
import re

SECONDS = re.compile(r"[0-9]{1,12}")
# Mattermost refuses longer posts.
MAX_TEXT_CHARS = 16383
# Pause after a 429 that does not say how long, and the longest that is waited for.
DEFAULT_RETRY_AFTER_MS = 30_000
MAX_RETRY_AFTER_MS = 3_600_000
# How much of an answer goes into an error.
MAX_ANSWER_CHARS = 200


def problem_with_url(url: str) -> str | None:
    if url.startswith(("https://", "http://")):
        return None
    return f'"{url}" does not begin with https:// or http://'


def post_url(url: str) -> str:
    return f"{url.rstrip('/')}/api/v4/posts"


def link(url: str, post: str) -> str:
    """Where a person can see the post."""
    return f"{url.rstrip('/')}/_redirect/pl/{post}"


def body(channel_id: str, text: str) -> bytes:
    if len(text) > MAX_TEXT_CHARS:
        text = text[: MAX_TEXT_CHARS - 1] + "…"
    post = {"channel_id": channel_id, "message": text}
    return json.dumps(post, ensure_ascii=False, separators=(",", ":")).encode()


def post_id(answer: bytes) -> str | None:
    """None where the answer is not that of the service: the page of a proxy, for example."""
    try:
        post = json.loads(answer)
    except ValueError:
        return None
    found = post.get("id") if isinstance(post, dict) else None
    return found if isinstance(found, str) and found else None


def retry_after_ms(headers: list[tuple[str, str]]) -> int:
    """Seconds; a date counts as absent, since a plugin has no clock."""
    for name, value in headers:
        if name.lower() == "retry-after" and SECONDS.fullmatch(value.strip()):
            return min(int(value) * 1000, MAX_RETRY_AFTER_MS)
    return DEFAULT_RETRY_AFTER_MS


def describe_answer(status: int, answer: bytes) -> str:
    text = answer.decode(errors="replace").strip()[:MAX_ANSWER_CHARS]
    return f"HTTP status {status}: {text}" if text else f"HTTP status {status}"
