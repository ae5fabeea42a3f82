"""What one line of the board says. Knows nothing of the host, so that it can be tested without one."""

import math
import re
from dataclasses import dataclass

# Narrower than float(), which also takes `nan`, `inf` and `1_000`.
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
NAME = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
# Names that are measurements; others are left out.
KNOWN = ("temp", "hum")


@dataclass
class Readings:
    """`temp=41.5 hum=40`"""

    values: dict[str, float]


@dataclass
class Banner:
    """`boot model=greenhouse firmware=1.4.2 id=a1b2c3`"""

    facts: dict[str, str]


@dataclass
class Brownout:
    """`brownout volts=2.9`"""

    facts: dict[str, str]


@dataclass
class LogLine:
    """Anything else."""

    text: str


def parse(data: bytes) -> Readings | Banner | Brownout | LogLine | None:
    """None for an empty line; ValueError for one that makes no sense."""
    try:
        text = data.decode().strip()
    except UnicodeDecodeError:
        raise ValueError("not UTF-8; is the speed of the port right?") from None
    if not text:
        return None
    first, _, rest = text.partition(" ")
    if first == "boot" and (facts := pairs(rest)):
        return Banner(facts)
    if first == "brownout" and (facts := pairs(rest)) is not None:
        return Brownout(facts)
    found = pairs(text) or {}
    values = {name: number(name, found[name]) for name in KNOWN if name in found}
    return Readings(values) if values else LogLine(text)


def pairs(text: str) -> dict[str, str] | None:
    """None where a word is no `name=value`."""
    found = {}
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals or not NAME.fullmatch(name):
            return None
        found[name] = value
    return found


def number(name: str, text: str) -> float:
    value = float(text) if NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(f'{name} is "{text}", not a number')
    return value
