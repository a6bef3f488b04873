// A receiver of webhooks, on Node and the npm package `standardwebhooks`.
//
//     npm install standardwebhooks
//     ONRECORD_SECRET=whsec_... node receiver.mjs 9000
//
// It verifies each delivery, answers at once, and prints each change of a position once.
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.ONRECORD_SECRET);
const MAX_BYTES = 2 ** 20;
const REMEMBERED = 100_000;

// Ids of the last events: one may be sent twice. A real receiver keeps them in its database.
const seen = new Set();

async function bodyOf(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new RangeError("the body is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8"); // as received: a signature is of its bytes
}

// What is done with an event. More than some milliseconds of work belongs in a queue.
function handle({ type, subject, data }) {
  if (data.actor && data.topic && data.stance) {
    const before = data.previous_stance ? `${data.previous_stance} -> ` : "";
    console.log(`${data.actor.name} on ${data.topic.label}: ${before}${data.stance}`);
    console.log(`  ${data.link}`);
  } else {
    console.log(`${type} of ${subject}`);
  }
}

const server = createServer(async (request, response) => {
  try {
    const event = webhook.verify(await bodyOf(request), request.headers);
    if (!seen.has(event.id)) {
      handle(event);
      seen.add(event.id);
      if (seen.size > REMEMBERED) seen.delete(seen.values().next().value);
    }
    // Any 2xx ends the delivery, so it comes last: after a crash, the event is sent again.
    response.writeHead(204).end();
  } catch (error) {
    console.log(`refused: ${error.message}`);
    response.writeHead(error instanceof RangeError ? 413 : 401, { Connection: "close" }).end();
  }
});

server.listen(Number(process.argv[2]), "127.0.0.1", () => {
  console.log(`listening on port ${server.address().port}`);
});
