// node --experimental-websocket examples/watch_orders.mjs BASE ACCESS_TOKEN REFRESH_TOKEN [SYMBOL...]
//
// Prints a line for each change of an order and of the connection, and its orders as JSON when its input
// ends. (From Node 22 on the flag is not needed.)

import { BrokerStream } from "./stream_client.mjs";

const [base, access_token, refresh_token, ...symbols] = process.argv.slice(2);
const stream = new BrokerStream({ base, tokens: { access_token, refresh_token }, symbols });

stream.addEventListener("state", ({ detail }) => console.log(`state ${detail}`));
stream.addEventListener("order", ({ detail }) => console.log(`order ${detail.id} ${detail.status}`));
stream.addEventListener("alert", ({ detail }) => console.log(`alert ${detail.title}`));
stream.open();

process.stdin.on("end", () => {
  const orders = Object.fromEntries([...stream.orders].map(([id, { status }]) => [id, status]));
  console.log(JSON.stringify({ orders, quotes: [...stream.quotes.keys()].sort() }));
  stream.close();
});
process.stdin.resume();
