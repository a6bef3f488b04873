// The page /verify: a file and a key in, a clear yes or no out. Nothing is sent anywhere.

import { BadQuote, checkQuote, decodeText, NotChecked } from "./check.js";
import { describeQuote, limitsOf } from "./describe.js";

const MAX_BYTES = 8 << 20;
const element = (id) => document.getElementById(id);
let proof = null;

function choose(file) {
  proof = file ?? null;
  element("chosen").textContent = proof ? `Chosen: ${proof.name}.` : "No file is chosen.";
  clear();
}

async function check() {
  element("check").disabled = true;
  clear();
  try {
    if (proof === null) throw new NotChecked("Choose a file first.");
    if (element("key").value.trim() === "") throw new NotChecked("Enter the key of the log first.");
    if (proof.size > MAX_BYTES) throw new BadQuote("The file is too large for a proof: over 8 MiB.");
    if (!globalThis.crypto?.subtle) {
      throw new NotChecked("Browsers check signatures only on pages that came over https, or from "
        + "this computer.");
    }
    const text = decodeText(await proof.arrayBuffer());
    show(await checkQuote(text, element("key").value));
  } catch (error) {
    refuse(error);
  } finally {
    element("check").disabled = false;
  }
}

function show(quote) {
  const facts = document.createElement("dl");
  for (const [name, value] of describeQuote(quote)) facts.append(node("dt", name), node("dd", value));
  const limits = document.createElement("ul");
  for (const limit of limitsOf(quote)) limits.append(node("li", limit));
  answer("yes", node("h2", "YES. The log holds this, and nothing in it was altered."), facts,
    node("h3", "What this does not prove"), limits);
}

function refuse(error) {
  const [verdict, heading] = error instanceof BadQuote
    ? ["no", `NO. ${error.message}`] : ["", `Nothing was checked. ${obstacle(error)}`];
  answer(verdict, node("h2", heading));
}

function obstacle(error) {
  if (error instanceof NotChecked) return error.message;
  if (error.name === "NotSupportedError") {
    return "This browser does not know Ed25519. Those from 2025 on do.";
  }
  if (error.name === "NotReadableError") {
    return "The file cannot be read, or it changed after you chose it. Choose it again.";
  }
  return String(error);
}

function answer(verdict, ...children) {
  element("answer").className = verdict;
  element("answer").replaceChildren(...children);
}

/** Take the answer away: it is not of what stands in the form now. */
function clear() {
  answer("");
}

/** An element with text of the record, which is never read as HTML. */
function node(name, text) {
  const created = document.createElement(name);
  created.dir = "auto";
  created.textContent = text;
  return created;
}

async function takeKeyOfThisSite() {
  const response = await fetch("/log/log.policy").catch(() => null);
  const key = response?.ok ? (await response.text()).match(/^log (\S+)/m)?.[1] : null;
  if (key) element("key").value = key;
  clear();
  element("key-note").textContent = key
    ? "This is the key that this site names. You now trust this site: use a key from elsewhere to "
      + "check the site itself."
    : "This site names no key. Ask its operator for it.";
}

element("proof").addEventListener("change", () => choose(element("proof").files[0]));
element("key").addEventListener("input", clear);
element("check").addEventListener("click", check);
element("site-key").addEventListener("click", takeKeyOfThisSite);
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  choose(event.dataTransfer.files[0]);
});
