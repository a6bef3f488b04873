// Do the packages of npm accept these deliveries? A line of JSON each: {secret, headers, body}, the
// body in base64; a line comes back for each and package: "accepted", or the error's name.
import { createInterface } from "node:readline";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line);
  const told = [StandardWebhook, SvixWebhook].map((Webhook) => {
    try {
      new Webhook(secret).verify(Buffer.from(body, "base64").toString(), headers);
      return "accepted";
    } catch (error) {
      return error.constructor.name;
    }
  });
  console.log(JSON.stringify(told));
}
