"""`bellwether demo`: two at once, each on its own ports, each with a report that holds the whole story."""

import json
import random
import socket

from harness import BELLWETHER, Failed, Folder, Process, check, say, status_of, wait_until

DURATION = 60


def free_offset():
    """How far from 9090 and 9093 both ports are free."""
    for _ in range(100):
        offset = random.randrange(10_000, 40_000)
        try:
            for port in (9090, 9093):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port + offset))
            return offset
        except OSError:
            continue
    raise Failed("no free ports")


def two_at_once():
    with Folder() as folder:
        running = []
        try:
            for name in ("first", "second"):
                offset, report = free_offset(), folder / f"{name}.json"
                command = [BELLWETHER, "demo", "--duration", f"{DURATION}s", "--report", report,
                           "--data", folder / name, "--port-offset", offset]
                running.append((Process(command, log=folder / f"{name}.log"), offset, report))
            for process, offset, report in running:
                url = f"http://127.0.0.1:{9090 + offset}"
                wait_until(f"the page of the demo at {url}", lambda: status_of(url + "/") == 200, 30)
            for process, _, report in running:
                lines = output(process)
                code = process.child.wait(DURATION)
                check(code == 0, f"{report.stem}: exit code 0 after {DURATION} s", code, lines[-20:])
                check(len(lines) > 5, f"{report.stem}: printed {len(lines)} lines", lines)
                story(json.loads(report.read_text())["events"])
        finally:
            for process, _, _ in running:
                process.__exit__()


def output(process):
    """All lines, to the end of the program."""
    lines = []
    while (line := process.line(timeout=DURATION + 30)) is not None:
        lines.append(line)
    return lines


def story(events):
    say(f"{len(events)} events: " + ", ".join(sorted({event["kind"] for event in events})))
    times = [event["t_ms"] for event in events]
    check(times == sorted(times), "in order of time", times)
    check(times[-1] <= (DURATION + 5) * 1000, "within the minute", times[-1])
    for kind in ("firing", "inhibited", "delivered", "resolved"):
        found = [event for event in events if event["kind"] == kind]
        check(found, f"something is {kind}", events)
        say(f"      first at {found[0]['t_ms'] / 1000:.1f} s: {found[0]['alertname']} {found[0]['device_id']}")
    for alert in ("DeviceOverheating", "DeviceDisconnected"):
        of = {kind: first(events, kind, alert) for kind in ("firing", "delivered", "resolved")}
        check(None not in of.values(), f"{alert} fires, is delivered and ends", of)
        check(of["firing"] <= of["delivered"] <= of["resolved"], f"{alert}: in that order", of)
    inhibited = next(event["t_ms"] for event in events if event["kind"] == "inhibited")
    check(first(events, "firing", "DeviceDisconnected") <= inhibited, "nothing is inhibited before its cause", events)


def first(events, kind, alert):
    fitting = (event["t_ms"] for event in events if event["kind"] == kind and event["alertname"] == alert)
    return next(fitting, None)


CHECKS = [("demo: two at once for a minute", two_at_once)]
