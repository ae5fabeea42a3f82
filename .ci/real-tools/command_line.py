"""Bellwether under the name `amtool` beside Debian's amtool, on one server and on the same files: the same output."""

import pathlib
import re
import time

from harness import BELLWETHER, Failed, bellwether, check, get_json, peer, run, say, wait_until
from tools import World

# What differs from run to run, and between the version of Debian and the one that is meant.
MASKS = [
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "id" + 34 * "-"),
    (re.compile(r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?"), "time"),
    (re.compile(r"^Warning: amtool version .*\n", re.M), ""),
    (re.compile(r'"mutedBy":\[\],'), ""),
    (re.compile("\N{NO-BREAK SPACE}"), " "),
]
SETTINGS = "author: ann\ncomment_required: false\noutput: extended\n"
SETTINGS_FILES = [".config/amtool/config.yml", ".config/prometheus/amtool.yml"]
ALERTS = [
    ["alertname=Hot", "component=device", "severity=warning", "device_id=a", "--annotation=summary=too hot"],
    ["Gone", "severity=critical", "device_id=a", "--start=2026-01-01T08:00:00Z", "--end=2099-01-01T00:00:00Z"],
    ["Odd", "a1=x", "a=<&>", "--generator-url=http://gen/x", "--annotation=runbook_url=http://r"],
]
SILENCES = [
    ["alertname=Hot", "device_id=~a|b", "-c", "maint", "-a", "bob", "-d", "2h"],
    ["Hot", "severity!=critical", "-c", "tab\there"],
    ["Hot", "x!~y", "--comment=two\nlines", "--start=2099-01-01T00:00:00+01:00", "--end=2099-02-01T00:00:00Z"],
]
FORMATS = [[], ["-o", "simple"], ["-o", "extended"], ["-o", "json"]]
MISTAKES = [
    ["--foo"],
    ["-x"],
    ["nope"],
    ["alert", "-o", "nope"],
    ["cluster", "show", "x"],
    ["silence", "add"],
    ["silence", "add", "x"],
    ["silence", "add", "x", "-c", "y", "-d", "0s"],
    ["silence", "add", "x", "-c", "y", "-d", "foo"],
    ["silence", "add", "x", "-c", "y", "--end", "2001-01-01T00:00:00Z"],
    ["silence", "expire"],
    ["silence", "update"],
    ["silence", "import", "nope.json"],
    ["check-config", "nope.yml"],
]


def masked(text):
    for pattern, instead in MASKS:
        text = pattern.sub(instead, text)
    return text


class Pair:
    """Both tools, against one server."""

    def __init__(self, world):
        self.ours, self.theirs = world.folder / "amtool", peer("amtool").resolve()
        self.ours.symlink_to(pathlib.Path(BELLWETHER).resolve())
        self.url = f"--alertmanager.url={world.server.alertmanager}"
        self.env = {"HOME": str(world.folder)}
        self.folder = world.folder
        self.compared = 0

    def run(self, tool, *words):
        code, out, err = run(tool, *words, env=self.env, cwd=self.folder)
        return code, masked(out), masked(err)

    def same(self, *words, server=True):
        """Both print the same and end the same; returns what was printed."""
        words = [self.url, *words] if server else words
        theirs, ours = self.run(self.theirs, *words), self.run(self.ours, *words)
        if theirs != ours:
            raise Failed(f"amtool {' '.join(words)}\n      theirs {theirs}\n      ours   {ours}")
        self.compared += 1
        return ours[1]


def same_output():
    with World() as world:
        pair = Pair(world)
        wait_until("the alert in the routing", lambda: get_json(world.server.alertmanager + "/api/v2/alerts"), 20)
        for compare in (files, routes, alerts, silences, mistakes, settings):
            before = pair.compared
            compare(pair)
            say(f"ok    {compare.__name__}: {pair.compared - before} commands")


def files(pair):
    # The configuration without what only Bellwether has, so that both tools can read it.
    (pair.folder / "projected.yml").write_text(run(pair.ours, pair.url, "config", "show", env=pair.env)[1])
    pair.same("check-config", "projected.yml", server=False)
    (pair.folder / "x.tmpl").write_text('{{ define "x" }}<{{ .CommonLabels.SortedPairs.Values | join "," }}>{{ end }}')
    for kind in ("text", "html"):
        pair.same("template", "render", "--template.glob=*.tmpl", '--template.text={{ template "x" . }}',
                  f"--template.type={kind}", server=False)


def routes(pair):
    pair.same("config", "routes", "--config.file=projected.yml")
    pair.same("config", "show")
    for words in ([], ["show"], ["test"], ["test", "--tree"], ["test", "severity=critical"],
                  ["test", "--tree", "component=device", "platform=esp32"],
                  ["test", "--verify.receivers=hardware,firmware", "component=device", "platform=esp32"],
                  ["test", "--verify.receivers=team", "component=device"]):
        pair.same("config", "routes", *words)
    for form in FORMATS:
        pair.same("cluster", "show", *form)


def alerts(pair):
    for words in ALERTS:
        pair.same("alert", "add", *words)
    # An alert takes its turn in the routing before it is muted.
    time.sleep(1)
    for form in FORMATS:
        for words in ([], ["Hot"], ["alertname=~Hot|Gone", "severity!=none"], ["-i"], ["-s"], ["-a", "-i", "-s", "-u"],
                      ["--receiver=on-call"], ["nothing"]):
            pair.same("alert", "query", *form, *words)
    pair.same("alert", "--date.format=Jan _2 06 3:04PM", "Gone")


def silences(pair):
    for words in SILENCES:
        pair.same("silence", "add", *words)
        for form in FORMATS:
            for query in ([], ["Hot"], ["--created-by=bob"], ["--within=3h"], ["--expired"], ["-q"], ["nothing"]):
                pair.same("silence", "query", *form, *query)
    json = run(pair.theirs, pair.url, "silence", "query", "-o", "json", env=pair.env)[1]
    (pair.folder / "silences.json").write_text(json)
    pair.same("silence", "import", "-w", "1", "silences.json")
    ids = run(pair.theirs, pair.url, "silence", "query", "-q", env=pair.env)[1].split()
    for form in FORMATS:
        pair.same("silence", "update", "-d", "4h", "-c", "longer", *form, ids[0])
    pair.same("silence", "expire", *ids)
    pair.same("silence")


def mistakes(pair):
    for words in MISTAKES:
        pair.same(*words)


def settings(pair):
    for name in SETTINGS_FILES:
        file = pair.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(SETTINGS)
    pair.same("silence", "add", "Settings")
    check(" ann " in pair.same("silence", "query", "Settings"), "the author is that of the settings")


def own_name():
    with World() as world:
        url = f"--alertmanager.url={world.server.alertmanager}"
        file = world.folder / "alertmanager.yml"
        commands = {
            ("routes", "show", file): "Routing tree:",
            ("routes", "show", url): "receiver: firmware",
            ("routes", "test", "--config.file", file, "--verify.receivers=on-call", "severity=critical"): "on-call",
            ("alert", "add", url, "Hot", "--annotation=summary=too hot"): "",
            ("alert", "query", url, "Hot"): "too hot",
            ("silence", "preview", url, "Hot"): "too hot",
            ("silence", "add", url, "Hot", "--comment=known"): "-",
            ("silence", "query", url): "known",
        }
        for words, expected in commands.items():
            code, out, err = bellwether(*words, env={"HOME": str(world.folder)})
            shown = " ".join(str(word) for word in words if word not in (url, file))
            check(code == 0 and expected in out, f"bellwether {shown}", out, err)
        amtool = world.folder / "amtool"
        amtool.symlink_to(pathlib.Path(BELLWETHER).resolve())
        code, out, err = run(amtool, "config", "show", f"--config.file={file}")
        check(code == 0 and "receiver: on-call" in out, "amtool config show --config.file", out, err)


CHECKS = [
    ("command line: the same as amtool", same_output),
    ("command line: under its own name", own_name),
]
