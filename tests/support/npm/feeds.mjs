// Parses an Atom document and a JSON Feed with feedsmith. For npm_judges.py.
import { readFileSync } from "node:fs";
import { parseAtomFeed, parseJsonFeed } from "feedsmith";

const { atom, json } = JSON.parse(readFileSync(0, "utf-8"));
const results = { atom: parseAtomFeed(atom), json: parseJsonFeed(json) };
process.stdout.write(JSON.stringify(results));
