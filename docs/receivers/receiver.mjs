// Receives webhooks of DInsight: `WEBHOOK_SECRET=whsec_... node receiver.mjs 8080`. Node 18, no dependencies.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const KEY = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
const TOLERANCE_SECONDS = 300;
const MAX_BODY_BYTES = 1024 * 1024;
// A real receiver keeps both in its database, in the transaction of what it does about an alert.
const seen = new Set();
const versions = new Map();

function verified(id, timestamp, signatures, body) {
  if (!/^\d+$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const wanted = createHmac("sha256", KEY).update(`${id}.${timestamp}.`).update(body).digest();
  return signatures.split(" ").some((signature) => {
    const [version, encoded = ""] = signature.split(",");
    const given = Buffer.from(encoded, "base64");
    return version === "v1" && given.length === wanted.length && timingSafeEqual(given, wanted);
  });
}

function handle(id, { type, data }) {
  if (seen.has(id)) return "seen";
  seen.add(id);
  if (type === "test") return `test: ${data.summary}`;
  if (data.version <= (versions.get(data.alert_id) ?? 0)) return "nothing new";
  versions.set(data.alert_id, data.version);
  return `${data.severity} alert ${data.status}: ${data.summary}`;
}

createServer(async (request, response) => {
  const pieces = [];
  let length = 0;
  for await (const piece of request) {
    length += piece.length;
    if (length <= MAX_BODY_BYTES) pieces.push(piece);
  }
  const body = Buffer.concat(pieces);
  const [id, timestamp, signatures] = ["id", "timestamp", "signature"].map(
    (name) => request.headers[`webhook-${name}`] ?? "",
  );
  const accepted = verified(id, timestamp, signatures, body);
  response.writeHead(accepted ? 204 : 401).end();
  if (accepted) console.log(handle(id, JSON.parse(body)));
}).listen(Number(process.argv[2]), "127.0.0.1");
