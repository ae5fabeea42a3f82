"""What it costs to route and deliver alerts, as rows of docs/performance.md.

With ALERTMANAGER=path the same is done with an Alertmanager, one after the other. CPU time and memory are the server's,
from the kernel; the load generator's own CPU time stands beside them. Arguments name the cases to run.
"""

import os
import pathlib
import statistics
import sys
import time

from harness import Folder, Process, Server, free_port, status_of, wait_until
from load import BATCH, Connection, alert, encode, get_whole, moment, post_all, requests
from measure import cpu_seconds
from surroundings import CountingSink

ALERTS, A_GROUP = 100_000, 10
NO_MORE = 20
SETTLE = 2
REFUSED_FOR = 60
PROBES, GAP = 200, 0.05
ROUTING = """\
route:
  receiver: sink
  group_by: [device_id]
  group_wait: {wait}
  group_interval: 5m
  repeat_interval: 4h
receivers:
  - name: sink
    webhook_configs: [{{url: '{url}', send_resolved: true}}]
"""
INHIBITION = """\
inhibit_rules:
  - source_matchers: [severity="critical"]
    target_matchers: [severity="warning"]
    equal: [device_id]
"""


class Bellwether(Server):
    name = "Bellwether"

    def __init__(self, folder, routing):
        super().__init__(folder, "--alertmanager-config", routing)


class Alertmanager:
    name = "Alertmanager"

    def __init__(self, folder, routing):
        self.folder, self.routing = folder, routing
        self.alertmanager = f"http://127.0.0.1:{free_port()}"

    def __enter__(self):
        command = [os.environ["ALERTMANAGER"], f"--config.file={self.routing}", f"--storage.path={self.folder}/data",
                   f"--web.listen-address={self.alertmanager[7:]}", "--cluster.listen-address=", "--log.level=error"]
        self.process = Process(command, log=self.folder / "server.log")
        wait_until("/-/ready", lambda: status_of(self.alertmanager + "/-/ready") == 200, 60)
        return self

    def __exit__(self, *_):
        self.process.stop()


