"""Idle memory, time to ready and size of the binary, as rows of docs/performance.md."""

import os
import pathlib
import statistics
import time

from harness import BELLWETHER, Folder, Server, seeds

STARTS = 5
SETTLE = 30


def main():
    rules, alertmanager = seeds()
    arguments = ["--alertmanager-config", alertmanager]
    for file in rules:
        arguments += ["--rules", file]

    empty, again = [], []
    for _ in range(STARTS):
        with Folder() as folder:
            with Server(folder, *arguments) as server:
                empty.append(server.ready_after)
                server.stop()
            server.start()
            again.append(server.ready_after)
            server.stop()

    with Folder() as folder, Server(folder, *arguments) as server:
        time.sleep(SETTLE)
        before, memory = cpu_seconds(server), server.resident_mib()
        time.sleep(SETTLE)
        cpu = (cpu_seconds(server) - before) / SETTLE
        anonymous = anonymous_mib(server)

    size = pathlib.Path(BELLWETHER).stat().st_size / 2**20
    print("| quantity | bellwether |")
    print("|---|---|")
    print(f"| idle RSS, {SETTLE} s after the start, 27 rules | {memory:.1f} MiB ({anonymous:.1f} MiB anonymous) |")
    print(f"| ready, empty data directory, median of {STARTS} | {seconds(empty)} |")
    print(f"| ready, second start on the same data directory | {seconds(again)} |")
    print(f"| CPU while idle | {cpu * 100:.2f} % of a core |")
    print(f"| size of the binary | {size:.1f} MiB |")


def seconds(values):
    return f"{statistics.median(values):.3f} s ({min(values):.3f} to {max(values):.3f})"


def cpu_seconds(server):
    fields = pathlib.Path(f"/proc/{server.process.child.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def anonymous_mib(server):
    for line in pathlib.Path(f"/proc/{server.process.child.pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return float("nan")


if __name__ == "__main__":
    main()
