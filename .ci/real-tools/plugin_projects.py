"""Plugins as their authors make them: the pages of docs/plugins block by block, and the templates of each language.

In a page, `sh` blocks are run in one shell, one after the other, and blocks with `file=NAME` are written to that file in
the folder where the shell is then. A language whose tools are not here is skipped, and says so.
"""

import os
import pathlib
import random
import re
import shlex
import shutil
import subprocess
import sys
import time

import plugin_running
from harness import BELLWETHER, Failed, Folder, Skipped, check, run, say

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ["first-driver.md", "first-detector.md", "first-receiver.md", "from-telegraf.md",
         "from-alertmanager-webhook.md", "from-home-assistant.md"]
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.M | re.S)
# The language of each project that a page makes.
NEW = re.compile(r"^bellwether plugin new --lang (\w+) ", re.M)
KINDS = ["driver", "detector", "receiver"]
LONG = 900
# What a language needs: a command that shows that it is here, and one for each project before it is built. Components with
# an interpreter in them take half a minute each to compile, so of those only the kind that they are best at is built.
LANGUAGES = {
    "rust": (["rustc", "--print", "target-libdir", "--target", "wasm32-unknown-unknown"], None, KINDS),
    "c": ([sys.executable, "-m", "ziglang", "version"], None, KINDS),
    "go": (["go", "version"], None, KINDS),
    "python": (["componentize-py", "--version"], None, ["receiver"]),
    "javascript": (["node", "--version"], ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], ["receiver"]),
}

# Languages whose runtime collects garbage, which it must not do at the wrong moment: so often the detector of their template
# is called with windows of random sizes.
STRESSED = {"go": 300}
STRESS = pathlib.Path(BELLWETHER).with_name("examples") / "stress"
# The oldest compilers that will do.
LEAST = {"go": (1, 25), "javascript": (20, 0)}


def environment(folder):
    """The program under its name, and a C compiler that pip installs."""
    tools = folder / "bin"
    tools.mkdir()
    (tools / "bellwether").symlink_to(pathlib.Path(BELLWETHER).resolve())
    path = os.pathsep.join([str(tools), str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
    # What projects have in common is compiled once.
    shared = {"CARGO_TARGET_DIR": str(ROOT / "target/ci/plugin-projects")}
    return os.environ | shared | {"PATH": path, "CC": f"{sys.executable} -m ziglang cc"}


def script_of(page):
    """One shell script out of a page."""
    lines = ["set -eu"]
    for language, name, text in BLOCK.findall(page):
        if name:
            lines.append(f"mkdir -p {shlex.quote(os.path.dirname(name) or '.')}")
            lines.append(f"cat > {shlex.quote(name)} <<'END OF BLOCK'\n{text}END OF BLOCK")
        elif language == "sh":
            lines.append(text)
    return "\n".join(lines)


def must(*command, **more):
    """What a program prints that has to succeed."""
    code, out, err = run(*command, timeout=LONG, **more)
    if code != 0:
        raise Failed(f"{' '.join(map(str, command))} ended with {code}:\n{out}{err}")
    return out


def build_and_test(project, language, env):
    before = LANGUAGES[language][1]
    if before:
        must(*before, env=env, cwd=project)
    must(BELLWETHER, "plugin", "build", env=env, cwd=project)
    tested = must(BELLWETHER, "plugin", "test", env=env, cwd=project)
    check(", 0 failed" in tested, f"{project.name}: {tested.strip().splitlines()[-1]}", tested)
    files = sorted(str(file) for file in (project / "build").glob("*.wasm") if file.name != "core.wasm")
    must(BELLWETHER, "plugin", "check", *files, env=env, cwd=project)


def require(language, env):
    tool = LANGUAGES[language][0]
    try:
        shown = must(*tool, env=env)
    except (OSError, Failed) as error:
        raise Skipped(f"{tool[0]} for {language} is not here") from error
    least = LEAST.get(language)
    found = least and tuple(int(part) for part in re.search(r"(\d+)\.(\d+)", shown).groups())
    if least and found < least:
        raise Skipped(f"{shown.strip()} is older than {'.'.join(map(str, least))}")
    if language == "rust" and not pathlib.Path(shown.strip()).is_dir():
        raise Skipped("the target wasm32-unknown-unknown is not here")


def page(name):
    def body():
        text = (ROOT / "docs" / "plugins" / name).read_text()
        with Folder() as folder:
            env, projects = environment(folder), NEW.findall(text)
            for language in projects:
                require(language, env)
            done = subprocess.run(["sh", "-c", script_of(text)], cwd=folder, env=env, text=True, timeout=LONG,
                                  capture_output=True, check=False)
            check(done.returncode == 0, "every block works", done.stdout, done.stderr)
            passed = re.findall(r"^[1-9]\d* passed, 0 failed$", done.stdout, re.M)
            check(len(passed) == len(projects), f"the tests of the page pass: {', '.join(passed)}", done.stdout)
    return body


def stress(project, calls):
    if not STRESS.exists():
        say(f"{project.name}: not stressed, {STRESS} is not here")
        return
    out = must(STRESS, project / "build" / f"{project.name}.wasm", calls, random.randrange(1_000_000))
    check(", 0 failed" in out, f"{project.name}: {out.strip()}", out)


def templates(language):
    def body():
        with Folder() as folder:
            env, projects = environment(folder), {}
            require(language, env)
            for kind in LANGUAGES[language][2]:
                name, started = f"{language}-{kind}", time.monotonic()
                must(BELLWETHER, "plugin", "new", "--lang", language, "--kind", kind, name, env=env, cwd=folder)
                build_and_test(folder / name, language, env)
                say(f"{name}: from nothing to tested in {time.monotonic() - started:.1f} s")
                projects[kind] = folder / name
            if language in STRESSED:
                stress(projects["detector"], STRESSED[language])
            if language in plugin_running.RECEIVERS:
                plugin_running.works(folder, language, projects)
    return body


def example(source):
    def body():
        with Folder() as folder:
            env, language = environment(folder), source.name.partition("-")[0]
            require(language, env)
            project = folder / source.name
            shutil.copytree(source, project)
            build_and_test(project, language, env)
    return body


CHECKS = [(f"plugin_page {name}", page(name)) for name in PAGES]
CHECKS += [(f"plugin_templates {language}", templates(language)) for language in LANGUAGES]
CHECKS += [(f"plugin_example {source.name}", example(source))
           for source in sorted((ROOT / "examples" / "plugins").iterdir()) if (source / "plugin.toml").is_file()]
