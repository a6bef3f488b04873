// Checks of a proof file in a browser, as `onrecord.verifying.quote` does them: a checkpoint signed
// with Ed25519, an entry under it (RFC 6962), and sections that open their commitments (HMAC-SHA-256).

/** A proof that does not hold. The message says why, to somebody who knows no cryptography. */
export class BadQuote extends Error {}

/** What keeps a proof from being checked: it is neither good nor bad. */
export class NotChecked extends Error {}

const HEADER = "c2sp.org/tlog-proof@v1";
const HASH = /^[A-Za-z0-9+/]{43}=$/;
const NAME = /^[^\s+\x00-\x1f]+$/u;
const utf8 = new TextEncoder();

/**
 * Check a tlog-proof with the verifier key of a log; throws `BadQuote` or `NotChecked`.
 * Gives {entry, sections, missing, checkpoint: {origin, size, root}, signers}.
 */
export async function checkQuote(text, vkey) {
  const proof = parseProof(text);
  const checkpoint = parseCheckpoint(proof.note.text);
  const key = await parseKey(vkey);
  await checkSignature(proof.note, checkpoint, key);
  if (proof.extra === null) {
    throw new NotChecked("This proof does not hold its event, so it says nothing by itself. "
      + "`onrecord verify` checks it with its event beside it.");
  }
  const event = parseEvent(decodeText(proof.extra));
  await checkInclusion(proof, checkpoint, event.entry);
  const sections = {}, missing = {};
  for (const [name, section] of Object.entries(event.payload)) {
    sections[name] = await open(name, section, event.entry.commit);
  }
  for (const name of Object.keys(event.entry.commit)) {
    if (!Object.hasOwn(sections, name)) {
      missing[name] = Object.hasOwn(event.erased, name) ? event.erased[name] : null;
    }
  }
  if (!Object.keys(event.erased).every((name) => Object.hasOwn(missing, name))) {
    throw new BadQuote(
      "The file says of a part that it was erased, and shows it, or never had it.");
  }
  return { entry: event.entry, sections, missing, checkpoint, signers: [key.text] };
}

// C2SP tlog-proof, signed-note and tlog-checkpoint

function parseProof(text) {
  const end = text.indexOf("\n\n");
  const [header, ...lines] = text.slice(0, Math.max(end, 0)).split("\n");
  if (header !== HEADER) {
    throw new BadQuote("The file is no complete proof: "
      + `it does not begin with the line ${HEADER}.`);
  }
  const hasExtra = lines[0]?.startsWith("extra ");
  const extra = hasExtra ? decodeBase64(lines.shift().slice(6)) : null;
  const index = /^index (0|[1-9][0-9]{0,15})$/.exec(lines.shift() ?? "");
  if (!index || (hasExtra && extra === null) || lines.length > 63
      || !lines.every((line) => HASH.test(line) && decodeBase64(line))) {
    throw new BadQuote("The file is no complete proof: it has not the lines of a tlog-proof.");
  }
  const note = parseNote(text.slice(end + 2));
  return { index: Number(index[1]), hashes: lines.map(decodeBase64), extra, note };
}

function parseNote(text) {
  const end = text.lastIndexOf("\n\n");
  const lines = text.slice(end + 2).split("\n");
  const signatures = lines.slice(0, -1).map((line) => /^\u2014 (\S+) (\S+)$/u.exec(line));
  if (end < 0 || lines.at(-1) !== "" || signatures.length === 0 || /[\x00-\x09\x0b-\x1f]/.test(text)
      || !signatures.every((line) => line && NAME.test(line[1]) && decodeBase64(line[2])?.length > 4)) {
    throw new BadQuote("The file is no complete proof: its checkpoint is no signed note.");
  }
  return {
    text: text.slice(0, end + 1),
    signatures: signatures.map(([, name, data]) => ({ name, data: decodeBase64(data) })),
  };
}

function parseCheckpoint(text) {
  const [origin, size, root, ...rest] = text.split("\n");
  if (!NAME.test(origin) || !/^(0|[1-9][0-9]*)$/.test(size) || !Number.isSafeInteger(Number(size))
      || !HASH.test(root) || !decodeBase64(root) || rest.length !== 1 || rest[0] !== "") {
    throw new BadQuote("The checkpoint in the file cannot be read.");
  }
  return { origin, size: Number(size), root };
}

async function parseKey(vkey) {
  const text = vkey.trim();
  const [, name, id, data] = /^([^+]+)\+([0-9a-f]{8})\+(\S+)$/u.exec(text) ?? [];
  const bytes = data && decodeBase64(data);
  if (!bytes || !NAME.test(name)) {
    throw new NotChecked("That is no key of a log: it has not the form <name>+<8 hex digits>+<base64>.");
  }
  if (bytes[0] !== 1 || bytes.length !== 33) {
    throw new NotChecked("That is no key of a log: it is of another type.");
  }
  const keyId = (await sha256(concat(utf8.encode(`${name}\n`), bytes))).slice(0, 4);
  if (hex(keyId) !== id) {
    throw new NotChecked(`That is no key of a log: the id of ${name} is not that of its key.`);
  }
  return { text, name, id: keyId, public: bytes.slice(1) };
}

