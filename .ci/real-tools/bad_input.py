"""What a wrong file, a taken port or a damaged plugin gives: one screen that says where, what and what to do."""

import os
import shutil
import socket

from harness import BELLWETHER, ROOT, Folder, Server, bellwether, check, run, say, status_of, wait_until

SCREEN = 24
RULES = """\
groups:
  - name: devices
    rules:
      - alert: TooHot
        expr: {expr}
        {extra}
"""
ALERTMANAGER = """\
route:
  receiver: {receiver}
{extra}receivers:
  - name: team
    inbox_configs: [{{send_resolved: true}}]
"""


def refused(code, out, err, *wanted):
    """Not zero, at most a screen, and every wanted part is in it."""
    text = out + err
    say(text.strip() or "(nothing was printed)")
    check(code != 0, f"exit code {code} is not 0")
    check(len(text.strip().splitlines()) <= SCREEN, f"it fits on a screen of {SCREEN} lines")
    check("panicked" not in text, "it is a message, not a panic")
    for part in wanted:
        check(part in text, f"it names {part!r}", text)


def serve(folder, *arguments, env=None):
    """Starts a server that must refuse; one that does not is ended by the time limit."""
    loopback = "127.0.0.1:0"
    listen = () if "--listen" in arguments else ("--listen", loopback)
    return bellwether("serve", *arguments, "--data", folder / "data", *listen, "--alertmanager-listen", loopback,
                      env=env, timeout=30)


def rule_file():
    with Folder() as folder:
        bad = folder / "bad-rules.yml"
        cases = [
            ("rate(up)", "for: 1m", ["bad-rules.yml:5", "range vector"]),
            ("up ==", "for: 1m", ["bad-rules.yml:5"]),
            ("no_such_function(up)", "for: 1m", ["bad-rules.yml:5", "no_such_function"]),
            ("up == 0", "fro: 1m", ["bad-rules.yml:6", "fro", "for"]),
            ("up == 0", "for: soon", ["bad-rules.yml:6", "soon"]),
            ("up == 0", "annotations: {summary: '{{ $labels.x '}", ["bad-rules.yml:6"]),
        ]
        for expr, extra, wanted in cases:
            bad.write_text(RULES.format(expr=expr, extra=extra))
            refused(*bellwether("check", "rules", bad), *wanted, "hint:")
        refused(*serve(folder, "--rules", bad), "bad-rules.yml:6", "hint:")
        refused(*serve(folder, "--rules", folder / "none-*.yml"), "none-*.yml", "--rules")


def route():
    with Folder() as folder:
        bad = folder / "alertmanager.yml"
        bad.write_text(ALERTMANAGER.format(receiver="taem", extra=""))
        refused(*bellwether("check", "alertmanager", bad), "alertmanager.yml:2", "taem", "hint:")
        refused(*serve(folder, "--alertmanager-config", bad), "alertmanager.yml:2", "taem", "hint:")
        bad.write_text(ALERTMANAGER.format(receiver="team", extra="  routes:\n    - {receiver: nobody, match: {a: b}}\n"))
        refused(*serve(folder, "--alertmanager-config", bad), "alertmanager.yml:4", "nobody", "hint:")


def unknown_key():
    with Folder() as folder:
        cases = [
            ("--alertmanager-config", "alertmanager.yml",
             ALERTMANAGER.format(receiver="team", extra="  group_wiat: 1s\n"), 3, "group_wiat", "group_wait"),
            ("--prometheus-config", "prometheus.yml",
             "global: {}\nscrape_confgis: []\n", 2, "scrape_confgis", "scrape_configs"),
            ("--config", "bellwether.yaml",
             "devices:\n  - id: a\n    platform: esp32\n    drivr: jsonl\n", 4, "drivr", "driver"),
        ]
        for flag, name, text, line, wrong, right in cases:
            bad = folder / name
            bad.write_text(text)
            refused(*serve(folder, flag, bad), f"{name}:{line}", wrong, right, "hint:")


def unset_variable():
    with Folder() as folder:
        bad = folder / "alertmanager.yml"
        bad.write_text(
            "route: {receiver: team}\nreceivers:\n  - name: team\n    slack_configs:\n"
            "      - api_url: ${NOPE}\n        channel: '#x'\n"
        )
        refused(*serve(folder, "--alertmanager-config", bad), "alertmanager.yml:5", "NOPE", "hint:", "export NOPE")


def busy_port():
    with Folder() as folder, socket.socket() as taken:
        rules = folder / "rules.yml"
        rules.write_text(RULES.format(expr="up == 0", extra="for: 1m"))
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        refused(*serve(folder, "--rules", rules, "--listen", address), address, "--listen")


def nothing_to_run():
    with Folder() as folder:
        refused(*serve(folder), "--config", "demo")


def data_directory():
    with Folder() as folder:
        rules = folder / "rules.yml"
        rules.write_text(RULES.format(expr="up == 0", extra="for: 1m"))
        (folder / "data").write_text("a file, not a folder")
        refused(*serve(folder, "--rules", rules), str(folder / "data"))
        (folder / "data").unlink()
        with Server(folder, "--rules", rules):
            refused(*serve(folder, "--rules", rules), str(folder / "data"))
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            say("skipped: as another user: this needs root and setpriv")
            return
        # Another user, who can start the program and read the rules, but not enter the data directory of root.
        program = folder / "bellwether"
        shutil.copy(BELLWETHER, program)
        folder.chmod(0o755)
        (folder / "data").chmod(0o700)
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "serve", "--rules", rules,
                   "--data", folder / "data", "--listen", "127.0.0.1:0", "--alertmanager-listen", "127.0.0.1:0"]
        refused(*run(*command, timeout=30), str(folder / "data"), "ermission denied")


def corrupt_plugin():
    """Reported by name; the host and the plugins beside it work."""
    with Folder() as folder:
        plugins = folder / "plugins"
        plugins.mkdir()
        (plugins / "garbage.wasm").write_bytes(b"\x00asm\xff\xff\xff\xff this is no component")
        whole = (ROOT / "plugins/dist/kv.wasm").read_bytes()
        (plugins / "halved.wasm").write_bytes(whole[: len(whole) // 2])
        (folder / "bellwether.yaml").write_text(f"plugins: {{dir: '{plugins}'}}\n")
        rules = folder / "rules.yml"
        rules.write_text(RULES.format(expr="zscore(up[5m]) > 3", extra="for: 1m"))
        with Server(folder, "--config", folder / "bellwether.yaml", "--rules", rules) as server:
            for name in ("garbage", "halved"):
                wait_until(f"{name}.wasm in the log", lambda: name in server.log_text(), 15)
            say("\n".join(line for line in server.log_text().splitlines() if "garbage" in line or "halved" in line))
            check(status_of(server.prometheus + "/-/ready") == 200, "the host runs")
            server.query("zscore(up[5m])")
            check(True, "and so do its own plugins")
            check(server.stop() == 0, "it ends in good order")


CHECKS = [
    ("bad input: rule file", rule_file),
    ("bad input: route", route),
    ("bad input: unknown key", unknown_key),
    ("bad input: unset variable", unset_variable),
    ("bad input: busy port", busy_port),
    ("bad input: no file at all", nothing_to_run),
    ("bad input: data directory", data_directory),
    ("bad input: corrupt plugin", corrupt_plugin),
]
