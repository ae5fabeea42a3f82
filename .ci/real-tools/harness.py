"""What the checks share: the server under test, the things around it, and how a check says what it saw.

Every process is a child of this one, ends with it, and is ended by its own handle; every wait has a limit.
"""

import ctypes
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BELLWETHER = os.environ.get("BELLWETHER", str(ROOT / "target/release/bellwether"))
PEERS = pathlib.Path(os.environ.get("PEERS", ROOT / "target/ci/peers"))
SEEDS = ROOT.parent / "shared/seeds/blocks"
SEED_RULES = ["000_00", "000_01", "000_02", "002_12", "002_13", "003_01"]
SEED_ALERTMANAGER = SEEDS / "000_03.yaml"

# Long enough for a loaded machine, short enough for a run that hangs.
START_TIMEOUT = 60
STOP_TIMEOUT = 15
COMMAND_TIMEOUT = 60


class Failed(Exception):
    """A check did not hold."""


class Skipped(Exception):
    """A check cannot run on this machine."""


def say(text):
    print("    " + str(text).replace("\n", "\n    "), flush=True)


def check(holds, what, *seen):
    """Goes on if something holds, and says so; ends the check with what was seen if not."""
    if holds:
        say(f"ok    {what}")
        return
    detail = "".join(f"\n      {item}" for item in seen)
    raise Failed(what + detail)


def wait_until(what, condition, timeout, every=0.1):
    """Returns the first true answer of `condition`."""
    end = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failed(f"waited {timeout} s in vain for: {what}")
        time.sleep(every)


def die_with_parent():
    """In a child before it becomes another program: no process outlives the run, however that ends."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def run(*command, env=None, timeout=COMMAND_TIMEOUT, **more):
    """Runs a program to its end; returns its exit code, output and errors."""
    command = [str(part) for part in command]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
        env={**os.environ, **(env or {})}, preexec_fn=die_with_parent, **more,
    )
    return done.returncode, done.stdout, done.stderr


def bellwether(*arguments, **more):
    return run(BELLWETHER, *arguments, **more)


class Folder:
    """A temporary folder, removed at the end."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="bellwether-check-"))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Process:
    """A child whose lines of output are read in the background."""

    def __init__(self, command, env=None, stdin=subprocess.DEVNULL, log=None):
        self.log = open(log, "ab") if log else subprocess.DEVNULL
        self.child = subprocess.Popen(
            [str(part) for part in command], stdin=stdin, stdout=subprocess.PIPE, stderr=self.log, text=True,
            env={**os.environ, **(env or {})}, preexec_fn=die_with_parent,
        )
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def line(self, timeout):
        """The next line of output; none at its end."""
        try:
            return self.lines.get(timeout=timeout)
        except queue.Empty:
            raise Failed(f"{self.child.args[0]} printed nothing for {timeout:.0f} s") from None

    def kill(self):
        self.child.kill()
        self._wait()

    def stop(self):
        """Asks it to end; returns its exit code."""
        self.child.terminate()
        return self._wait()

    def _wait(self):
        try:
            return self.child.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(STOP_TIMEOUT)
            raise Failed(f"{self.child.args[0]} did not end within {STOP_TIMEOUT} s of SIGTERM") from None
        finally:
            if self.log != subprocess.DEVNULL:
                self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.kill()


class Server:
    """`bellwether serve` on free ports with a data directory of its own, which outlives restarts."""

    def __init__(self, folder, *arguments, env=None):
        self.folder, self.arguments, self.env = pathlib.Path(folder), arguments, env
        self.data, self.log = self.folder / "data", self.folder / "server.log"
        self.process = None

    def start(self):
        loopback = "127.0.0.1:0"
        command = [BELLWETHER, "serve", *self.arguments, "--data", self.data, "--listen", loopback,
                   "--alertmanager-listen", loopback]
        started = time.monotonic()
        self.process = Process(command, env=self.env, log=self.log)
        self.prometheus = self._address("(Prometheus API and page)")
        self.alertmanager = self._address("(Alertmanager API)")
        wait_until("/-/ready", lambda: status_of(self.prometheus + "/-/ready") == 200, START_TIMEOUT, every=0.005)
        self.ready_after = time.monotonic() - started
        return self

    def _address(self, whose):
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end:
            line = self.process.line(end - time.monotonic())
            if line is None:
                raise Failed(f"the server ended at its start\n{self.log_text()[-2000:]}")
            if line.startswith("listening on ") and whose in line:
                return line.split()[2]
        raise Failed(f"the server did not say where it listens {whose}")

    def kill(self):
        """As a power cut of the process: SIGKILL."""
        self.process.kill()

    def stop(self):
        return self.process.stop()

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def query(self, expression):
        """The series that an instant query finds, as (labels, value)."""
        answer = get_json(self.prometheus + "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        return [(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]

    def resident_mib(self):
        for line in pathlib.Path(f"/proc/{self.process.child.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise Failed("the server has no VmRSS")

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, *_):
        if self.process and self.process.child.poll() is None:
            self.process.kill()


def free_port():
    """A port of loopback that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def request(url, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if data else {}
    asked = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return answer.status, answer.read().decode()


def get_text(url):
    return request(url)[1]


def get_json(url):
    return json.loads(get_text(url))


def status_of(url):
    """The status of an answer; 0 where there is none."""
    try:
        return request(url)[0]
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def peer(name):
    """The path of a tool that others wrote."""
    path = PEERS / name
    if not path.exists():
        raise Skipped(f"{name} is not there (see peers.sh)")
    return path


def seeds():
    """Skips a check where the users' documents are not beside the repository."""
    if not SEED_ALERTMANAGER.exists():
        raise Skipped("../shared/seeds is not there")
    return [SEEDS / f"{name}.yaml" for name in SEED_RULES], SEED_ALERTMANAGER


def exit_code(checks):
    """Runs (name, function) pairs one after the other; a failed one does not keep the others from running."""
    failed = []
    for name, body in checks:
        print(f"--- {name}", flush=True)
        started = time.monotonic()
        try:
            body()
            outcome = "passed"
        except Skipped as reason:
            outcome = f"skipped: {reason}"
        except Failed as what:
            outcome = f"FAILED: {what}"
            failed.append(name)
        except Exception as error:  # a broken check counts as a failed one
            traceback.print_exc()
            outcome = f"FAILED: {error!r}"
            failed.append(name)
        print(f"--- {name}: {outcome} ({time.monotonic() - started:.1f} s)", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0
