// A driver for boards that print lines such as `temp=41.5 hum=40`. `lines.js` reads one line.

import { parse } from './lines.js';

const TEMPERATURE = 'device_temperature_celsius';
const HUMIDITY = 'device_humidity_ratio';
const UNITS = ['celsius', 'fahrenheit'];
const MAX_LINE_BYTES = 1024;

/** One connection to one board. */
class Session {
  constructor(isFahrenheit) {
    this.isFahrenheit = isFahrenheit;
  }

  start(_now) {
    return nothing();
  }

  /** Bad lines are counted, the others go on; a batch of nothing but bad lines fails. */
  receive(frames) {
    const output = nothing();
    let problem;
    for (const frame of frames) {
      const line = parse(frame.data);
      if (line.kind === 'bad') {
        output.skipped += 1;
        problem ??= line.problem;
      } else {
        this.add(line, frame.at, output);
      }
    }
    if (output.skipped > 0 && output.skipped === frames.length) {
      throw { tag: 'bad-input', val: problem };
    }
    return output;
  }

  tick(_now) {
    return nothing();
  }

  add(line, at, output) {
    switch (line.kind) {
      case 'readings':
        for (const [name, value] of line.values) output.samples.push(this.sample(name, value, at));
        break;
      case 'banner': {
        const { id, model, firmware } = Object.fromEntries(line.facts);
        output.identity = { id, model, firmware, extras: [] };
        break;
      }
      case 'brownout': {
        const fields = [...line.facts].map(([name, value]) => ({ name, value }));
        const message = 'supply voltage too low';
        output.events.push({ kind: 'brownout', severity: 'warning', message, fields, at });
        break;
      }
      case 'log':
        output.logs.push({ message: line.text, at });
        break;
    }
  }

  /** In base units, as Prometheus wants them. */
  sample(name, value, at) {
    if (name === 'hum') return { metric: HUMIDITY, labels: [], value: value / 100, at };
    const celsius = this.isFahrenheit ? (value - 32) / 1.8 : value;
    return { metric: TEMPERATURE, labels: [], value: celsius, at };
  }
}

function nothing() {
  return { samples: [], blocks: [], events: [], logs: [], skipped: 0, writes: [] };
}

function describe() {
  return {
    about: {
      name: '__NAME__',
      version: '0.1.0',
      summary: 'Temperature and humidity out of name=value lines',
      settings: [
        {
          name: 'temperature_unit',
          kind: 'text',
          help: 'What the board measures in: celsius or fahrenheit',
          required: false,
          default: '"celsius"',
        },
      ],
    },
    framing: { tag: 'lines' },
    maxFrame: MAX_LINE_BYTES,
    baudRates: [115200, 9600],
    hints: [{ banner: String.raw`boot model=\S+ firmware=` }],
    metrics: [
      { name: TEMPERATURE, kind: 'gauge', help: 'Temperature at the sensor' },
      { name: HUMIDITY, kind: 'gauge', help: 'Relative humidity, from 0 to 1' },
    ],
    events: [
      { kind: 'brownout', severity: 'warning', help: 'The supply fell below what the board needs' },
    ],
  };
}

function open(device) {
  const unit = JSON.parse(device.config).temperature_unit;
  if (!UNITS.includes(unit)) {
    const message = `"${unit}" is no unit; write ${UNITS.join(' or ')}`;
    throw { setting: 'temperature_unit', message };
  }
  return new Session(unit === 'fahrenheit');
}

export const driver = { describe, open, Session };
