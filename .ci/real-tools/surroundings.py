"""What stands around the server: a board on a serial port, a service to scrape, a webhook that takes messages."""

import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

from harness import Failed, Process, get_json

HERE = pathlib.Path(__file__).parent


class Board:
    """The board of board.py."""

    def __init__(self, folder):
        self.path = folder / "ttyBoard"

    def __enter__(self):
        self.process = Process([sys.executable, HERE / "board.py", self.path], stdin=subprocess.PIPE)
        self.process.line(timeout=15)
        return self

    def __exit__(self, *_):
        self.process.child.stdin.close()
        self.process.child.wait(15)

    def temperature(self, celsius):
        self._tell(f"temp {celsius}")

    def prints(self, text):
        self._tell(f"print {text}")

    def _tell(self, line):
        self.process.child.stdin.write(line + "\n")
        self.process.child.stdin.flush()


class Service:
    """An application that exposes metrics with Python's prometheus_client, as in the seeds."""

    def __enter__(self):
        import prometheus_client

        registry = prometheus_client.CollectorRegistry()
        requests = prometheus_client.Counter("ml_predictions", "Predictions", ["status"], registry=registry)
        latency = prometheus_client.Histogram("ml_prediction_latency_seconds", "Latency", registry=registry)
        self.accuracy = prometheus_client.Gauge("ml_model_accuracy", "Accuracy", ["model"], registry=registry)
        requests.labels("ok").inc(41)
        requests.labels("error").inc(1)
        latency.observe(0.07)
        self.accuracy.labels("tiny").set(0.93)
        self.server, self.thread = prometheus_client.start_http_server(0, "127.0.0.1", registry)
        self.address = f"127.0.0.1:{self.server.server_port}"
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(15)


class Listener(http.server.ThreadingHTTPServer):
    """For many groups that are flushed at once, by a server that may be killed while it posts."""

    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Sink:
    """Takes webhooks and remembers them. `before_answer` and `after_answer` are called within a request."""

    def __init__(self, port=0):
        self.messages = []
        self.before_answer = self.after_answer = None
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                message = {"key": self.headers.get("Idempotency-Key"), "at": time.time(), "body": json.loads(body)}
                sink.messages.append(message)
                once(sink, "before_answer")
                try:
                    self.send_response(200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    self.wfile.flush()
                except OSError:
                    return  # the sender was killed
                once(sink, "after_answer")

            def log_message(self, *_):
                pass

        self.server = Listener(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(15)

    def of(self, status):
        return [message for message in self.messages if message["body"]["status"] == status]

    def keys(self, status):
        """The messages as their receiver should count them: repeats have the key of the first."""
        return {message["key"] for message in self.of(status)}

    def log(self):
        """A line for each message."""
        started = self.messages[0]["at"] if self.messages else 0
        lines = []
        for message in self.messages:
            body = message["body"]
            names = ",".join(sorted({alert["labels"].get("alertname", "?") for alert in body["alerts"]}))
            lines.append(f"+{message['at'] - started:5.1f} s  {body['status']:<9} {names}  key {message['key']}")
        return "\n".join(lines) or "(no messages)"


class CountingSink:
    """The sink of counting_sink.py, for more messages than one would remember."""

    def __enter__(self):
        self.process = Process([sys.executable, HERE / "counting_sink.py"])
        self.url = f"http://127.0.0.1:{self.process.line(timeout=15)}"
        return self

    def __exit__(self, *_):
        self.process.kill()

    def counts(self):
        return get_json(self.url + "/counts")

    def arrivals(self):
        """When each group was heard of first, on the clock of time.monotonic()."""
        return get_json(self.url + "/arrivals")


def once(sink, hook):
    action = getattr(sink, hook)
    if action:
        setattr(sink, hook, None)
        action()


def kill_now(server):
    """For hooks of the sink, which run in another thread: kills, and leaves the waiting to the check."""
    try:
        os.kill(server.process.child.pid, signal.SIGKILL)
    except ProcessLookupError:
        raise Failed("the server was not there to be killed") from None