class Rig:
    """One server with its routing, and a sink where it has one."""

    def __init__(self, kind, wait="1s", inhibition=False, refused=False):
        self.kind, self.refused = kind, refused
        self.text = ROUTING + (INHIBITION if inhibition else "")
        self.wait, self.owned = wait, []

    def __enter__(self):
        folder = self._enter(Folder())
        if self.refused:
            url = f"http://127.0.0.1:{free_port()}/"
        else:
            self.sink = self._enter(CountingSink())
            url = self.sink.url
        routing = folder / "alertmanager.yml"
        routing.write_text(self.text.format(wait=self.wait, url=url))
        self.server = self._enter(self.kind(folder, routing))
        self.started = time.time()
        return self

    def _enter(self, manager):
        entered = manager.__enter__()
        self.owned.append(manager)
        return entered

    def __exit__(self, *_):
        for manager in reversed(self.owned):
            manager.__exit__(None, None, None)

    def memory(self, field="VmRSS"):
        for line in pathlib.Path(f"/proc/{self.server.process.child.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
        raise SystemExit(f"the server has no {field}")

    def cpu(self):
        return cpu_seconds(self.server)

    def post(self, encoded):
        """How it went, and the server's CPU time meanwhile."""
        before = self.cpu()
        posted = post_all(self.server.alertmanager, encoded)
        return posted, self.cpu() - before

    def all_notified(self, groups, since):
        """Seconds from `since` until every group had reached the sink; ends early when no more of them come."""
        posted = time.monotonic()
        while (counts := self.sink.counts())["groups"] < groups:
            if time.monotonic() - max(counts["latest"] or 0, posted) > NO_MORE:
                return f"{counts['groups']:,} only"
            time.sleep(0.1)
        return f"{counts['latest'] - since:.1f} s"


def rate(count, posted):
    refused = len(posted.refused) * BATCH
    shown = f"{(count - refused) / posted.seconds:,.0f} (generator: {posted.own_cpu:.1f} s of CPU)"
    return shown + (f"; {refused:,} refused, the first: {posted.refused[0]}" if refused else "")


def ingest(rig, alerts, what):
    """Alerts over groups, until all of them are notified."""
    groups, encoded = alerts // A_GROUP, requests(alerts, A_GROUP, rig.started)
    before, since = rig.cpu(), time.monotonic()
    posted, accepting = rig.post(encoded)
    notified = rig.all_notified(groups, since)
    used = rig.cpu() - before
    time.sleep(SETTLE)
    return {
        f"{what}: alerts accepted per second": rate(alerts, posted),
        f"{what}: CPU until accepted": f"{accepting:.2f} s",
        f"{what}: all {groups:,} groups notified after": notified,
        f"{what}: CPU until then": f"{used:.2f} s",
        f"{what}: webhook requests": f"{rig.sink.counts()['requests']:,}",
        f"{what}: RSS": f"{rig.memory():.0f} MiB, at most {rig.memory('VmHWM'):.0f}",
    }


def resend(rig):
    encoded = requests(ALERTS, A_GROUP, rig.started, lasts=7200)
    posted, used = rig.post(encoded)
    return {"re-sent: alerts accepted per second": rate(ALERTS, posted), "re-sent: CPU": f"{used:.2f} s"}


def read_back(rig):
    rows = {}
    for turn in ("first", "second", "third"):
        before, started = rig.memory(), time.monotonic()
        answer = get_whole(rig.server.alertmanager + "/api/v2/alerts")
        seconds = time.monotonic() - started
        found = answer.count(b'"fingerprint"')
        rows[f"`GET /api/v2/alerts`, {turn} time"] = (
            f"{found:,} alerts in {seconds:.2f} s, {len(answer) / 1e6:.1f} MB, RSS {rig.memory() - before:+.0f} MiB")
    return rows


def many(kind):
    with Rig(kind) as rig:
        idle = {"RSS before": f"{rig.memory():.0f} MiB"}
        return idle | ingest(rig, ALERTS, f"{ALERTS:,} alerts") | resend(rig) | read_back(rig)


def inhibited(kind):
    rows = {}
    for alerts in (ALERTS, 2 * ALERTS):
        with Rig(kind, inhibition=True) as rig:
            rows |= ingest(rig, alerts, f"{alerts:,} alerts and an inhibition rule")
    return rows


def refused(kind):
    with Rig(kind, refused=True) as rig:
        what = f"{ALERTS:,} groups, receiver refuses"
        before = rig.cpu()
        posted, _ = rig.post(requests(ALERTS, 1, rig.started))
        accepted = rig.memory()
        time.sleep(REFUSED_FOR)
        return {
            f"{what}: alerts accepted per second": rate(ALERTS, posted),
            f"{what}: RSS once accepted": f"{accepted:.0f} MiB",
            f"{what}: RSS {REFUSED_FOR} s later": f"{rig.memory():.0f} MiB, at most {rig.memory('VmHWM'):.0f}",
            f"{what}: CPU until then": f"{rig.cpu() - before:.1f} s",
        }


def latency(kind):
    sent = {}
    with Rig(kind, wait="0s") as rig, Connection(rig.server.alertmanager) as connection:
        for probe in range(PROBES):
            one = alert(probe, 1, moment(time.time()), moment(time.time() + 3600))
            request = encode([one])
            sent[one["labels"]["device_id"]] = time.monotonic()
            connection.post(request)
            time.sleep(GAP)
        time.sleep(SETTLE)
        arrived = rig.sink.arrivals()
    waits = [at - sent[group.split('"')[1]] for group, at in arrived.items()]
    if len(waits) != PROBES:
        raise SystemExit(f"{kind.name} delivered {len(waits)} of {PROBES} alerts")
    percentiles = statistics.quantiles(waits, n=100)
    shown = f"p50 {percentiles[49] * 1000:.1f} ms, p99 {percentiles[98] * 1000:.1f} ms"
    return {f"alert posted until its webhook arrives, {PROBES} times": shown}


CASES = {"many": many, "inhibited": inhibited, "refused": refused, "latency": latency}


def main():
    unknown = set(sys.argv[1:]) - set(CASES)
    if unknown:
        raise SystemExit(f"no such case: {', '.join(unknown)}; there are: {', '.join(CASES)}")
    servers = [Bellwether] + [Alertmanager] * ("ALERTMANAGER" in os.environ)
    names = " | ".join(server.name for server in servers)
    print(f"| alerts | {names} |\n|---|" + "---|" * len(servers), flush=True)
    for case in sys.argv[1:] or CASES:
        columns = [CASES[case](server) for server in servers]
        for row in columns[0]:
            print(f"| {row} | " + " | ".join(column[row] for column in columns) + " |", flush=True)


if __name__ == "__main__":
    main()
