// Who stands where on a topic, read from the read API of another origin:
//
//     page/index.html?api=http://127.0.0.1:8000&topic=talks-with-putin&as_of=2022-12-31
//
// Types of all answers can be generated: ops/docs/generated-clients.md.

interface Topic {
  label: string | null;
  proposition: string | null;
}

interface Position {
  actor: string;
  actor_label: string;
  stance: string | null;
  since: string | null;
  summary: string | null;
  certainty: "definite" | "possible";
}

interface Page {
  items: Position[];
  next: string | null;
  known: { size: number };
  as_of: string;
}

const query = new URLSearchParams(location.search);
const api = query.get("api") ?? "http://127.0.0.1:8000";
const topic = query.get("topic") ?? "talks-with-putin";

async function read<Answer>(path: string, params: Record<string, string>): Promise<Answer> {
  const response = await fetch(`${api}/v1/${path}?${new URLSearchParams(params)}`);
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail);
  return body;
}

function show(id: string, text: string): void {
  document.getElementById(id)!.textContent = text;
}

// Text goes in by `textContent` only: the record has the words of anybody.
function addRow(position: Position): void {
  const row = document.createElement("tr");
  const stance = position.stance?.replace("_", " ") ?? "not known";
  row.className = position.certainty;
  for (const text of [position.actor_label, stance, position.since, position.summary]) {
    row.insertCell().textContent = text ?? "";
  }
  document.getElementById("positions")!.append(row);
}

async function showTopic(): Promise<void> {
  const path = encodeURIComponent(topic);
  const params: Record<string, string> = { limit: "500" };
  const asOf = query.get("as_of");
  if (asOf) params.as_of = asOf;
  const { label, proposition } = await read<Topic>(`topics/${path}`, {});
  show("label", label ?? topic);
  show("proposition", proposition ?? "");
  let page = await read<Page>(`topics/${path}/positions`, params);
  page.items.forEach(addRow);
  while (page.next) {
    page = await read<Page>(`topics/${path}/positions`, { ...params, cursor: page.next });
    page.items.forEach(addRow);
  }
  show("status", `As of ${page.as_of}, as known at size ${page.known.size}.`);
}

showTopic().catch((error: Error) => show("status", `It could not be read: ${error.message}`));
