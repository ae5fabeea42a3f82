"""The real promtool and amtool (Debian's) and PyPI's prometheus-api-client against a running server."""

import datetime
import json
import pathlib
import re
import time

from harness import ROOT, Folder, Server, bellwether, check, get_json, peer, run, say, wait_until
from surroundings import Service, Sink

PROMETHEUS = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
scrape_configs:
  - job_name: model-server
    static_configs: [{{targets: ['{target}']}}]
"""
ALERTMANAGER = """\
global: {{resolve_timeout: 5m}}
route:
  receiver: team
  group_by: [alertname]
  group_wait: 1s
  routes:
    - matchers: [severity="critical"]
      receiver: on-call
    - matchers: [component="device"]
      receiver: hardware
      continue: true
    - matchers: [platform=~"esp32|rp2040"]
      receiver: firmware
receivers:
  - name: team
    inbox_configs: [{{send_resolved: true}}]
  - name: on-call
    webhook_configs: [{{url: '{url}'}}]
    inbox_configs: [{{send_resolved: true}}]
  - name: hardware
    webhook_configs: [{{url: '{url}'}}]
  - name: firmware
    webhook_configs: [{{url: '{url}'}}]
inhibit_rules:
  - source_matchers: [severity="critical"]
    target_matchers: [severity="warning"]
    equal: [device_id]
"""
RULES = """\
groups:
  - name: always
    interval: 1s
    rules:
      - alert: Watchdog
        expr: vector(1)
        labels: {severity: none}
        annotations: {summary: The pipeline works}
      - record: job:up:sum
        expr: sum by (job) (up)
