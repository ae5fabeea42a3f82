"""The client-server API of Matrix. Knows nothing of the host, so that it can be tested without one."""

import json
import re

# An event may have 64 KiB in all: both bodies, and room for what the server adds.
MAX_BODY_BYTES = 28_000
# Pause after a 429 that does not say how long, and the longest that is waited for.
DEFAULT_RETRY_AFTER_MS = 30_000
MAX_RETRY_AFTER_MS = 3_600_000
MSGTYPES = ("m.text", "m.notice")
UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
SECONDS = re.compile(r"[0-9]{1,12}")
# How much of an answer goes into an error.
MAX_ANSWER_CHARS = 200


def problems(settings: dict) -> list[tuple[str, str]]:
    """Settings that no server would take, with what is wrong."""
    found = []
    if not settings["homeserver_url"].startswith(("https://", "http://")):
        found.append(("homeserver_url", "must begin with https:// or http://"))
    if not settings["room_id"].startswith("!"):
        found.append(("room_id", "must begin with !; the room's settings show it as internal room ID"))
    if settings["msgtype"] not in MSGTYPES:
        found.append(("msgtype", f"must be {' or '.join(MSGTYPES)}"))
    return found


def send_url(settings: dict, transaction: str) -> str:
    room, transaction = escaped(settings["room_id"]), escaped(transaction)
    server = settings["homeserver_url"].rstrip("/")
    return f"{server}/_matrix/client/v3/rooms/{room}/send/m.room.message/{transaction}"


def link(room_id: str, event: str) -> str:
    """Where a person can see the message."""
    return f"https://matrix.to/#/{escaped(room_id)}/{escaped(event)}"


def escaped(text: str) -> str:
    """For one part of a path; `urllib` would bring half the standard library into the component."""
    return "".join(chr(byte) if byte in UNRESERVED else f"%{byte:02X}" for byte in text.encode())


def body(msgtype: str, text: str, html: str, is_test: bool) -> bytes:
    if is_test:
        text, html = f"This is a test.\n{text}", f"<p>This is a test.</p>{html}"
    message = {"msgtype": msgtype, "body": shortened(text)}
    # HTML that is cut somewhere is broken: then the text has to do.
    if html and len(html.encode()) <= MAX_BODY_BYTES:
        message |= {"format": "org.matrix.custom.html", "formatted_body": html}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def shortened(text: str) -> str:
    data = text.encode()
    if len(data) <= MAX_BODY_BYTES:
        return text
    return data[:MAX_BODY_BYTES].decode(errors="ignore") + "…"


class Answer:
    def __init__(self, status: int, headers: list[tuple[str, str]], data: bytes):
        self.status = status
        self.headers = headers
        self.raw = data.decode(errors="replace").strip()
        try:
            fields = json.loads(data)
        except ValueError:
            fields = {}
        self.fields = fields if isinstance(fields, dict) else {}

    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def text(self, name: str) -> str | None:
        value = self.fields.get(name)
        return value if isinstance(value, str) and value else None

    def retry_after_ms(self) -> int:
        """Out of the header, or out of the body as servers before version 1.10 of the specification have it."""
        for name, value in self.headers:
            if name.lower() == "retry-after" and SECONDS.fullmatch(value.strip()):
                return min(int(value) * 1000, MAX_RETRY_AFTER_MS)
        millis = self.fields.get("retry_after_ms")
        if type(millis) is int and millis >= 0:
            return min(millis, MAX_RETRY_AFTER_MS)
        return DEFAULT_RETRY_AFTER_MS

    def __str__(self) -> str:
        """`HTTP status 403: M_FORBIDDEN not in the room`, where the server says so."""
        said = " ".join(filter(None, (self.text("errcode"), self.text("error")))) or self.raw
        said = said[:MAX_ANSWER_CHARS]
        return f"HTTP status {self.status}: {said}" if said else f"HTTP status {self.status}"