async function checkSignature(note, checkpoint, key) {
  const lines = note.signatures.filter(
    ({ name, data }) => name === key.name && isEqual(data.slice(0, 4), key.id));
  if (lines.length === 0 || key.name !== checkpoint.origin) {
    const whose = key.name === checkpoint.origin
      ? "has that name, but is another one" : `is of ${key.name}`;
    throw new BadQuote("The checkpoint is not signed with the key that you gave. The file is of the "
      + `log ${checkpoint.origin}; the key ${whose}: ask for the right key, or doubt the file.`);
  }
  const imported = await crypto.subtle.importKey("raw", key.public, "Ed25519", false, ["verify"]);
  const signature = lines[0].data.slice(4);
  if (lines.length > 1
      || !await crypto.subtle.verify("Ed25519", imported, signature, utf8.encode(note.text))) {
    throw new BadQuote("The signature is not that of the key that you gave: the checkpoint was "
      + "altered after it was signed, or it was forged.");
  }
}

// The event, in the one notation that the log writes

function parseEvent(text) {
  let event;
  try {
    event = JSON.parse(text);
  } catch {
    throw new BadQuote("The event in the file cannot be read: it is not JSON.");
  }
  if (!isEvent(event) || notation(event) !== text) { // `JSON.parse` takes a key that stands twice
    throw new BadQuote("The event in the file does not stand there as the log writes events.");
  }
  return event;
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function isEvent(event) {
  return isObject(event) && [event.entry, event.payload, event.erased].every(isObject)
    && isObject(event.entry.commit) && isObject(event.entry.data)
    && Object.values(event.payload).every((section) => isObject(section)
      && typeof section.salt === "string" && isObject(section.value))
    && Object.values(event.erased).every((ground) => typeof ground === "string");
}

function notation({ entry, payload, erased }) {
  const sections = Object.entries(payload).map(([name, { salt, value }]) =>
    `${JSON.stringify(name)}:{"salt":${JSON.stringify(salt)},"value":${canonical(value)}}`);
  return `{"entry":${canonical(entry)},"payload":{${sections}},"erased":${JSON.stringify(erased)}}`;
}

/** RFC 8785. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value).sort().map(
    (name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
  return `{${members}}`;
}

async function open(name, { salt, value }, commit) {
  if (!Object.hasOwn(commit, name)) {
    throw new BadQuote(`The file shows a part (${name}) that the entry in the log does not have.`);
  }
  if (!/^[0-9a-f]{64}$/.test(salt)) {
    throw new BadQuote(`The salt of a part (${name}) is not 32 bytes in hexadecimal digits.`);
  }
  const bytes = Uint8Array.from(salt.match(/../g), (digits) => parseInt(digits, 16));
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign"]);
  const mac = await crypto.subtle.sign("HMAC", key, utf8.encode(canonical(value)));
  if (hex(new Uint8Array(mac)) !== commit[name]) {
    throw new BadQuote(
      `A part (${name}) is not what was recorded: in it a word, or its salt, was altered.`);
  }
  return value;
}

// The Merkle tree of RFC 6962; the path of a leaf by RFC 9162, section 2.1.3.2

async function checkInclusion({ index, hashes }, { size, root }, entry) {
  const sides = siblingSides(index, size);
  if (sides === null || sides.length !== hashes.length) {
    throw new BadQuote(`The proof does not fit its checkpoint: in a log of ${size} entries, entry `
      + `${index} is proved by another number of hashes, or there is none.`);
  }
  let hash = await sha256(concat(Uint8Array.of(0), utf8.encode(canonical(entry))));
  for (const [place, side] of sides.entries()) {
    const pair = side === "left" ? [hashes[place], hash] : [hash, hashes[place]];
    hash = await sha256(concat(Uint8Array.of(1), ...pair));
  }
  if (!isEqual(hash, decodeBase64(root))) {
    throw new BadQuote(`The entry in the file is not entry ${index} of the log: something in it was `
      + "altered (a date, a name, a place in the log), or the proof belongs to another entry.");
  }
  if (entry.seq !== index) {
    throw new BadQuote(`The log is not well-formed: its entry ${index} has another number.`);
  }
}

/** On which side the sibling stands, from the leaf up; null where there is no such leaf. */
function siblingSides(index, size) {
  if (index >= size) return null;
  const sides = [];
  let start = 0, end = size;
  while (end - start > 1) {
    let half = 1;
    while (half * 2 < end - start) half *= 2;
    if (index < start + half) {
      sides.push("right");
      end = start + half;
    } else {
      sides.push("left");
      start += half;
    }
  }
  return sides.reverse();
}

// Bytes

/** A file's text; throws `BadQuote` where it is not UTF-8. */
export function decodeText(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new BadQuote("The file is no text, so it is no proof.");
  }
}

/** Base64 in its one canonical form; null where it is not. */
function decodeBase64(text) {
  try {
    const binary = atob(text);
    return btoa(binary) === text ? Uint8Array.from(binary, (char) => char.charCodeAt(0)) : null;
  } catch {
    return null;
  }
}

async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const isEqual = (left, right) => hex(left) === hex(right);
