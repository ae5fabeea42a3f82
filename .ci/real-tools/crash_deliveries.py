"""A stream of alerts over many groups while the server is killed again and again: nothing that it accepted is lost, and
whoever ignores repeats by their key is told everything once."""

import datetime
import http.client
import json
import os
import random
import threading
import time

from harness import Failed, Folder, Server, check, request, say, wait_until
from surroundings import Sink, kill_now

ROUTING = """\
route:
  receiver: sink
  group_by: [device_id]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: sink
    webhook_configs: [{{url: '{url}', send_resolved: true}}]
"""
DEVICES, RULES = 40, 3
KILLS, FLUSHES = 30, 1000
LONGEST_LIFE = 6
# After the last kill: for the flushes that are still wanted, and for what is still on its way.
FLUSHES_WITHIN, QUIET_WITHIN = 60, 45
# Rest between two steps of an alert, in seconds at most.
REST = 2


class Alert:
    """Fires, waits until its receiver was told, ends, waits again, and so on; each time with a number of its own."""

    def __init__(self, device, rule):
        self.labels = {"alertname": f"Rule{rule}", "device_id": f"esp32-{device:02d}"}
        self.status, self.accepted, self.not_before = "resolved", True, 0
        self.episode = None

    def step(self, episode):
        """Goes on to fire or to end."""
        now = moment()
        if self.status == "resolved":
            self.status, self.episode, self.starts, self.ends = "firing", episode, now, None
        else:
            self.status, self.ends = "resolved", now
        self.accepted = False

    def body(self):
        body = {"labels": self.labels, "annotations": {"episode": str(self.episode)}, "startsAt": self.starts}
        return body | ({"endsAt": self.ends} if self.ends else {})

    def fact(self):
        return self.episode, self.status


def moment():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")


class Told:
    """What a receiver knows that ignores messages whose key it has seen."""

    def __init__(self, sink):
        self.sink, self.read = sink, 0
        self.by_key, self.facts = {}, {}

    def update(self):
        fresh = self.sink.messages[self.read:]
        self.read += len(fresh)
        for message in fresh:
            if message["key"] in self.by_key:
                continue
            self.by_key[message["key"]] = message["body"]
            for alert in message["body"]["alerts"]:
                fact = int(alert["annotations"]["episode"]), alert["status"]
                self.facts.setdefault(fact, []).append(message["key"])


class Stream(threading.Thread):
    """Posts the steps of all alerts, again where there was no answer, as Prometheus would."""

    def __init__(self, server, told, chance):
        super().__init__(daemon=True)
        self.server, self.told, self.chance = server, told, chance
        self.alerts = [Alert(device, rule) for device in range(DEVICES) for rule in range(RULES)]
        self.episodes, self.facts, self.unanswered = 0, [], 0
        self.ending, self.over, self.error = False, False, None

    def run(self):
        try:
            while not self.over:
                self._turn()
                time.sleep(0.05)
        except Exception as error:  # told by the check, which runs in another thread
            self.error = error

    def _turn(self):
        self.told.update()
        now = time.monotonic()
        for alert in self.alerts:
            if self._may_go_on(alert, now):
                self.episodes += alert.status == "resolved"
                alert.step(self.episodes)
        waiting = [alert for alert in self.alerts if not alert.accepted]
        if waiting and self._post(waiting):
            for alert in waiting:
                alert.accepted, alert.not_before = True, now + self.chance.uniform(0, REST)
                self.facts.append(alert.fact())

    def _may_go_on(self, alert, now):
        if not alert.accepted or now < alert.not_before:
            return False
        if alert.episode is None:
            return not self.ending
        return alert.fact() in self.told.facts and not (self.ending and alert.status == "resolved")

    def _post(self, alerts):
        try:
            request(self.server.alertmanager + "/api/v2/alerts", [alert.body() for alert in alerts])
            return True
        except (OSError, http.client.HTTPException):
            self.unanswered += 1
            return False

    def lost(self):
        return [fact for fact in self.facts if fact not in self.told.facts]

    def done(self):
        """Whether every alert has ended and its receiver knows."""
        if self.error:
            raise self.error
        return all(alert.accepted and alert.status == "resolved" for alert in self.alerts) and not self.lost()


def kill_somewhere(server, sink, chance):
    """At any moment, or at the worst ones: when a message has arrived, and when its answer is on its way."""
    time.sleep(chance.uniform(0, LONGEST_LIFE))
    way = chance.choice(["any", "any", "before_answer", "after_answer"])
    if way == "any":
        server.kill()
        return way
    setattr(sink, way, lambda: (kill_now(server), time.sleep(0.1)))
    wait_until("a message to be killed at", lambda: server.process.child.poll() is not None, 30, every=0.01)
    return way


def killed_at_random():
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    say(f"SEED={seed} makes the same choices again")
    chance = random.Random(seed)
    with Folder() as folder, Sink() as sink:
        file = folder / "alertmanager.yml"
        file.write_text(ROUTING.format(url=sink.url))
        with Server(folder, "--alertmanager-config", file) as server:
            told = Told(sink)
            stream = Stream(server, told, random.Random(seed + 1))
            stream.start()
            run_and_kill(server, sink, stream, chance)
            judge(stream, told, sink)


def run_and_kill(server, sink, stream, chance):
    ways = []
    for _ in range(KILLS):
        ways.append(kill_somewhere(server, sink, chance))
        server.start()
    say(f"killed {KILLS} times: " + ", ".join(f"{ways.count(way)} {way}" for way in sorted(set(ways))))
    try:
        wait_until(f"{FLUSHES} messages", lambda: len(stream.told.by_key) >= FLUSHES, FLUSHES_WITHIN)
        stream.ending = True
        wait_until("the end of all alerts", stream.done, QUIET_WITHIN)
    except Failed as failed:
        say(failed)
    time.sleep(2)
    stream.over = True
    stream.join(35)
    stream.told.update()


def judge(stream, told, sink):
    messages = sink.messages
    say(f"{stream.episodes} alerts fired; {stream.unanswered} requests without an answer were posted again; "
        f"{len(messages)} messages, {len(messages) - len(told.by_key)} of them repeats")
    check(not stream.error, "the stream went on to the end", stream.error)
    check(None not in told.by_key, "every message has a key")
    check(len(told.by_key) >= FLUSHES, f"at least {FLUSHES} messages", len(told.by_key))
    lost = stream.lost()
    check(not lost, f"none of {len(stream.facts)} accepted changes is lost", *lost[:20])
    unended = [vars(alert) for alert in stream.alerts if alert.status == "firing"]
    check(stream.done(), "all alerts came to their end", *unended[:5])
    changed = [message for message in messages if content(message["body"]) != content(told.by_key[message["key"]])]
    check(not changed, "what has the same key says the same", *changed[:3])
    check_keys(messages)
    twice = {fact: keys for fact, keys in told.facts.items() if fact[1] == "resolved" and len(keys) > 1}
    check(not twice, "no end is told in two messages", *list(twice.items())[:5])


def check_keys(messages):
    keys = {}
    for message in messages:
        keys.setdefault(content(message["body"]), set()).add(message["key"])
    several = [(text, found) for text, found in keys.items() if len(found) > 1]
    check(not several, "what says the same has the same key", *several[:3])


def content(body):
    """What a message says, whatever the order."""
    alerts = sorted(json.dumps(alert, sort_keys=True) for alert in body["alerts"])
    return json.dumps([body["receiver"], body["groupKey"], body["status"], alerts])


CHECKS = [("crash_deliveries: kill -9 at random moments", killed_at_random)]
