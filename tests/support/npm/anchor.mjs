// Finds a TextQuoteSelector in an HTML document with dom-anchor-text-quote. For npm_judges.py.
import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";

const { html, selector } = JSON.parse(readFileSync(0, "utf-8"));
const { window } = new JSDOM(html);
globalThis.document = window.document;
globalThis.Node = window.Node;
globalThis.NodeFilter = window.NodeFilter;
const { toRange } = await import("dom-anchor-text-quote");
const range = toRange(window.document.body, selector);
process.stdout.write(JSON.stringify({ text: range ? range.toString() : null }));