"""
# Functions that our detectors add to the language, and one of Prometheus' own of the same shape.
PLUGIN_FUNCTIONS = {"zscore": "avg_over_time"}


class World:
    """A server with a scraped service, an alert that always fires, and a routing tree of four receivers."""

    def __enter__(self):
        self.folder_manager, self.service_manager, self.sink_manager = Folder(), Service(), Sink()
        self.folder = self.folder_manager.__enter__()
        service, sink = self.service_manager.__enter__(), self.sink_manager.__enter__()
        files = {
            "prometheus.yml": PROMETHEUS.format(target=service.address),
            "alertmanager.yml": ALERTMANAGER.format(url=sink.url),
            "rules.yml": RULES,
        }
        for name, text in files.items():
            (self.folder / name).write_text(text)
        self.server = Server(
            self.folder, "--prometheus-config", self.folder / "prometheus.yml",
            "--alertmanager-config", self.folder / "alertmanager.yml", "--rules", self.folder / "rules.yml",
        )
        try:
            self.server.start()
            wait_until("an alert that fires", lambda: self.server.query('ALERTS{alertname="Watchdog",alertstate="firing"}'), 30)
            wait_until("a scrape and what is recorded of it", lambda: self.server.query("job:up:sum == 1"), 30)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.server.__exit__()
        for manager in (self.sink_manager, self.service_manager, self.folder_manager):
            manager.__exit__()


def works(*command, **more):
    """Runs a tool that must succeed; returns its output."""
    code, out, err = run(*command, **more)
    shown = " ".join(pathlib.Path(part).name if str(part).startswith("/") else str(part) for part in command)
    check(code == 0, shown, out.strip(), err.strip())
    return out


def rule_files():
    promtool = peer("promtool")
    files = sorted((ROOT / "rules").glob("*.yml")) + sorted((ROOT / "examples").glob("*/rules.yml"))
    check(files, "there are rule files")
    for file in files:
        code, out, err = bellwether("check", "rules", file)
        check(code == 0, f"bellwether check rules {file.relative_to(ROOT)}", out, err)
        text = file.read_text()
        foreign = [name for name in PLUGIN_FUNCTIONS if re.search(rf"\b{name}\(", text)]
        if not foreign:
            works(promtool, "check", "rules", file)
            continue
        with Folder() as folder:
            copy = folder / file.name
            for name in foreign:
                text = re.sub(rf"\b{name}\(", PLUGIN_FUNCTIONS[name] + "(", text)
            copy.write_text(text)
            say(f"{file.relative_to(ROOT)} calls {', '.join(foreign)} of a plugin; promtool sees a copy without")
            works(promtool, "check", "rules", copy)


def promtool_queries():
    promtool = peer("promtool")
    with World() as world:
        url = world.server.prometheus
        out = works(promtool, "query", "instant", url, "up")
        check(re.search(r'up\{.*job="model-server".*\} => 1 @\[', out), "up of the service is 1", out)
        out = works(promtool, "query", "instant", url, 'sum(ml_predictions_total)')
        check("{} => 42 @[" in out, "a sum over scraped series", out)
        now = time.time()
        out = works(promtool, "query", "range", url, "up", f"--start={now - 10:.0f}", f"--end={now + 2:.0f}", "--step=1s")
        check(len(re.findall(r"^1 @\[", out, re.M)) >= 1, "points over a range", out)
        out = works(promtool, "query", "series", url, "--match=up")
        check("model-server" in out, "series of a selector", out)
        out = works(promtool, "query", "labels", url, "job")
        check("model-server" in out, "values of a label", out)
        code, out, err = run(promtool, "query", "instant", url, "rate(up)")
        check(code != 0 and "parse error" in (out + err), "a bad expression is told as one", out, err)
        code, out, _ = bellwether("query", "instant", "--server", url, "up")
        check(code == 0 and "=> 1 @[" in out, "bellwether query instant prints the same", out)


def amtool_alerts_and_silences():
    tool = peer("amtool")
    with World() as world:
        amtool = [tool, f"--alertmanager.url={world.server.alertmanager}"]
        wait_until("the alert in the routing", lambda: get_json(world.server.alertmanager + "/api/v2/alerts"), 20)
        check("Watchdog" in works(*amtool, "alert", "query"), "alert query shows the rule's alert")
        works(*amtool, "alert", "add", "alertname=HandMade", "severity=critical", "device_id=esp32-01",
              "--annotation=summary=made by hand")
        out = works(*amtool, "alert", "query", "alertname=HandMade", "-o", "json")
        found = json.loads(out)
        check(len(found) == 1 and found[0]["annotations"]["summary"] == "made by hand", "an added alert is there", out)
        wait_until("its webhook", lambda: world.sink_manager.of("firing"), 20)
        check(world.sink_manager.of("firing")[0]["body"]["receiver"] == "on-call", "it was routed to on-call")

        silence = works(*amtool, "silence", "add", "alertname=HandMade", "device_id=~esp32-.*",
                        "--author=ci", "--comment=a test", "--duration=1h").strip()
        check(re.fullmatch(r"[0-9a-f-]{36}", silence), "silence add prints an id", silence)
        out = works(*amtool, "silence", "query", "alertname=HandMade")
        check(silence in out and "a test" in out, "silence query shows it", out)
        wait_until("the silenced alert", lambda: "HandMade" in works(*amtool, "alert", "query", "--silenced"), 10)
        check("HandMade" not in works(*amtool, "alert", "query"), "a silenced alert is not among the active ones")
        works(*amtool, "silence", "update", "--duration=2h", "--comment=longer", silence)
        silence = works(*amtool, "silence", "query", "--quiet", "alertname=HandMade").split()[0]
        works(*amtool, "silence", "expire", silence)
        check(silence not in works(*amtool, "silence", "query"), "an expired silence is gone from the active ones")
        check(silence in works(*amtool, "silence", "query", "--expired"), "and among the expired ones")
        check("HandMade" in works(*amtool, "alert", "query"), "the alert is active again")


def amtool_configuration():
    tool = peer("amtool")
    with World() as world:
        amtool = [tool, f"--alertmanager.url={world.server.alertmanager}"]
        routes = {
            ("severity=critical",): "on-call",
            ("severity=warning",): "team",
            ("component=device",): "hardware",
            ("component=device", "platform=esp32"): "hardware,firmware",
        }
        for labels, receivers in routes.items():
            out = works(*amtool, "config", "routes", "test", f"--verify.receivers={receivers}", *labels)
            check(out.split() == [receivers], f"{' '.join(labels)} goes to {receivers}", out)
        out = works(*amtool, "config", "routes", "show")
        check("on-call" in out and "firmware" in out, "config routes show draws the tree", out)
        check("receivers" in works(*amtool, "config", "show"), "config show prints the configuration")
        say(works(*amtool, "cluster", "show"))
        original = get_json(world.server.alertmanager + "/api/v2/status")["config"]["original"]
        projected = world.folder / "projected.yml"
        projected.write_text(original)
        out = works(tool, "check-config", projected)
        check("4 receivers" in out and "1 inhibit" in out, "check-config finds all of it", out)


def api_client():
    from prometheus_api_client import PrometheusConnect

    with World() as world:
        client = PrometheusConnect(url=world.server.prometheus, disable_ssl=True)
        check(client.check_prometheus_connection(), "check_prometheus_connection")
        alerts = client.get_current_metric_value("ALERTS", label_config={"alertname": "Watchdog"})
        check(alerts and alerts[0]["metric"]["alertstate"] == "firing", "get_current_metric_value of ALERTS", alerts)
        names = client.all_metrics()
        wanted = {"up", "ALERTS", "ml_predictions_total", "job:up:sum"}
        check(wanted <= set(names), f"all_metrics holds {', '.join(sorted(wanted))}", names)
        check(client.custom_query("sum(up)")[0]["value"][1] == "1", "custom_query")
        now = datetime.datetime.now()
        window = {"start_time": now - datetime.timedelta(minutes=1), "end_time": now + datetime.timedelta(seconds=5)}
        ranged = client.get_metric_range_data("up", {"job": "model-server"}, **window)
        check(ranged and ranged[0]["values"], "get_metric_range_data", ranged)
        check(client.get_label_values("job"), "get_label_values")
        check(client.get_targets()["activeTargets"][0]["health"] == "up", "get_targets")


CHECKS = [
    ("tools: promtool check rules", rule_files),
    ("tools: promtool query", promtool_queries),
    ("tools: amtool alert and silence", amtool_alerts_and_silences),
    ("tools: amtool config and cluster", amtool_configuration),
    ("tools: prometheus-api-client", api_client),
]
