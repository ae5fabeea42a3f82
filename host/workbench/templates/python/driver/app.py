"""A driver for boards that print lines such as `temp=41.5 hum=40`: who it is, and how a session begins.

`driver.py` is the session, `lines.py` reads one line.
"""

import json

from componentize_py_types import Err
from driver import HUMIDITY, TEMPERATURE, Session
from wit_world import exports
from wit_world.exports import driver as wit
from wit_world.imports.types import About, MetricKind, Problem, Setting, SettingKind

UNITS = ("celsius", "fahrenheit")
MAX_LINE_BYTES = 1024


class Driver(exports.Driver):
    def describe(self) -> wit.Info:
        return wit.Info(
            about=About(
                name="__NAME__",
                version="0.1.0",
                summary="Temperature and humidity out of name=value lines",
                homepage=None,
                settings=[
                    Setting(
                        name="temperature_unit",
                        kind=SettingKind.TEXT,
                        help="What the board measures in: celsius or fahrenheit",
                        required=False,
                        default='"celsius"',
                    )
                ],
            ),
            framing=wit.Framing_Lines(),
            max_frame=MAX_LINE_BYTES,
            baud_rates=[115200, 9600],
            hints=[wit.Hint(usb=None, product=None, service=None, banner=r"boot model=\S+ firmware=")],
            metrics=[
                wit.Metric(TEMPERATURE, MetricKind.GAUGE, "Temperature at the sensor"),
                wit.Metric(HUMIDITY, MetricKind.GAUGE, "Relative humidity, from 0 to 1"),
            ],
            events=[
                wit.EventKind("brownout", wit.Severity.WARNING, "The supply fell below what the board needs"),
            ],
        )

    def open(self, device: wit.Device) -> Session:
        unit = json.loads(device.config)["temperature_unit"]
        if unit not in UNITS:
            raise Err(Problem("temperature_unit", f'"{unit}" is no unit; write {" or ".join(UNITS)}'))
        return Session(is_fahrenheit=unit == "fahrenheit")
