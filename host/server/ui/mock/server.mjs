// Serves dist/ and made-up data by src/contract.ts on loopback, with live changes: node mock/server.mjs [port] [many=N] [boards=N] [empty] [quiet]

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { applySilences, board, deviceDetail, deviceRow, history, makeWorld, take, tick } from "./world.mjs";
import { plugins, rules, status } from "./pages.mjs";

const [port = "0", ...words] = process.argv.slice(2);
const numberOf = (name) => Number(words.find((word) => word.startsWith(`${name}=`))?.split("=")[1] ?? 0);
const world = makeWorld({ many: numberOf("many"), manyDevices: numberOf("boards"), empty: words.includes("empty"), quiet: words.includes("quiet") });
const clients = new Set();

const OWN = "/api/bellwether/v1";
const FILES = { "/app.js": "text/javascript", "/app.css": "text/css", "/favicon.svg": "image/svg+xml" };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  const send = (body, code = 200) => response.writeHead(code, { "Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store" }).end(JSON.stringify(body));
  const path = url.pathname;
  if (path === `${OWN}/events`) return stream(response);
  if (path.startsWith("/api/v2/silence")) return silences(request, path, send);
  if (path === `${OWN}/acknowledgements`) return acknowledgements(request, send);
  if (path === "/api/v2/alerts") return void request.resume().on("end", () => send(null));
  const answer = answerTo(path, url, Date.now());
  if (answer !== undefined) return answer === null ? send({ error: "there is no such thing" }, 404) : send(answer);
  file(path, response);
});

function answerTo(path, url, now) {
  if (path === "/api/v1/rules") return rules(now);
  if (!path.startsWith(OWN)) return path.startsWith("/api/") ? null : undefined;
  const [, name, id] = path.slice(OWN.length).split("/").map(decodeURIComponent);
  const find = (list) => list.find((one) => one.id === id) ?? null;
  switch (name) {
    case "board":
      return board(world, now);
    case "inbox":
      return id ? find(world.inbox) : world.inbox.slice(0, Number(url.searchParams.get("limit") ?? 200));
    case "devices": {
      if (!id) return world.devices.map(deviceRow);
      const device = find(world.devices);
      return device && deviceDetail(device, now);
    }
    case "plugins":
      return plugins(now);
    case "history":
      return history(world, url.searchParams);
    case "status":
      return status(now, world.started);
    default:
      return null;
  }
}

function silences(request, path, send) {
  const state = (one, now) => (Date.parse(one.endsAt) <= now ? "expired" : Date.parse(one.startsAt) > now ? "pending" : "active");
  const rendered = () => world.silences.map((one) => ({ ...one, status: { state: state(one, Date.now()) } }));
  const id = path.split("/")[4];
  if (request.method === "GET") return send(rendered());
  if (request.method === "DELETE") {
    const silence = world.silences.find((one) => one.id === id);
    if (silence) silence.endsAt = new Date().toISOString();
    return silence ? send(null) : send(`silence ${id} not found`, 404);
  }
  let text = "";
  request.on("data", (chunk) => (text += chunk));
  request.on("end", () => {
    const posted = JSON.parse(text);
    const silence = { ...posted, id: posted.id || randomUUID(), updatedAt: new Date().toISOString() };
    world.silences = [...world.silences.filter((one) => one.id !== silence.id), silence];
    send({ silenceID: silence.id });
  });
}

function acknowledgements(request, send) {
  let text = "";
  request.on("data", (chunk) => (text += chunk));
  request.on("end", () => {
    const { fingerprints, ...taken } = JSON.parse(text);
    const { error, events = [] } = take(world, fingerprints, request.method === "POST" ? taken : null, Date.now());
    if (error) return send({ error }, 400);
    for (const client of clients) for (const [event, data] of events) say(client, event, data);
    send({ fingerprints });
  });
}

function stream(response) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  clients.add(response);
  response.on("close", () => clients.delete(response));
  say(response, "board", board(world, Date.now()));
}

function say(response, event, data) {
  response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function file(path, response) {
  const type = FILES[path];
  if (!type && path.split("/").at(-1).includes(".")) return response.writeHead(404).end();
  const headers = type ? {} : { "Content-Security-Policy": POLICY };
  const body = readFileSync(new URL(`../dist${type ? path : "/index.html"}`, import.meta.url));
  response.writeHead(200, { "Content-Type": `${type ?? "text/html"}; charset=utf-8`, "Cache-Control": "no-cache", ...headers }).end(body);
}

if (!words.includes("quiet") && !words.includes("empty")) {
  const now = Date.now();
  const matcher = (name, value) => ({ name, value, isRegex: false, isEqual: true });
  world.silences.push({ id: "8f14e45f-ceea-467f-a0e6-0f1b2c3d4e5f", matchers: [matcher("device_id", "esp32-04"), matcher("alertname", "DeviceRebooted")], startsAt: new Date(now - 600_000).toISOString(), endsAt: new Date(now + 3_000_000).toISOString(), updatedAt: new Date(now).toISOString(), createdBy: "maria", comment: "flashing new firmware" });
}

setInterval(() => {
  const now = Date.now();
  const events = tick(world, now);
  applySilences(world, now);
  const snapshot = board(world, now);
  // Signals change slowly: left out of the events, as the contract allows.
  for (const client of clients) {
    say(client, "board", { ...snapshot, alerts: snapshot.alerts.map((row) => ({ ...row, signal: row.flash ? null : undefined })) });
    for (const [event, data] of events) say(client, event, data);
  }
}, 1000);
setInterval(() => clients.forEach((client) => say(client, "beat", { now: Date.now() })), 10_000);

server.listen(Number(port), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
