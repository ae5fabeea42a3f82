/** Numbers with their unit. Pure. */

import { measured, threeDigits } from "./duration.ts";

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB"];
const DECIMAL: [number, string][] = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]];

/** `214 MiB`. */
export function bytes(size: number): string {
  let step = 0;
  let left = size;
  while (Math.abs(left) >= 1024 && step < BINARY.length - 1) {
    left /= 1024;
    step++;
  }
  return `${threeDigits(left)} ${BINARY[step]}`;
}

/** `12,345`; `1.2 M` from ten million on. */
export function count(n: number): string {
  if (Math.abs(n) >= 1e7) {
    const [size, suffix] = DECIMAL.find(([limit]) => Math.abs(n) >= limit) as [number, string];
    return `${threeDigits(n / size)} ${suffix}`;
  }
  return Math.round(n).toLocaleString("en");
}

/** A measured value; `—` for none. */
export function quantity(value: number | null, unit: string): string {
  if (value === null) return "—";
  switch (unit) {
    case "B":
      return bytes(value);
    case "s":
      return measured(value * 1000);
    case "ratio":
      return `${threeDigits(value * 100)} %`;
    case "°C":
    case "%":
      return `${value.toFixed(1)} ${unit}`;
    default:
      return unit === "" ? plain(value) : `${plain(value)} ${unit}`;
  }
}

/** A number that somebody wrote down: a whole one stays whole, so that a limit of 85 does not look measured. */
export function setting(value: number, unit: string): string {
  return Number.isInteger(value) && (unit === "°C" || unit === "%") ? `${value} ${unit}` : quantity(value, unit);
}

function plain(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e4) return size >= 1e15 ? value.toExponential(2) : count(value);
  if (size !== 0 && size < 0.01) return value.toExponential(1);
  return threeDigits(value);
}
