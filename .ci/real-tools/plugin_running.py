"""Plugins that were just built, dropped into a running server: a driver reads a board, a detector is a function in a
query, a receiver carries an alert.
"""

import base64
import http.server
import json
import re
import socket
import threading
import time

from harness import BELLWETHER, Failed, Server, check, get_json, get_text, request, run, wait_until
from surroundings import Listener

# Compiling a component with an interpreter in it takes half a minute where nothing else runs.
PATIENCE = 240
GAP = 0.1
# The languages that are tried, and what the receiver of each one's template is told, with the address of the service in it.
RECEIVERS = {
    "rust": {"topic": "ops", "server": "{url}"},
    "c": {"api_url": "{url}/api/messages", "token": "secret", "channel": "ops"},
    "python": {"url": "{url}", "token": "secret", "channel_id": "c1"},
    "javascript": {"url": "{url}", "token": "secret", "channel_id": "c1"},
    "go": {"api_url": "{url}/api/messages", "token": "secret", "channel": "ops"},
}


class Board:
    """Plays a recording of the project's tests to whoever connects."""

    def __init__(self, project):
        for recording in sorted((project / "tests").glob("*.cap.jsonl")):
            golden = recording.with_name(recording.name.replace(".cap.jsonl", ".golden")).read_text()
            measured = re.search(r"^\d+ ([a-z0-9_]+_[a-z]+)\S* -?[\d.]+$", golden, re.M)
            lines = [json.loads(line) for line in recording.read_text().splitlines()]
            if measured and "error" not in golden:
                break
        else:
            raise Failed(f"{project.name} has no recording of a measurement")
        self.metric, self.settings = measured[1], lines[0]["settings"]
        self.said = [line["rx"].encode() if "rx" in line else base64.b64decode(line["rx64"])
                     for line in lines[1:] if "rx" in line or "rx64" in line]
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self._play, args=(connection,), daemon=True).start()

    def _play(self, connection):
        with connection:
            for said in self.said:
                time.sleep(GAP)
                connection.sendall(said)
            # Open until the other side has gone.
            while connection.recv(1024):
                pass


class Service:
    """Takes what receivers send."""

    def __init__(self):
        service = self
        self.bodies = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                service.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                body = b'{"id": "m-1"}'
                self.send_response(201)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = Listener(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def works(folder, language, projects):
    """All kinds of a language, by kind; the files are dropped into a server that is configured for them and runs."""
    board = Board(projects["driver"]) if "driver" in projects else None
    service = Service() if "receiver" in projects else None
    (folder / "data/plugins").mkdir(parents=True)
    (folder / "alertmanager.yml").write_text(json.dumps(routing(language, projects, service)))
    (folder / "bellwether.yaml").write_text(json.dumps(configuration(projects, board)))
    with Server(folder, "--config", folder / "bellwether.yaml") as server:
        began = time.monotonic()
        for project in projects.values():
            drop_in(folder / "data/plugins", project, service)
        wait_until("all plugins are loaded", lambda: all(is_loaded(row(server, project), service)
                                                         for project in projects.values()), PATIENCE, every=0.5)
        check(True, f"loaded {time.monotonic() - began:.1f} s after they were dropped in")
        if board:
            samples = f'{{__name__="{board.metric}", device_id="board"}}'
            wait_until(samples, lambda: server.query(samples), 30)
            check(True, f"the driver gives {board.metric}")
            replays(folder, server, projects["driver"], board.metric)
        if "detector" in projects:
            project = projects["detector"]
            found = server.query(f"{project.name.replace('-', '_')}(vector(time())[1m:5s])")
            check(row(server, project)["calls"] > 0, f"the detector was called and gives {found}")
        if service:
            alert = {"labels": {"alertname": "BoardHot", "device": "d1"}, "annotations": {"summary": "hot"}}
            request(server.alertmanager + "/api/v2/alerts", [alert])
            wait_until("the message", lambda: service.bodies, 30)
            check("BoardHot" in service.bodies[0], f"the receiver sends {service.bodies[0]}")


def replays(folder, server, project, metric):
    """What the server recorded of the connection is a test."""
    recording = folder / "recorded.cap.jsonl"
    recording.write_text(get_text(server.prometheus + "/api/bellwether/v1/devices/board/capture"))
    code, out, err = run(BELLWETHER, "plugin", "replay", project / "build" / f"{project.name}.wasm", recording,
                         timeout=PATIENCE)
    check(code == 0 and f" {metric}" in out, "and gives it again from what was recorded", out, err)


def routing(language, projects, service):
    receiver = {"name": "team"}
    if service:
        settings = {name: value.format(url=service.url) for name, value in RECEIVERS[language].items()}
        receiver[f"{projects['receiver'].name}_configs"] = [settings]
    return {"route": {"receiver": "team", "group_by": ["alertname"], "group_wait": "0s"}, "receivers": [receiver]}


def configuration(projects, board):
    settings = {"alertmanager_config": "alertmanager.yml"}
    if board:
        transport = {"tcp": {"connect": f"127.0.0.1:{board.port}"}}
        settings["devices"] = [{"id": "board", "platform": "generic", "driver": projects["driver"].name,
                                "settings": board.settings, "transport": transport}]
    return settings


def drop_in(plugins, project, service):
    """As its page says: the file, and for a receiver what it may reach."""
    name = project.name
    aside = plugins / f"{name}.part"
    aside.write_bytes((project / "build" / f"{name}.wasm").read_bytes())
    aside.rename(plugins / f"{name}.wasm")
    if project.name.endswith("receiver"):
        code, out, err = run(BELLWETHER, "plugin", "approve", name, "--plugins", plugins, "--yes", timeout=PATIENCE)
        check(code == 0, f"{name} is approved", out, err)
        grants = plugins / f"{name}.toml"
        # What a plugin does not ask for by itself, the operator writes.
        text = grants.read_text() if grants.exists() else "[grants]\nhosts = []\n\n[grants.secrets.token]\nhosts = []\n"
        grants.write_text(text.replace("hosts = [", f'hosts = ["{service.url}", '))


def row(server, project):
    rows = get_json(server.prometheus + "/api/bellwether/v1/plugins")
    found = [row for row in rows if row["name"] == project.name]
    return found[0] if found else {"state": {"kind": "missing"}, "calls": 0}


def is_loaded(plugin, service):
    """Whether it can be used, a receiver with what it was granted: without that its first message would be refused."""
    usable = plugin["state"]["kind"] in {"ready", "active"}
    return usable and (plugin["kind"] != "receiver" or f"send requests to {service.url}" in plugin["grants"])
