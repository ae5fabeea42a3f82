"""What PromQL costs: rule ticks and instant queries over a fleet of 500 boards, as rows of docs/performance.md.

The load comes from `alertbench` (../shared/bench, or ALERTBENCH=path). With PROMETHEUS=path the same is done with a
Prometheus, one after the other. CPU time is the server's, from the kernel.
"""

import json
import os
import pathlib
import subprocess
import time

from harness import ROOT, Folder, Process, Server, free_port, get_text, request, status_of, wait_until
from measure import cpu_seconds

RIG = ROOT.parent / "shared/bench"
SERIES, DEVICES = 10_000, 500
TICKS, SETTLE = 4, 8
# Kind of rules, how many, and the interval in seconds: one that Prometheus keeps as well.
GROUPS = [("device", 1_000, 5), ("device", 10_000, 12), ("fleet", 100, 5), ("fleet", 1_000, 8), ("heavy", 100, 8)]
# Data older than this no longer counts as new.
FRESH = 90
QUERIES = 200


def alertbench():
    given = os.environ.get("ALERTBENCH")
    if given:
        return given
    target = ROOT / "target/ci/bench"
    subprocess.run(["cargo", "build", "--quiet", "--release", "--manifest-path", RIG / "Cargo.toml",
                    "--target-dir", target], check=True)
    return target / "release/alertbench"


class Bellwether(Server):
    name = "Bellwether"
    iterations = "bellwether_rule_group_iterations_total"

    def __init__(self, folder):
        super().__init__(folder, "--prometheus-config", configuration(folder))

    @property
    def base(self):
        return self.prometheus


class Prometheus:
    name = "Prometheus"
    iterations = "prometheus_rule_group_iterations_total"

    def __init__(self, folder):
        self.folder, self.base = folder, f"http://127.0.0.1:{free_port()}"

    def __enter__(self):
        command = [os.environ["PROMETHEUS"], f"--config.file={configuration(self.folder)}",
                   f"--storage.tsdb.path={self.folder}/data", f"--web.listen-address={self.base[7:]}",
                   "--web.enable-remote-write-receiver", "--web.enable-lifecycle", "--log.level=warn"]
        self.process = Process(command, log=self.folder / "server.log")
        wait_until("/-/ready", lambda: status_of(self.base + "/-/ready") == 200, 60)
        return self

    def __exit__(self, *_):
        self.process.stop()


def configuration(folder):
    rules = folder / "rules.yml"
    rules.write_text("groups: []\n")
    file = folder / "prometheus.yml"
    file.write_text(f"global: {{evaluation_interval: 1s}}\nrule_files: ['{rules}']\n")
    return file


class Rig:
    """The load generator, aimed at one server."""

    def __init__(self, program, server):
        self.program, self.server, self.fed = program, server, 0

    def run(self, *arguments):
        command = [str(part) for part in (self.program, *arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def feed(self, first, samples, *more):
        written = self.run("ingest", "--url", self.server.base + "/api/v1/write", "--series", SERIES, "--settle", 2,
                           "--samples", samples, "--first-step", first, "--pid", self.server.process.child.pid, *more)
        self.fed = time.monotonic()
        return written[0]["last_ts_ms"] / 1000

    def iterations(self):
        lines = get_text(self.server.base + "/metrics").splitlines()
        values = [line for line in lines if line.startswith(self.server.iterations)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in values)


def cpu_of(server, seconds):
    before = cpu_seconds(server)
    time.sleep(seconds)
    return cpu_seconds(server) - before


def rule_ticks(kind_of_server, program):
    """CPU-seconds of one tick, by group."""
    found = {}
    with Folder() as folder, kind_of_server(folder) as server:
        rig = Rig(program, server)
        rig.feed(0, 40)
        time.sleep(SETTLE)
        at_rest = cpu_of(server, SETTLE) / SETTLE
        for kind, rules, interval in GROUPS:
            rig.run("rules", "--kind", kind, "--n", rules, "--interval", f"{interval}s", "--devices", DEVICES,
                    "--out", folder / "rules.yml")
            if time.monotonic() - rig.fed > FRESH:
                rig.feed(40, 8)
            request(server.base + "/-/reload", method="POST")
            # The first tick makes what later ones reuse.
            time.sleep(interval + 1.5)
            before = rig.iterations()
            seconds = interval * TICKS
            used = cpu_of(server, seconds) - at_rest * seconds
            found[kind, rules] = max(used, 0) / max(rig.iterations() - before, 1)
    return found


def instant_queries(kind_of_server, program):
    """CPU-milliseconds of one query and how many series it found, by expression."""
    with Folder() as folder, kind_of_server(folder) as server:
        rig = Rig(program, server)
        a_day_ago = int((time.time() - 86_400 - 150) * 1000)
        rig.feed(0, 21, "--start-ms", a_day_ago)
        end = rig.feed(21, 240)
        time.sleep(SETTLE)
        answers = rig.run("query", "--url", server.base, "--exprs", RIG / "exprs.txt", "--n", QUERIES,
                          "--time", f"{end:.3f}", "--pid", server.process.child.pid)
        return {answer["expr"]: (answer["cpu_ms_per_query"], answer["results"]) for answer in answers}


def main():
    program = alertbench()
    servers = [Bellwether] + [Prometheus] * ("PROMETHEUS" in os.environ)
    names = " | ".join(server.name for server in servers)
    print(f"| rules, over {SERIES} series | {names} |\n|---|" + "---|" * len(servers))
    ticks = [rule_ticks(server, program) for server in servers]
    for kind, rules, _ in GROUPS:
        row = " | ".join(f"{found[kind, rules]:.3f} s" for found in ticks)
        print(f"| {rules} {kind} rules, a tick | {row} |")
    print(f"\n| instant query, CPU of one in {QUERIES} | {names} |\n|---|" + "---|" * len(servers))
    queries = [instant_queries(server, program) for server in servers]
    for expression in queries[0]:
        row = [found[expression] for found in queries]
        if len({results for _, results in row}) != 1:
            raise SystemExit(f"{expression} gives {row}")
        print(f"| `{expression}` | " + " | ".join(f"{cpu:.2f} ms" for cpu, _ in row) + " |")


if __name__ == "__main__":
    main()
