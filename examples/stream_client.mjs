// A small client of BrokerPro's WebSocket, for Node and browsers. It comes back when the line is
// lost, renews its access in place, subscribes again, and closes gaps in the order updates over REST,
// so that `quotes` and `orders` end up right whatever happened in between.
//
//   const stream = new BrokerStream({ base: "http://localhost:8000", tokens, symbols: ["AAPL"] });
//   stream.addEventListener("quotes", ({ detail }) => ...);   // the quotes that changed
//   stream.addEventListener("order", ({ detail }) => ...);    // an order as it is now
//   stream.addEventListener("alert", ({ detail }) => ...);    // a market alert
//   stream.addEventListener("tokens", ({ detail }) => ...);   // new tokens, if you keep them: the old are spent
//   stream.addEventListener("state", ({ detail }) => ...);    // "live", "renewed", "reconnecting", "signed out"
//   stream.open();
//
// Tabs that have the same tokens share each refresh: take one_refresh.mjs along with this file.

import { renewed } from "../be/pages/static/brokerpro/one_refresh.mjs";

const FIRST_RETRY = 250; // milliseconds
const LONGEST_RETRY = 10_000;
const SILENCE = 40_000; // the server says something at least every 15 seconds
const RENEW_BEFORE = 30_000;
const OVERLAP = 60_000; // an order's time is taken when its change begins, by any server's clock
const AUTHENTICATION = 4401;

export class BrokerStream extends EventTarget {
  quotes = new Map(); // symbol -> quote
  orders = new Map(); // id -> order: the open ones, and all that changed since the start

  #base;
  #tokens;
  #symbols;
  #WebSocket;
  #socket = null;
  #closed = false;
  #attempts = 0;
  #timers = {};
  #sequence = null; // of the last order update that was applied
  #completeAt = null; // the server's clock, when nothing was missing for the last time
  #healing = null;
  #refreshing = null;
  #since; // from when on REST has to be asked
  #isLoaded = false; // whether the open orders have been
  #waiting = []; // updates that came while REST was asked

  /** `tokens` is what login or register answered; `WebSocket` a constructor, if there is no global one. */
  constructor({ base, tokens, symbols = [], WebSocket = globalThis.WebSocket }) {
    super();
    this.#base = base;
    this.#tokens = tokens;
    this.#symbols = symbols;
    this.#WebSocket = WebSocket;
  }

  open() {
    this.#connect();
  }

