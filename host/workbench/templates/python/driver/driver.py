"""One connection to one board. The file is called after the interface: that is where its resources are looked for."""

from componentize_py_types import Err
from lines import Banner, Brownout, LogLine, Readings, parse
from wit_world.exports import driver as wit
from wit_world.imports.types import Label

TEMPERATURE = "device_temperature_celsius"
HUMIDITY = "device_humidity_ratio"


class Session(wit.Session):
    def __init__(self, is_fahrenheit: bool):
        self.is_fahrenheit = is_fahrenheit

    def start(self, now: int) -> wit.Output:
        return nothing()

    def receive(self, frames: list[wit.Frame]) -> wit.Output:
        """Bad lines are counted, the others go on; a batch of nothing but bad lines fails."""
        output = nothing()
        problems = []
        for frame in frames:
            try:
                self.line(frame, output)
            except ValueError as problem:
                problems.append(str(problem))
        if problems and len(problems) == len(frames):
            raise Err(wit.Failure_BadInput(problems[0]))
        output.skipped = len(problems)
        return output

    def tick(self, now: int) -> wit.Output:
        return nothing()

    def line(self, frame: wit.Frame, output: wit.Output) -> None:
        match parse(frame.data):
            case Readings(values):
                for name, value in values.items():
                    output.samples.append(self.sample(name, value, frame.at))
            case Banner(facts):
                output.identity = wit.Identity(
                    id=facts.get("id"), model=facts.get("model"), firmware=facts.get("firmware"), extras=[]
                )
            case Brownout(facts):
                fields = [Label(name, value) for name, value in facts.items()]
                output.events.append(
                    wit.Event("brownout", wit.Severity.WARNING, "supply voltage too low", fields, None, frame.at)
                )
            case LogLine(text):
                output.logs.append(wit.LogLine(level=None, tag=None, message=text, at=frame.at))

    def sample(self, name: str, value: float, at: int) -> wit.Sample:
        """In base units, as Prometheus wants them."""
        if name == "hum":
            return wit.Sample(HUMIDITY, [], value / 100, at)
        celsius = (value - 32) / 1.8 if self.is_fahrenheit else value
        return wit.Sample(TEMPERATURE, [], celsius, at)


def nothing() -> wit.Output:
    return wit.Output(
        identity=None, samples=[], blocks=[], events=[], logs=[], skipped=0, writes=[], wake=None
    )
