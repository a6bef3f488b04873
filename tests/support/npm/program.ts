// A program over the types that `openapi-typescript` makes. Compiled and run by `test_generated_clients`.
// Prints what it read as JSON. Arguments: the address of the service, a key, and a statement as JSON.
import process from "node:process";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const [url, key, body] = process.argv.slice(2);
// lists come as CSV and NDJSON too: this program takes JSON
type Json = "application/json" | "application/problem+json";
const client = createClient<paths, Json>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });
const statement: components["schemas"]["StatementIn"] = JSON.parse(body);

const pair = { actor: "biden", topic: "talks-with-putin" };
const { data: position, error } = await client.GET("/v1/actors/{actor}/topics/{topic}/position", {
  params: { path: pair, query: { as_of: "2022-12-02" } },
});
if (error) throw new Error(error.detail);
const first = position.statements[0];
const words: string | null | undefined = position.statements[0].content.text;

const { data: recorded, error: refusal } = await client.POST("/v1/statements", { body: statement });
if (refusal) throw new Error(refusal.detail);
const { data: corrected, error: conflict } = await client.POST("/v1/statements/{id}/corrections", {
  params: { path: { id: recorded.id } },
  body: { by: "us", reason: "A slip.", replacement: statement },
});
if (conflict) throw new Error(conflict.detail);

const { data: page } = await client.GET("/v1/statements", {
  params: { query: { topic: [pair.topic], limit: 2 } },
});
const { error: problem } = await client.GET("/v1/actors/{actor}/topics/{topic}/position", {
  params: { path: { ...pair, actor: "nobody" } },
});

// @ts-expect-error: the compiler knows that a statement has no such field
position.statements[0].content.wrods;

console.log(
  JSON.stringify({
    words,
    outlets: first.evidence.map((evidence) => evidence.outlet).filter((outlet) => outlet),
    speaker: first.speakers[0].actor,
    seqs: [recorded.seq, corrected.seq],
    page: page?.items.length,
    problem: problem?.type,
  }),
);