  close() {
    this.#closed = true;
    Object.values(this.#timers).forEach(clearTimeout);
    this.#socket?.close();
  }

  // The line --------------------------------------------------------------------------------------

  #connect() {
    const socket = new this.#WebSocket(`${this.#base.replace(/^http/, "ws")}/ws/market-data/`);
    this.#socket = socket;
    let wasOpen = false;
    socket.onopen = async () => {
      wasOpen = true;
      // The line may have been away for longer than access lasts.
      if (this.#tokens.ends_at < Date.now() && !(await this.#refresh())) return;
      if (socket === this.#socket) this.#authenticate();
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#receive(JSON.parse(data));
    };
    socket.onclose = ({ code }) => {
      if (socket === this.#socket) this.#lost(code);
    };
    socket.onerror = () => {
      // Not every WebSocket says that it is closed when it could not even be opened.
      if (socket === this.#socket && !wasOpen) this.#lost(1006);
    };
    this.#expectSomething();
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #authenticate() {
    this.#send({ type: "auth", token: this.#tokens.access_token });
  }

  async #lost(code) {
    this.#socket = null;
    clearTimeout(this.#timers.silence);
    clearTimeout(this.#timers.renewal);
    if (this.#closed) return;
    this.#tell("state", "reconnecting");
    if (code === AUTHENTICATION && !(await this.#refresh())) return;
    const wait = Math.min(FIRST_RETRY * 2 ** this.#attempts, LONGEST_RETRY);
    this.#attempts += 1;
    this.#later("retry", wait * (0.5 + Math.random() / 2), () => this.#connect());
  }

  /** A line that is dead may take minutes to say so. */
  #expectSomething() {
    const socket = this.#socket;
    this.#later("silence", SILENCE, () => {
      if (socket !== this.#socket) return;
      this.#lost(1006);
      socket.close();
    });
  }

  #later(name, milliseconds, act) {
    clearTimeout(this.#timers[name]);
    if (!this.#closed) this.#timers[name] = setTimeout(act, milliseconds);
  }

  // What comes ------------------------------------------------------------------------------------

  #receive(message) {
    this.#expectSomething();
    switch (message.type) {
      case "auth_success":
        this.#renewBefore(message.expires_at);
        if (this.#isSubscribed) this.#tell("state", "renewed");
        else this.#send({ type: "subscribe", symbols: this.#symbols, channels: ["orders"] });
        break;
      case "subscribed":
        this.#attempts = 0;
        this.#isSubscribed = true;
        this.#showQuotes(message.quotes);
        this.#resume(message);
        this.#tell("state", "live");
        break;
      case "price_update":
        this.#showQuotes(message.quotes);
        break;
      case "order_update":
        this.#take(message);
        break;
      case "gap":
        this.#sequence = message.sequence;
        this.#heal(message.since);
        break;
      case "heartbeat":
        if (!this.#healing) this.#completeAt = message.time;
        break;
      case "market_alert":
        this.#tell("alert", message);
        break;
      default: // an error, which a close follows if it matters, or something newer than this client
    }
  }

  get #isSubscribed() {
    return this.#socket?.isSubscribed === true;
  }

  set #isSubscribed(value) {
    this.#socket.isSubscribed = value;
  }

  #showQuotes(quotes) {
    const news = quotes.filter(({ symbol, sequence }) => !(this.quotes.get(symbol)?.sequence >= sequence));
    for (const quote of news) this.quotes.set(quote.symbol, quote);
    if (news.length) this.#tell("quotes", news);
  }

  /** After a (new) subscription: the next update has the number after `orders_sequence`. */
  #resume({ orders_sequence: sequence, time }) {
    const missedNothing = this.#sequence === sequence;
    this.#sequence = sequence;
    if (missedNothing && !this.#healing) this.#completeAt = time;
    else this.#heal(this.#completeAt && earlier(this.#completeAt), time);
  }

  #take(update) {
    if (this.#sequence !== null && update.sequence <= this.#sequence) return;
    const missed = update.sequence !== this.#sequence + 1;
    this.#sequence = update.sequence;
    if (missed) this.#heal(this.#completeAt && earlier(this.#completeAt));
    if (this.#healing) this.#waiting.push(update);
    else this.#show(update.order);
  }

  // Gaps ------------------------------------------------------------------------------------------

  /**
   * Ask REST for what changed since then, and once for the open orders. Updates that come meanwhile
   * are applied after the answer: each either is in it or follows it.
   */
  async #heal(since, time) {
    const mine = (this.#healing = {});
    this.#since = [this.#since, since].filter(Boolean).sort()[0]; // also what an earlier try did not get
    const queries = [];
    if (!this.#isLoaded) queries.push("status=open");
    if (this.#since) queries.push(`updated_since=${encodeURIComponent(this.#since)}`);
    const answered = [];
    try {
      for (const query of queries) {
        answered.push(...(await this.#all(`/api/exchange/api/v1/orders/?page_size=200&${query}`)));
      }
    } catch {
      if (mine === this.#healing) this.#later("healing", 1000, () => this.#heal(since, time));
      return;
    }
    if (mine !== this.#healing) return; // another gap opened, and asked again
    this.#healing = null;
    this.#isLoaded = true;
    this.#since = undefined;
    if (time) this.#completeAt = time;
    answered.forEach((order) => this.#show(order));
    this.#waiting.splice(0).forEach(({ order }) => this.#show(order));
  }

  #show(order) {
    this.orders.set(order.id, order);
    this.#tell("order", order);
  }

  async #all(path) {
    const found = [];
    for (let next = path; next; ) {
      const response = await this.#fetch(next);
      if (response.status === 401 && (await this.#refresh())) continue;
      if (!response.ok) throw new Error(`${response.status} from ${next}`);
      const page = await response.json();
      found.push(...page.results);
      next = page.next && new URL(page.next, this.#base).href.replace(new URL(this.#base).origin, "");
    }
    return found;
  }

  // Access ----------------------------------------------------------------------------------------

  #fetch(path, body) {
    return fetch(this.#base + path, {
      method: body ? "POST" : "GET",
      headers: body
        ? { "Content-Type": "application/json" }
        : { Authorization: `Bearer ${this.#tokens.access_token}` },
      body: body && JSON.stringify(body),
    });
  }

  #renewBefore(end) {
    const left = Date.parse(end) - Date.now();
    this.#later("renewal", Math.max(left - RENEW_BEFORE, left / 2), async () => {
      if ((await this.#refresh()) && this.#socket) this.#authenticate();
    });
  }

  /**
   * Spend the refresh token for new tokens. False if the session has ended: then all is over.
   *
   * Whoever asks meanwhile waits for the same answer: a token that is spent twice ends the session.
   */
  #refresh() {
    this.#refreshing ??= this.#spend().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #spend() {
    try {
      const fresh = await renewed(this.#tokens, (token) => this.#exchange(token));
      this.#tell("tokens", fresh);
      this.#tokens = { ...this.#tokens, ...fresh };
      return true;
    } catch (error) {
      if (error.status !== 401) return true; // no server just now, or a busy one: try again
    }
    this.#tell("state", "signed out");
    this.close();
    return false;
  }

  async #exchange(refresh_token) {
    const response = await this.#fetch("/api/auth/refresh/", { refresh_token });
    if (response.ok) return response.json();
    throw Object.assign(new Error("The refresh was refused."), { status: response.status });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

const earlier = (time) => new Date(Date.parse(time) - OVERLAP).toISOString();
