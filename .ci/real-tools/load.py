"""Many alerts as Prometheus posts them: encoded beforehand, over two connections that stay open, in little CPU time."""

import dataclasses
import datetime
import json
import socket
import threading
import time

from harness import Failed

BATCH = 500
CONNECTIONS = 2
TIMEOUT = 60
POSTED_WITHIN = 90
# The first alert of a group is of the first severity: with an inhibition rule it silences some of the others.
SEVERITIES = ["critical"] + ["warning"] * 5 + ["info"] * 4


@dataclasses.dataclass
class Posted:
    """What it took to have all bodies accepted."""

    seconds: float
    own_cpu: float
    refused: list


def alert(index, a_group, starts, ends):
    group, rule = divmod(index, a_group)
    device = f"esp32-{group:06d}"
    return {
        "labels": {
            "alertname": f"DeviceRule{rule}", "device_id": device, "severity": SEVERITIES[rule % len(SEVERITIES)],
            "platform": "esp32", "job": "edge", "instance": f"10.{group >> 16}.{group >> 8 & 255}.{group & 255}:9100",
        },
        "annotations": {
            "summary": f"{device} is too hot",
            "description": "The temperature of the device is 91 °C, more than it is made for",
            "runbook_url": "https://docs.example.com/runbooks/overheating",
        },
        "startsAt": starts,
        "endsAt": ends,
        "generatorURL": "http://prometheus.example.com:9090/graph?g0.expr=device_temperature_celsius+%3E+85&g0.tab=1",
    }


def moment(seconds):
    at = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def requests(count, a_group, started, lasts=3600):
    """Requests with `count` alerts, `a_group` of them to each device, that fire since `started`."""
    starts, ends = moment(started), moment(time.time() + lasts)
    alerts = [alert(index, a_group, starts, ends) for index in range(count)]
    return [encode(alerts[first:first + BATCH]) for first in range(0, count, BATCH)]


def encode(alerts):
    body = json.dumps(alerts, separators=(",", ":"), ensure_ascii=False).encode()
    head = ("POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n")
    return head.encode() + body


class Connection:
    """HTTP/1.1 with requests that are bytes already."""

    def __init__(self, url):
        host, port = url.removeprefix("http://").split(":")
        self.address, self.socket = (host, int(port)), None
        self._open()

    def _open(self):
        self.socket = socket.create_connection(self.address, TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, request):
        try:
            self._exchange(request)
        except OSError:
            # What comes back later would be taken as the answer of the next request.
            self.socket.close()
            self._open()
            raise

    def _exchange(self, request):
        self.socket.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._receive()
        head, _, body = answer.partition(b"\r\n\r\n")
        while len(body) < content_length(head):
            body += self._receive()
        if not head.startswith(b"HTTP/1.1 200"):
            raise Failed(f"{head.decode().splitlines()[0]}: {body.decode()[:200]}")

    def _receive(self):
        received = self.socket.recv(65536)
        if not received:
            raise ConnectionError("the server closed the connection")
        return received

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def content_length(head):
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    raise Failed(f"an answer without a length: {head.decode()}")


def post_all(url, encoded):
    """Posts every request, each connection its share of them, as fast as they are answered."""
    refused = []
    shares = [encoded[first::CONNECTIONS] for first in range(CONNECTIONS)]
    threads = [threading.Thread(target=post_share, args=(url, share, refused)) for share in shares]
    cpu, started = time.process_time(), time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Posted(time.monotonic() - started, time.process_time() - cpu, refused)


def post_share(url, share, refused):
    """A request that fails is not repeated, and only counts; after POSTED_WITHIN, all others count as failed."""
    end = time.monotonic() + POSTED_WITHIN
    with Connection(url) as connection:
        for done, request in enumerate(share):
            if time.monotonic() > end:
                refused += [f"not posted within {POSTED_WITHIN} s"] * (len(share) - done)
                return
            try:
                connection.post(request)
            except (OSError, Failed) as error:
                refused.append(str(error))


def get_whole(url):
    """The bytes of an answer, headers and all: nothing is decoded while the clock runs."""
    base, _, path = url.removeprefix("http://").partition("/")
    with Connection(base) as connection:
        connection.socket.sendall(f"GET /{path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        parts = []
        while part := connection.socket.recv(1 << 20):
            parts.append(part)
    return b"".join(parts)
