"""A driver is replaced, again and again, while its board talks: the connection stays and no line is lost."""

import json
import pathlib
import socket
import threading
import time

from harness import Folder, Server, check, get_json, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRIVER = ROOT / "plugins/dist/jsonl.wasm"
LINES_A_SECOND, SWAPS, BETWEEN = 100, 5, 1.5
CONFIGURATION = """\
devices:
  - id: board
    platform: esp32
    driver: jsonl
    transport: {{tcp: {{connect: "127.0.0.1:{port}"}}}}
"""


class Board:
    """Sends lines to whoever connects, and counts both."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.connections = self.sent = 0
        self.over = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while not self.over.is_set():
            connection, _ = self.socket.accept()
            self.connections += 1
            with connection:
                while not self.over.wait(1 / LINES_A_SECOND):
                    connection.sendall(json.dumps({"temp_c": self.sent % 90}).encode() + b"\n")
                    self.sent += 1


def version(number):
    """The driver with another digest: a custom section with nothing but a name."""
    return DRIVER.read_bytes() + bytes([0, 2, 1, ord("a") + number])


def swapped_under_load():
    board = Board()
    with Folder() as folder:
        plugins = folder / "data/plugins"
        plugins.mkdir(parents=True)
        (folder / "bellwether.yaml").write_text(CONFIGURATION.format(port=board.port))
        with Server(folder, "--config", folder / "bellwether.yaml") as server:
            wait_until("the first lines", lambda: board.sent > LINES_A_SECOND, 30)
            for number in range(SWAPS):
                aside = folder / "next.wasm"
                aside.write_bytes(version(number))
                aside.rename(plugins / "jsonl.wasm")
                time.sleep(BETWEEN)
            board.over.set()
            stored = 'sum(count_over_time(device_temperature_celsius{device_id="board"}[5m]))'
            wait_until("the last line", lambda: server.query(stored)[0][1] >= board.sent, 10)
            journal = get_json(server.prometheus + "/api/bellwether/v1/plugins")
            latest = [plugin for plugin in journal if plugin["name"] == "jsonl"][0]
            check(latest["state"]["kind"] == "active", "the last version serves", latest)
            check(latest["origin"].endswith("jsonl.wasm"), "and is the one of the folder", latest)
            check(board.connections == 1, "one connection for all versions", board.connections)
            check(server.query(stored)[0][1] == board.sent, f"{board.sent} lines sent, all of them stored")
            loaded = server.log_text().count("plugin loaded")
            check(loaded >= SWAPS, f"{loaded} versions loaded", server.log_text()[-2000:])


CHECKS = [("plugin_swap", swapped_under_load)]
