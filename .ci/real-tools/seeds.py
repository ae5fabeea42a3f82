"""The users' own files, unmodified: six rule files and an alertmanager.yml that its own tool would refuse."""

import time

from harness import Folder, Server, Skipped, bellwether, check, get_json, peer, request, run, say, seeds, status_of, wait_until
from surroundings import Board, Service, Sink

PROMETHEUS = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
scrape_configs:
  - job_name: tiny-llm-profiler
    static_configs: [{{targets: ['{target}']}}]
"""
BELLWETHER = """\
devices:
  - id: esp32-bench
    platform: esp32
    driver: jsonl
    transport: {{serial: {{path: '{port}'}}}}
"""
# What the routes of the file say.
ROUTES = {
    "severity=critical": "critical-alerts",
    "severity=warning": "warning-alerts",
    "component=device": "device-alerts",
    "severity=info": "default-receiver",
}
# The file's webhook goes to this port.
WEBHOOK_PORT = 8080


def checked_alone():
    rules, alertmanager = seeds()
    code, out, err = bellwether("check", "rules", *rules)
    check(code == 0, "bellwether check rules takes the six files", out, err)
    code, out, err = bellwether("check", "alertmanager", alertmanager)
    check(code == 0, "bellwether check alertmanager takes the file", out, err)
    check("subject" in out + err and "body" in out + err, "with a note about subject and body", out, err)


def real_run():
    rules, alertmanager = seeds()
    with Folder() as folder, Board(folder) as board, Service() as service, FixedSink() as sink:
        (folder / "prometheus.yml").write_text(PROMETHEUS.format(target=service.address))
        (folder / "bellwether.yaml").write_text(BELLWETHER.format(port=board.path))
        arguments = ["--prometheus-config", folder / "prometheus.yml", "--alertmanager-config", alertmanager,
                     "--config", folder / "bellwether.yaml"]
        for file in rules:
            arguments += ["--rules", file]
        with Server(folder, *arguments) as server:
            look_around(server)
            overheat(server, board, sink)


def look_around(server):
    wait_until("a note about `subject` in the log", lambda: "subject" in server.log_text(), 10)
    check("body" in server.log_text(), "the start notes `subject` and `body`", server.log_text())
    groups = get_json(server.prometheus + "/api/v1/rules")["data"]["groups"]
    listed = [rule for group in groups for rule in group["rules"]]
    check(len(listed) == 27, "/api/v1/rules lists 27 rules", [rule["name"] for rule in listed])
    wait_until("all rules evaluated", lambda: evaluated(server), 20)
    bad = [(rule["name"], rule.get("lastError")) for rule in all_rules(server) if rule["health"] != "ok"]
    check(not bad, "every rule is healthy", bad)
    wait_until("the service scraped", lambda: server.query('up{job="tiny-llm-profiler"} == 1'), 20)
    wait_until("the board", lambda: server.query("device_temperature_celsius"), 20)
    try:
        amtool = peer("amtool")
    except Skipped as reason:  # the rest of the check needs no amtool
        say(f"skipped: amtool config routes test: {reason}")
        return
    for label, receiver in ROUTES.items():
        code, out, err = run(amtool, f"--alertmanager.url={server.alertmanager}", "config", "routes", "test",
                             f"--verify.receivers={receiver}", label)
        check(code == 0 and out.split() == [receiver], f"amtool config routes test {label}: {receiver}", out, err)


def overheat(server, board, sink):
    """Both files' DeviceOverheating, with their own `for` of one and of two minutes: the first is waited for."""
    board.temperature(91.5)
    heated = time.monotonic()
    add_device_alert(server)
    wait_until("two pending alerts", lambda: len(overheating(server)) == 2, 20)
    if sink.bound:
        # group_wait of the file is 30 s.
        wait_until("the webhook of device-alerts", lambda: sink.messages, 60)
        body = sink.messages[0]["body"]
        check(body["receiver"] == "device-alerts" and body["version"] == "4", "device-alerts got its webhook", body)
    firing = wait_until(
        "DeviceOverheating", lambda: [alert for alert in overheating(server) if alert["state"] == "firing"], 90, every=1
    )
    check(len(firing) == 1, f"DeviceOverheating fires after {time.monotonic() - heated:.0f} s, for is 60 s", firing)
    routed = wait_until("the alert in the routing", lambda: [
        alert for alert in get_json(server.alertmanager + "/api/v2/alerts")
        if alert["labels"]["alertname"] == "DeviceOverheating"
    ], 10)
    names = [receiver["name"] for receiver in routed[0]["receivers"]]
    check(names == ["critical-alerts"], "it goes to critical-alerts", names)
    wait_until("a failed e-mail in the log (nothing listens on port 587)", lambda: "587" in server.log_text(), 60, every=1)
    check(status_of(server.prometheus + "/-/healthy") == 200, "receivers that do not answer disturb nothing else")
    board.temperature(61.0)
    wait_until("the end of it", lambda: not overheating(server), 20)


def add_device_alert(server):
    alert = {"labels": {"alertname": "BatteryLow", "component": "device", "severity": "info", "device_id": "esp32-bench"}}
    request(server.alertmanager + "/api/v2/alerts", [alert])


def all_rules(server):
    groups = get_json(server.prometheus + "/api/v1/rules")["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def evaluated(server):
    return all(rule["health"] != "unknown" for rule in all_rules(server))


def overheating(server):
    alerts = get_json(server.prometheus + "/api/v1/alerts")["data"]["alerts"]
    return [alert for alert in alerts if alert["labels"]["alertname"] == "DeviceOverheating"]


class FixedSink:
    """A sink on the port that the file names; where somebody else has it, that part is left out and said to be."""

    messages = ()

    def __enter__(self):
        self.bound = False
        try:
            self.sink = Sink(WEBHOOK_PORT)
        except OSError as error:
            say(f"skipped: the webhook of device-alerts: port {WEBHOOK_PORT} is taken: {error}")
            return self
        self.bound = True
        self.sink.__enter__()
        self.messages = self.sink.messages
        return self

    def __exit__(self, *_):
        if self.bound:
            self.sink.__exit__()


CHECKS = [
    ("seeds: checked without running", checked_alone),
    ("seeds: a real run", real_run),
]
