"""What hostile plugins cost their neighbours, as rows of docs/performance.md: when the result of a rule of 1 s can be
seen, and whether a board that is well loses a line. First without hostile plugins, then with all of them at once.

The jitter is taken from outside: from the second that the rule is due until its result is in the answer of a query. That
counts evaluating, storing and answering too, and what this program itself is late; the longest time between two of its
own looks stands beside it. Lines are counted one by one, in what was stored. Arguments name some of the deeds, to find
out which of them it is.
"""

import http.client
import json
import os
import socket
import statistics
import sys
import threading
import time
import urllib.parse

from harness import ROOT, Failed, Folder, Server, wait_until

SECONDS = int(os.environ.get("SECONDS_EACH", "120"))
LINES_A_SECOND = 20
# The rule is due at some moment of each second; from this long before it on, its result is looked for.
EARLY, EVERY = 0.03, 0.002

GUESTS = ROOT / "plugins/dist/hostile"
BOARD_DEEDS = [
    "spin", "chatter", "hoard", "grow-at-once", "grow-by-pages", "recurse", "crash", "unreachable", "stray", "aliases",
    "giant-string", "flood", "series", "block", "heavy-block", "events", "giant-event", "records", "giant-record",
    "writes", "identity", "wake", "shout", "escapes", "fields", "names", "values", "times", "grumble", "later:spin",
]
WASI_DEEDS = ["print", "sleep", "sleep-many", "naps", "pollables", "streams", "much-random", "exit"]
FUNCTIONS = ["spin", "chatter", "hoard", "recurse", "crash", "flood", "short", "long", "uneven", "grumble", "blame", "nan"]
RECEIVERS = ["spin", "hoard", "recurse", "crash", "giant", "giant-receipt", "giant-link", "grumble", "slow", "many",
             "steal-by-log", "steal-by-stdout", "steal-by-panic", "steal-by-receipt"]


class Board:
    """A board behind TCP: each connection gets a line `lines` times a second, as long as it stands."""

    def __init__(self, line, lines):
        self.line, self.pause, self.sent = line, 1 / lines, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        self.listener.settimeout(0.5)
        while not self.stopped.is_set():
            try:
                connection, _ = self.listener.accept()
            except TimeoutError:
                continue
            with connection:
                self._talk(connection)

    def _talk(self, connection):
        due = time.monotonic()
        while not self.stopped.is_set():
            try:
                connection.sendall(self.line(self.sent + 1).encode() + b"\n")
            except OSError:
                return
            self.sent += 1
            due += self.pause
            self.stopped.wait(max(0, due - time.monotonic()))

    def stop(self):
        self.stopped.set()
        self.thread.join(5)
        self.listener.close()


