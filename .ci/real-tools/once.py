"""A board heats up and cools down while the server is killed at the worst moments: one message each, none lost."""

import json
import time

from harness import Failed, Folder, Server, check, say, wait_until
from surroundings import Board, Service, Sink, kill_now

ALERTMANAGER = """\
route:
  receiver: sink
  group_by: [alertname, device_id]
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 1h
receivers:
  - name: sink
    webhook_configs: [{{url: '{url}', send_resolved: true}}]
"""
RULES = """\
groups:
  - name: heat
    interval: 1s
    rules:
      - alert: BoardTooHot
        expr: device_temperature_celsius > 85
        for: {hold}
        labels: {{severity: critical}}
        annotations: {{summary: '{{{{ $labels.device_id }}}} is at {{{{ $value }}}} °C'}}
"""
PROMETHEUS = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
scrape_configs:
  - job_name: model-server
    static_configs: [{{targets: ['{target}']}}]
"""
BELLWETHER = """\
devices:
  - id: esp32-bench
    platform: esp32
    driver: jsonl
    transport: {{serial: {{path: '{port}'}}}}
"""
# After the last message that is wanted: a wrong second one would come within a flush or two of the group.
QUIET = 5


class World:
    """Board, service, sink and server, connected."""

    def __init__(self, hold="2s"):
        self.hold = hold

    def __enter__(self):
        self.owned = []
        folder = self._enter(Folder())
        self.board = self._enter(Board(folder))
        self.service = self._enter(Service())
        self.sink = self._enter(Sink())
        files = {
            "alertmanager.yml": ALERTMANAGER.format(url=self.sink.url),
            "rules.yml": RULES.format(hold=self.hold),
            "prometheus.yml": PROMETHEUS.format(target=self.service.address),
            "bellwether.yaml": BELLWETHER.format(port=self.board.path),
        }
        for name, text in files.items():
            (folder / name).write_text(text)
        self.server = self._enter(Server(
            folder, "--config", folder / "bellwether.yaml", "--prometheus-config", folder / "prometheus.yml",
            "--alertmanager-config", folder / "alertmanager.yml", "--rules", folder / "rules.yml",
        ))
        wait_until("the board's temperature", lambda: self.server.query("device_temperature_celsius"), 30)
        return self

    def _enter(self, manager):
        self.owned.append(manager)
        try:
            return manager.__enter__()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        for manager in reversed(self.owned):
            try:
                manager.__exit__()
            except AttributeError:
                pass  # it never came up
        self.owned = []

    def wait_for(self, status, timeout=30):
        try:
            wait_until(f"a webhook of status {status}", lambda: self.sink.of(status), timeout)
        except Failed as failed:
            raise Failed(f"{failed}\n{self.sink.log()}\n{self.server.log_text()[-3000:]}") from None

    def ends_with_one_of_each(self):
        """Cools the board, waits for the end of the alert, and then for messages that should not come."""
        self.board.temperature(61.0)
        self.wait_for("resolved")
        time.sleep(QUIET)
        say(self.sink.log())
        for status in ("firing", "resolved"):
            check(len(self.sink.keys(status)) == 1, f"one message of status {status}", self.sink.log())

    def exactly_one_of_each(self):
        self.ends_with_one_of_each()
        sent = [message["body"]["status"] for message in self.sink.messages]
        check(sent == ["firing", "resolved"], "each was posted once, firing first", self.sink.log())


def firing_and_resolved():
    """No kill at all: what a message looks like."""
    with World() as world:
        wait_until("a scrape", lambda: world.server.query("up == 1"), 20)
        check(world.server.query("ml_predictions_total{status='ok'}"), "its metrics are stored")
        check([value for _, value in world.server.query("device_connection_status")] == [1.0], "the board is connected")
        world.board.temperature(91.5)
        world.wait_for("firing")
        body = world.sink.of("firing")[0]["body"]
        say(json.dumps(body, ensure_ascii=False))
        check(body["version"] == "4", "the body is of version \"4\"", body)
        check(body["receiver"] == "sink" and len(body["alerts"]) == 1, "one alert for the receiver", body)
        alert = body["alerts"][0]
        check(alert["status"] == "firing" and alert["labels"]["device_id"] == "esp32-bench", "it is the board's", alert)
        check("91.5" in alert["annotations"]["summary"], "the annotation tells the temperature", alert)
        check(alert["endsAt"].startswith("0001-01-01"), "a firing alert has no end", alert)
        world.exactly_one_of_each()
        resolved = world.sink.of("resolved")[0]["body"]["alerts"][0]
        check(resolved["startsAt"] == alert["startsAt"], "the end names the same start", alert, resolved)
        check(resolved["endsAt"] > resolved["startsAt"], "and an end after it", resolved)


def killed_between_firing_and_resolved():
    with World() as world:
        world.board.temperature(91.5)
        world.wait_for("firing")
        time.sleep(1)
        world.server.kill()
        say("kill -9 while the alert fires; the board cools while nobody looks")
        world.board.temperature(61.0)
        time.sleep(2)
        world.server.start()
        world.exactly_one_of_each()


def killed_and_still_hot():
    with World() as world:
        world.board.temperature(91.5)
        world.wait_for("firing")
        time.sleep(1)
        world.server.kill()
        say("kill -9 while the alert fires; the board stays hot")
        world.server.start()
        time.sleep(QUIET)
        check(len(world.sink.messages) == 1, "no second firing message after the start", world.sink.log())
        world.exactly_one_of_each()


def killed_right_after_the_answer():
    with World() as world:
        world.sink.after_answer = lambda: kill_now(world.server)
        world.board.temperature(91.5)
        world.wait_for("firing")
        world.server.kill()
        say("kill -9 with the sink's answer on its way")
        world.server.start()
        time.sleep(QUIET)
        world.ends_with_one_of_each()


def killed_before_the_answer():
    """The server cannot know whether the message arrived: it sends it again, with the same key."""
    with World() as world:
        world.sink.before_answer = lambda: (kill_now(world.server), time.sleep(0.2))
        world.board.temperature(91.5)
        world.wait_for("firing")
        world.server.kill()
        say("kill -9 before the sink answers")
        world.server.start()
        wait_until("the repeated message", lambda: len(world.sink.of("firing")) > 1, 30)
        check(len(world.sink.of("firing")) == 2, "the unanswered message is sent again", world.sink.log())
        world.ends_with_one_of_each()


def killed_while_pending():
    hold, before_the_kill = 12, 8
    with World(hold=f"{hold}s") as world:
        world.board.temperature(91.5)
        wait_until("a pending alert", lambda: world.server.query("ALERTS{alertstate='pending'}"), 20)
        pending_since = time.monotonic()
        time.sleep(before_the_kill)
        check(not world.sink.messages, "no message while the alert is pending", world.sink.log())
        world.server.kill()
        say("kill -9 while the alert is pending")
        world.server.start()
        world.wait_for("firing")
        took = time.monotonic() - pending_since
        check(took < hold + 6, f"the time before the kill counts: {took:.1f} s from pending to the message, `for` is {hold} s")
        world.exactly_one_of_each()


CHECKS = [
    ("once: a board heats up and cools down", firing_and_resolved),
    ("once: kill -9 between firing and resolved, cooled meanwhile", killed_between_firing_and_resolved),
    ("once: kill -9 while firing, still hot", killed_and_still_hot),
    ("once: kill -9 right after the receiver's answer", killed_right_after_the_answer),
    ("once: kill -9 before the receiver's answer", killed_before_the_answer),
    ("once: kill -9 while pending", killed_while_pending),
]
