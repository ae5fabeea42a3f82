"""Runs the checks whose names contain one of the arguments, or all of them; `not:WORD` leaves those with WORD out."""

import sys

import bad_input
import command_line
import crash_deliveries
import demo
import harness
import once
import plugin_projects
import plugin_swap
import prometheus_push
import seeds
import smtp
import tools

CHECKS = [*bad_input.CHECKS, *tools.CHECKS, *command_line.CHECKS, *once.CHECKS, *crash_deliveries.CHECKS,
          *prometheus_push.CHECKS, *smtp.CHECKS, *seeds.CHECKS, *demo.CHECKS, *plugin_projects.CHECKS,
          *plugin_swap.CHECKS]


def main():
    without = [word.removeprefix("not:") for word in sys.argv[1:] if word.startswith("not:")]
    wanted = [word for word in sys.argv[1:] if not word.startswith("not:")]
    checks = [(name, body) for name, body in CHECKS if not wanted or any(word in name for word in wanted)]
    checks = [(name, body) for name, body in checks if not any(word in name for word in without)]
    if not checks:
        print("no such check; there are:", *(name for name, _ in CHECKS), sep="\n  ")
        return 2
    return harness.exit_code(checks)


if __name__ == "__main__":
    sys.exit(main())