class Querier:
    """Instant queries over one connection that stays open."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection(server.prometheus.removeprefix("http://"), timeout=30)

    def __call__(self, expression):
        self.connection.request("GET", "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        return json.load(self.connection.getresponse())["data"]["result"]


def chosen(deeds):
    """Those that the arguments name, or all."""
    return [deed for deed in deeds if not sys.argv[1:] or deed in sys.argv[1:]]


def device(name, driver, board):
    return f"  - {{id: {name}, platform: test, driver: {driver}, transport: {{tcp: {{connect: '{board.address}'}}}}}}\n"


def write_files(folder, control, hostile, silent):
    """The configuration; `hostile` maps names of boards to (driver, board), and is none without hostile plugins."""
    devices = device("control", "jsonl", control)
    devices += "".join(device(name, driver, board) for name, (driver, board) in (hostile or {}).items())
    (folder / "bellwether.yaml").write_text(f"plugins: {{dir: plugins}}\ndevices:\n{devices}")
    rules = "groups:\n  - {name: control, interval: 1s, rules: [{record: control_beat, expr: count(device_uptime_seconds)}]}\n"
    plugins = folder / "plugins"
    plugins.mkdir()
    if hostile is not None:
        for guest in GUESTS.glob("*.wasm"):
            (plugins / f"hostile-{guest.name}").write_bytes(guest.read_bytes())
        hosts = f'hosts = ["https://api.example", "{silent}"]'
        (plugins / "hostile-receiver.toml").write_text(f"[grants]\n{hosts}\n[grants.secrets.token]\n{hosts}\n")
        rules += "  - name: hostile\n    interval: 1s\n    rules:\n"
        for function in chosen(FUNCTIONS):
            rules += f"      - {{record: of_{function}, expr: 'hostile_{function}(device_uptime_seconds[1m])'}}\n"
        rules += "      - {alert: Flaps, expr: 'vector(time() % 4 < bool 2) > 0', labels: {second: '{{ $value }}'}}\n"
    (folder / "rules.yml").write_text(rules)
    (folder / "alertmanager.yml").write_text(routing(silent) if hostile is not None else "route: {receiver: none}\nreceivers: [{name: none}]\n")


def routing(silent):
    routes = "".join(f"    - {{receiver: {name}, continue: true}}\n" for name in chosen(RECEIVERS))
    receivers = "".join(
        f"  - {{name: {name}, hostile-receiver_configs: [{{target: '{silent}', token: hunter22}}]}}\n" for name in chosen(RECEIVERS))
    times = "group_wait: 0s, group_interval: 1s, repeat_interval: 1s"
    head = "".join(f"  {part.strip()}\n" for part in times.split(","))
    return f"route:\n  receiver: none\n{head}  routes:\n{routes}receivers:\n  - name: none\n{receivers}"


def run(with_hostile):
    silent = socket.create_server(("127.0.0.1", 0))
    control = Board(lambda number: json.dumps({"uptime": number}), LINES_A_SECOND)
    hostile = {} if with_hostile else None
    if with_hostile:
        for deed in chosen(BOARD_DEEDS + WASI_DEEDS):
            driver = "hostile-wasi" if deed in WASI_DEEDS else "hostile-driver"
            hostile[deed.replace(":", "-")] = (driver, Board(lambda _, deed=deed: deed, 1))
    with Folder() as folder:
        write_files(folder, control, hostile, "http://127.0.0.1:%d" % silent.getsockname()[1])
        arguments = ["--config", folder / "bellwether.yaml", "--rules", folder / "rules.yml",
                     "--alertmanager-config", folder / "alertmanager.yml"]
        with Server(folder, *arguments) as server:
            query = Querier(server)
            wait_until("the control rule", lambda: query("control_beat"), 60)
            lateness, gap = watch(query)
            control.stop()
            time.sleep(1)
            lost = lines_lost(query, control.sent)
            memory, crashes = server.resident_mib(), server.log_text().count("plugin crashed")
        for _, board in (hostile or {}).values():
            board.stop()
    silent.close()
    percentiles = statistics.quantiles(lateness, n=100, method="inclusive")
    return {
        "rule of 1 s: result visible after, p50": f"{percentiles[49] * 1000:.1f} ms",
        "rule of 1 s: result visible after, p99": f"{percentiles[98] * 1000:.1f} ms",
        "rule of 1 s: result visible after, most": f"{max(lateness) * 1000:.1f} ms",
        "longest time between two looks": f"{gap * 1000:.1f} ms",
        "seconds without a result": f"{SECONDS - len(lateness)} of {SECONDS}",
        "lines of the control board lost": f"{lost} of {control.sent}",
        "crashes of plugins": str(crashes),
        "RSS": f"{memory:.0f} MiB",
    }


def watch(query):
    """How late the result of each second could be seen, and the longest time between two looks."""
    slot = newest(query) + 1000
    lateness, longest_gap = [], 0.0
    for _ in range(SECONDS):
        time.sleep(max(0, slot / 1000 - EARLY - time.time()))
        looked = time.time()
        while (seen := newest(query)) < slot:
            time.sleep(EVERY)
            longest_gap = max(longest_gap, time.time() - looked)
            looked = time.time()
        now = time.time()
        # Where one was missed, the next one that is there is none of this second.
        if seen == slot:
            lateness.append(now - slot / 1000)
        slot = seen + 1000
    return lateness, longest_gap


def newest(query):
    """The time of the newest result of the control rule, in milliseconds."""
    return round(float(query("timestamp(control_beat)")[0]["value"][1]) * 1000)


def lines_lost(query, sent):
    found = query(f'device_uptime_seconds{{device_id="control"}}[{SECONDS + 300}s]')
    if len(found) != 1:
        raise Failed(f"the control board has {len(found)} series")
    stored = {int(float(value)) for _, value in found[0]["values"]}
    return sum(number not in stored for number in range(1, sent + 1))


def main():
    unknown = set(sys.argv[1:]) - {*BOARD_DEEDS, *WASI_DEEDS, *FUNCTIONS, *RECEIVERS}
    if unknown:
        raise SystemExit(f"no such deed: {', '.join(unknown)}")
    columns = [run(with_hostile) for with_hostile in (False, True)]
    print("| neighbours | without hostile plugins | with all of them |\n|---|---|---|")
    for row in columns[0]:
        print(f"| {row} | " + " | ".join(column[row] for column in columns) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
