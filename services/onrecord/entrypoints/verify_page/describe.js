// What a checked proof says, in words. The sentences are those of
// `onrecord.verifying.quote_description`; a test compares the two.

import { canonical } from "./check.js";

const WORDS = {
  verbatim: "Words",
  mixed: "Words, in part",
  paraphrase: "In a paraphrase",
  translation: "In translation",
};
const GONE = "not in this file";

/** What is proved, as pairs of a name and a value. */
export function describeQuote({ entry, sections, checkpoint, signers }) {
  return [
    ...eventFacts(entry, sections),
    ["Recorded", `${entry.recorded_at} by ${entry.recorded_by}`],
    ["Entry", `number ${entry.seq} of the log ${checkpoint.origin}, counted from 0`],
    ["Checkpoint", `${checkpoint.size} entries, root hash ${checkpoint.root}`],
    ...signers.map((key) => ["Signed with", key]),
  ];
}

/** What is not proved. */
export function limitsOf({ missing }) {
  const limits = [
    "That what was said is true, or that it was said: the proof is that it was recorded so.",
    "That no other entry corrects, retracts or erases it, before this checkpoint or later."
      + " The log gives the newest proof of a statement at any time.",
    "The time and the recorder: they are what the log says, and it cannot change them now.",
    "That others saw the same log: cosignatures of witnesses were not checked, which"
      + " `onrecord verify --policy` does.",
  ];
  for (const [name, ground] of Object.entries(missing)) {
    const reason = ground === null
      ? "Whoever gave you the file left it out."
      : `The file says that it was erased on the ground ${ground}.`;
    limits.push(`The part “${name}” of the entry, which is not in this file. ${reason}`);
  }
  return limits;
}

function eventFacts(entry, sections) {
  const values = Object.values(sections);
  try {
    const event = values.reduce(merged, entry.data);
    const by = `by ${event.by}: ${event.reason ?? GONE}`;
    switch (`${entry.type} ${entry.version}`) {
      case "statement.made 1":
        return [["Statement", entry.id], ...statementFacts(event)];
      case "statement.corrected 1":
        return [["Statement", event.target], ["Corrected", `as below, ${by}`],
          ...statementFacts(event.replacement)];
      case "statement.retracted 1":
        return [["Statement", event.target], ["Retracted", by]];
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // of a strange log: shown as it is
  }
  return [
    ["Event", `${entry.type} ${entry.id}`],
    ["Content", canonical(entry.data)],
    ...Object.entries(sections).sort().map(([name, value]) => [`Part ${name}`, canonical(value)]),
  ];
}

/** Data and a section of the same shape in one, as `domain.payload.merge_payload` does. */
function merged(left, right) {
  if (Array.isArray(left)) return left.map((item, place) => merged(item, right[place]));
  if (typeof left !== "object") return right;
  const whole = { ...left };
  for (const [name, value] of Object.entries(right)) {
    whole[name] = Object.hasOwn(left, name) ? merged(left[name], value) : value;
  }
  return whole;
}

function statementFacts(statement) {
  const { content, speakers, evidence, venue, addressees, topics, note } = statement;
  const facts = [[WORDS[content.mode], quoted(content)]];
  if (content.original) facts.push(["Original", quoted(content.original)]);
  for (const speaker of speakers) facts.push(["Said by", speakerText(speaker)]);
  facts.push(["Said at", `${statement.said_at} (${statement.said_at_basis})`]);
  if (venue) facts.push(["Place", venue]);
  if (addressees) facts.push(["Said to", addressees.join(", ")]);
  if (topics) facts.push(["Topics", topics.join(", ")]);
  for (const source of evidence) facts.push(["Source", sourceText(source)]);
  if (note) facts.push(["Note", note]);
  return facts;
}

const quoted = ({ text, lang }) => `${text ? `“${text}”` : GONE} (${lang})`;

function speakerText({ actor, role, on_behalf_of: others, capacity }) {
  const behalf = others ? `, on behalf of ${others.join(", ")}` : "";
  return `${actor}${role ? `, ${role}` : ""}${behalf} (${capacity ?? "individual"})`;
}

function sourceText(source) {
  const parts = [
    source.outlet,
    source.title && `“${source.title}”`,
    source.published_at && `published ${source.published_at}`,
    source.reference,
    source.url,
    source.archive_url,
    source.sha256 && `SHA-256 ${source.sha256}`,
  ];
  return parts.filter(Boolean).join(", ") || GONE;
}
