"""Takes webhooks and counts them, as a program of its own: what it costs is not the measuring process's.

Prints the port it listens on. `GET /counts` answers with the numbers so far, `GET /arrivals` with each group's first
arrival on the clock of the kernel.
"""

import asyncio
import json
import re
import time

GROUP = re.compile(rb'"groupKey":\s*"((?:[^"\\]|\\.)*)"')
KEY = re.compile(rb"\r\nidempotency-key: *([^\r]*)", re.I)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
BACKLOG = 4096


class Counts:
    def __init__(self):
        self.requests, self.keys, self.arrivals = 0, set(), {}
        self.latest = None

    def take(self, head, body):
        now = time.monotonic()
        self.requests += 1
        if key := KEY.search(head):
            self.keys.add(key[1])
        if (group := GROUP.search(body)) and group[1] not in self.arrivals:
            self.arrivals[group[1]] = now
            self.latest = now

    def answer(self, path):
        if path == b"/arrivals":
            return {json.loads(b'"' + group + b'"'): at for group, at in self.arrivals.items()}
        return {"requests": self.requests, "groups": len(self.arrivals), "keys": len(self.keys), "latest": self.latest}


class Peer(asyncio.Protocol):
    """One connection that stays open."""

    def __init__(self, counts):
        self.counts, self.received = counts, bytearray()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data
        while self._one_request():
            pass

    def _one_request(self):
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self.received[:end])
        length = LENGTH.search(head)
        whole = end + 4 + (int(length[1]) if length else 0)
        if len(self.received) < whole:
            return False
        body = bytes(self.received[end + 4:whole])
        del self.received[:whole]
        self._answer(head, body)
        return True

    def _answer(self, head, body):
        method, path, _ = head.split(b" ", 2)
        if method == b"POST":
            self.counts.take(head, body)
            self.transport.write(OK)
            return
        answer = json.dumps(self.counts.answer(path)).encode()
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)


async def main():
    counts = Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Peer(counts), "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
