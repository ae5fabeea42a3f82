"""Real Prometheus servers evaluate rules of their own and send us their alerts, as they would to an Alertmanager."""

import os
import pathlib

from harness import Folder, Process, Server, Skipped, check, free_port, get_json, peer, run, say, status_of, wait_until
from surroundings import Service, Sink

PROMETHEUS = """\
global:
  scrape_interval: 1s
  evaluation_interval: 1s
  external_labels: {{site: bench, replica: a}}
rule_files: ['{rules}']
alerting:
  alert_relabel_configs:
    - {{regex: replica, action: labeldrop}}
  alertmanagers:
    - static_configs: [{{targets: ['{alertmanager}']}}]
scrape_configs:
  - job_name: model-server
    static_configs: [{{targets: ['{target}']}}]
"""
RULES = """\
groups:
  - name: models
    rules:
      - alert: AccuracyTooLow
        expr: ml_model_accuracy < 0.8
        for: 1s
        labels: {severity: critical, team: 'grüße "2"'}
        annotations:
          summary: '{{ $labels.model }} is right in {{ $value | humanizePercentage }}'
"""
ROUTING = """\
route:
  receiver: sink
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 1h
receivers:
  - name: sink
    webhook_configs: [{{url: '{url}', send_resolved: true}}]
"""


class Prometheus:
    """One that scrapes a service and knows our server as its Alertmanager."""

    def __init__(self, program, folder, server, service):
        self.program, self.folder = program, folder
        self.url = f"http://127.0.0.1:{free_port()}"
        rules, self.config = folder / "rules.yml", folder / "prometheus.yml"
        rules.write_text(RULES)
        alertmanager = server.alertmanager.removeprefix("http://")
        self.config.write_text(PROMETHEUS.format(rules=rules, alertmanager=alertmanager, target=service.address))

    def __enter__(self):
        command = [self.program, f"--config.file={self.config}", f"--storage.tsdb.path={self.folder}/prometheus",
                   f"--web.listen-address={self.url[7:]}", "--log.level=warn"]
        self.process = Process(command, log=self.folder / "prometheus.log").__enter__()
        wait_until("/-/ready of Prometheus", lambda: status_of(self.url + "/-/ready") == 200, 60)
        wait_until("its list of Alertmanagers", lambda: self.alertmanagers(), 60)
        return self

    def __exit__(self, *_):
        self.process.__exit__()

    def alertmanagers(self):
        return get_json(self.url + "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]


def fires_and_resolves(program):
    say(run(program, "--version")[1].splitlines()[0])
    with Folder() as folder, Service() as service, Sink() as sink:
        file = folder / "alertmanager.yml"
        file.write_text(ROUTING.format(url=sink.url))
        with Server(folder, "--alertmanager-config", file) as server, Prometheus(program, folder, server, service):
            service.accuracy.labels("tiny").set(0.31)
            wait_until("the firing webhook", lambda: sink.of("firing"), 30)
            in_the_api(server)
            service.accuracy.labels("tiny").set(0.95)
            wait_until("the resolved webhook", lambda: sink.of("resolved"), 30)
            say(sink.log())
            in_the_webhooks(sink)


def in_the_api(server):
    alerts = get_json(server.alertmanager + "/api/v2/alerts")
    check(len(alerts) == 1, "one alert has arrived", alerts)
    right_alert(alerts[0])
    check(alerts[0]["status"]["state"] == "active", "it is active", alerts[0])
    check("/graph?g0.expr=" in alerts[0]["generatorURL"], "it links to Prometheus' graph", alerts[0])


def right_alert(alert):
    labels = dict(alert["labels"])
    instance = labels.pop("instance")
    wanted = {"alertname": "AccuracyTooLow", "job": "model-server", "model": "tiny", "severity": "critical",
              "site": "bench", "team": 'grüße "2"'}
    check(labels == wanted and instance.startswith("127.0.0.1:"), "with its labels and those of its Prometheus", alert)
    check(alert["annotations"] == {"summary": "tiny is right in 31%"}, "and its annotation", alert)


def in_the_webhooks(sink):
    sent = [message["body"]["status"] for message in sink.messages]
    check(sent == ["firing", "resolved"], "one webhook when it fires, one when it ends", sink.log())
    firing, resolved = (message["body"]["alerts"][0] for message in sink.messages)
    right_alert(firing)
    right_alert(resolved)
    check(resolved["startsAt"] == firing["startsAt"], "both name the same start", firing, resolved)
    check(resolved["endsAt"] > resolved["startsAt"], "the end is after it", resolved)
    check(firing["fingerprint"] == resolved["fingerprint"], "and have the same fingerprint", firing, resolved)


def debian():
    fires_and_resolves(peer("prometheus"))


def newest():
    program = os.environ.get("PROMETHEUS")
    if not program or not pathlib.Path(program).exists():
        raise Skipped("PROMETHEUS=path names no program")
    fires_and_resolves(program)


CHECKS = [
    ("prometheus_push: Debian's Prometheus", debian),
    ("prometheus_push: the Prometheus that PROMETHEUS names", newest),
]
