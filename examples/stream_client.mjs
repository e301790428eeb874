// A small client of BrokerPro's WebSocket, for Node and browsers. It reconnects after a lost
// connection, renews its access token in place, subscribes again, and fetches missed order updates
// over REST. So `quotes` and `orders` are correct again after any interruption.
//
//   const stream = new BrokerStream({ base: "http://localhost:8000", tokens, symbols: ["AAPL"] });
//   stream.addEventListener("quotes", ({ detail }) => ...);   // the quotes that changed
//   stream.addEventListener("order", ({ detail }) => ...);    // an order as it is now
//   stream.addEventListener("alert", ({ detail }) => ...);    // a market alert
//   stream.addEventListener("tokens", ({ detail }) => ...);   // new tokens to store: the old ones are used up
//   stream.addEventListener("state", ({ detail }) => ...);    // "live", "renewed", "reconnecting", "signed out"
//   stream.open();
//
// Browser tabs with the same tokens share each refresh. Copy one_refresh.mjs together with this file.

import { renewed } from "../be/pages/static/brokerpro/one_refresh.mjs";

const FIRST_RETRY = 250; // milliseconds
const LONGEST_RETRY = 10_000;
const SILENCE = 40_000; // the server sends something at least every 15 seconds
const RENEW_BEFORE = 30_000;
const OVERLAP = 60_000; // an order has the time at which its change began, by any server's clock
const AUTHENTICATION = 4401;

export class BrokerStream extends EventTarget {
  quotes = new Map(); // symbol -> quote
  orders = new Map(); // id -> order: open orders, and all that changed since the start

  #base;
  #tokens;
  #symbols;
  #WebSocket;
  #socket = null;
  #closed = false;
  #attempts = 0;
  #timers = {};
  #sequence = null; // of the last order update that was applied
  #completeAt = null; // the last time, by the server's clock, at which no update was missing
  #fetching = null;
  #refreshing = null;
  #since; // the time from which REST must be asked for changes
  #isLoaded = false; // whether the open orders have been fetched
  #waiting = []; // updates that arrived during a request to REST

  /** `tokens` is the response of login or register; `WebSocket` a constructor, if there is no global one. */
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

  // Connection ------------------------------------------------------------------------------------

  #connect() {
    const socket = new this.#WebSocket(`${this.#base.replace(/^http/, "ws")}/ws/market-data/`);
    this.#socket = socket;
    let wasOpen = false;
    socket.onopen = async () => {
      wasOpen = true;
      // The access token may have expired while there was no connection.
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
      // Not every WebSocket fires "close" if it could not be opened.
      if (socket === this.#socket && !wasOpen) this.#lost(1006);
    };
    this.#watchForSilence();
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
    this.#emit("state", "reconnecting");
    if (code === AUTHENTICATION && !(await this.#refresh())) return;
    const wait = Math.min(FIRST_RETRY * 2 ** this.#attempts, LONGEST_RETRY);
    this.#attempts += 1;
    this.#later("retry", wait * (0.5 + Math.random() / 2), () => this.#connect());
  }

  /** A dead connection may take minutes to be reported. */
  #watchForSilence() {
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

  // Messages --------------------------------------------------------------------------------------

  #receive(message) {
    this.#watchForSilence();
    switch (message.type) {
      case "auth_success":
        this.#renewBefore(message.expires_at);
        if (this.#isSubscribed) this.#emit("state", "renewed");
        else this.#send({ type: "subscribe", symbols: this.#symbols, channels: ["orders"] });
        break;
      case "subscribed":
        this.#attempts = 0;
        this.#isSubscribed = true;
        this.#showQuotes(message.quotes);
        this.#resume(message);
        this.#emit("state", "live");
        break;
      case "price_update":
        this.#showQuotes(message.quotes);
        break;
      case "order_update":
        this.#apply(message);
        break;
      case "gap":
        this.#sequence = message.sequence;
        this.#fetchMissed(message.since);
        break;
      case "heartbeat":
        if (!this.#fetching) this.#completeAt = message.time;
        break;
      case "market_alert":
        this.#emit("alert", message);
        break;
      default: // an error, after which the server closes if necessary, or a type newer than this client
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
    if (news.length) this.#emit("quotes", news);
  }

  /** After a (new) subscription: the next update has the number after `orders_sequence`. */
  #resume({ orders_sequence: sequence, time }) {
    const missedNothing = this.#sequence === sequence;
    this.#sequence = sequence;
    if (missedNothing && !this.#fetching) this.#completeAt = time;
    else this.#fetchMissed(this.#completeAt && earlier(this.#completeAt), time);
  }

  #apply(update) {
    if (this.#sequence !== null && update.sequence <= this.#sequence) return;
    const missed = update.sequence !== this.#sequence + 1;
    this.#sequence = update.sequence;
    if (missed) this.#fetchMissed(this.#completeAt && earlier(this.#completeAt));
    if (this.#fetching) this.#waiting.push(update);
    else this.#show(update.order);
  }

  // Gaps ------------------------------------------------------------------------------------------

  /**
   * Ask REST for the orders that changed since then, and once for the open orders. Updates that arrive
   * meanwhile are applied after the response: each is either contained in it or newer.
   */
  async #fetchMissed(since, time) {
    const mine = (this.#fetching = {});
    this.#since = [this.#since, since].filter(Boolean).sort()[0]; // includes what an earlier attempt did not get
    const queries = [];
    if (!this.#isLoaded) queries.push("status=open");
    if (this.#since) queries.push(`updated_since=${encodeURIComponent(this.#since)}`);
    const answered = [];
    try {
      for (const query of queries) {
        answered.push(...(await this.#all(`/api/exchange/api/v1/orders/?page_size=200&${query}`)));
      }
    } catch {
      if (mine === this.#fetching) this.#later("fetching", 1000, () => this.#fetchMissed(since, time));
      return;
    }
    if (mine !== this.#fetching) return; // another gap has started a newer request
    this.#fetching = null;
    this.#isLoaded = true;
    this.#since = undefined;
    if (time) this.#completeAt = time;
    answered.forEach((order) => this.#show(order));
    this.#waiting.splice(0).forEach(({ order }) => this.#show(order));
  }

  #show(order) {
    this.orders.set(order.id, order);
    this.#emit("order", order);
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

  // Authentication --------------------------------------------------------------------------------

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
   * Exchange the refresh token for new tokens. False if the session has ended.
   *
   * Concurrent callers share one request: a refresh token that is used twice ends the session.
   */
  #refresh() {
    this.#refreshing ??= this.#requestTokens().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #requestTokens() {
    try {
      const fresh = await renewed(this.#tokens, (token) => this.#exchange(token));
      this.#emit("tokens", fresh);
      this.#tokens = { ...this.#tokens, ...fresh };
      return true;
    } catch (error) {
      if (error.status !== 401) return true; // the server is down or busy: the caller tries again
    }
    this.#emit("state", "signed out");
    this.close();
    return false;
  }

  async #exchange(refresh_token) {
    const response = await this.#fetch("/api/auth/refresh/", { refresh_token });
    if (response.ok) return response.json();
    throw Object.assign(new Error("The refresh was refused."), { status: response.status });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

const earlier = (time) => new Date(Date.parse(time) - OVERLAP).toISOString();
