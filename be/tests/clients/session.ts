// A customer's session with the types that openapi-typescript makes, compiled under tsc --strict.
// Run by be/tests/test_generated_clients.py: node session.js BASE

import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Order = components["schemas"]["Order"];

const [, , base] = process.argv as [string, string, string];
let token = "";
const client = createClient<paths>({ baseUrl: base });
client.use({
  onRequest({ request }) {
    if (token) request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
});

function assert(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`It is not so that ${what}.`);
}

function given<T>({ data, error, response }: { data?: T; error?: unknown; response: Response }): T {
  if (data === undefined) throw new Error(`${response.status}: ${JSON.stringify(error)}`);
  return data;
}

interface Page<T> {
  next: string | null;
  results: T[];
}

async function all<T>(read: (cursor?: string) => Promise<Page<T>>): Promise<T[]> {
  const found: T[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await read(cursor);
    found.push(...page.results);
    if (page.next === null) return found;
    cursor = new URL(page.next).searchParams.get("cursor") ?? undefined;
  }
}

async function main() {
  const email = `${crypto.randomUUID()}@example.com`;
  const body = { email, password: "a horse, a staple" };
  const tokens = given(await client.POST("/api/auth/register/", { body }));
  assert("access_token" in tokens, "a server that verifies no e-mail signs in at once");
  token = tokens.access_token;
  const expiresIn: number = tokens.expires_in;
  assert(expiresIn > 0, "access lasts a while");

  const account = given(
    await client.POST("/api/banking/accounts/", {
      body: {
        account_holder: "Tess Typed",
        bank_name: "First Example Bank",
        account_type: "checking",
        account_number: String(4_400_000_000 + Math.floor(Math.random() * 1e9)),
        routing_number: "021000021",
      },
    }),
  );
  const deposit = given(
    await client.POST("/api/banking/transactions/", {
      params: { header: { "Idempotency-Key": crypto.randomUUID() } },
      body: { account: account.id, type: "deposit", amount: "10000.00" },
    }),
  );
  assert(deposit.amount === "10000.00" && deposit.status === "completed", "the deposit is there");

  const instruments = await all(async (cursor) =>
    given(
      await client.GET("/api/exchange/api/v1/market-data/", {
        params: { query: { page_size: 2, cursor } },
      }),
    ),
  );
  assert(instruments.length > 4, "several pages");
  const bond = instruments.find(({ bond }) => bond !== null)?.bond;
  assert(typeof bond?.coupon_rate === "string", "a bond has terms");

  let order: Order = given(
    await client.POST("/api/exchange/api/v1/orders/", {
      params: { header: { "Idempotency-Key": crypto.randomUUID() } },
      body: { symbol: "AAPL", side: "buy", order_type: "market", quantity: "1.5" },
    }),
  );
  const path = { id: order.id };
  while (order.status === "accepted" || order.status === "new") {
    await new Promise((resolve) => setTimeout(resolve, 200)); // waits for a fresh quote
    order = given(await client.GET("/api/exchange/api/v1/orders/{id}/", { params: { path } }));
  }
  const limit: string | null = order.limit_price;
  assert(limit === null && order.quantity === "1.5" && order.status === "filled", "it is filled");
  const paid: string[] = order.executions.map(({ amount }) => amount);
  assert(paid.length > 0, "with executions");

  const waiting = given(
    await client.POST("/api/exchange/api/v1/orders/", {
      body: {
        symbol: "AAPL",
        side: "buy",
        order_type: "limit",
        quantity: "1",
        limit_price: "1.00",
        take_profit: null,
      },
    }),
  );
  const canceled = given(
    await client.DELETE("/api/exchange/api/v1/orders/{id}/", {
      params: { path: { id: waiting.id } },
    }),
  );
  assert(canceled.status === "canceled", "it is canceled");
  const orders = await all(async (cursor) =>
    given(
      await client.GET("/api/exchange/api/v1/orders/", {
        params: { query: { page_size: 1, cursor, side: "buy" } },
      }),
    ),
  );
  assert(orders.map(({ id }) => id).join() === [waiting.id, order.id].join(), "both are listed");

  const holdings = given(await client.GET("/api/portfolio/holdings/"));
  assert(holdings.results[0]?.quantity === "1.5", "it is held");

  const refused = await client.POST("/api/exchange/api/v1/orders/", {
    body: { symbol: "AAPL", side: "sell", order_type: "market", quantity: "99999" },
  });
  assert(refused.error?.code === "insufficient_position", "nobody sells what they don't have");
  assert(refused.response.headers.get("X-Request-ID") !== null, "the request has a name");
}

// Mistakes that the types must find: each line would not compile without its comment.
export const mistakes: Partial<components["schemas"]["OrderRequest"]>[] = [
  // @ts-expect-error: no such side
  { side: "hold" },
  // @ts-expect-error: decimals are strings
  { quantity: 1.5 },
  // @ts-expect-error: no such field
  { amount: "1" },
];

await main();
