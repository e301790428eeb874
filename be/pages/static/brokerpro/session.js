// Who is signed in, and calls to the API in that name. Tokens are in memory and, for a reload, in
// sessionStorage; they are renewed before they end, once for all tabs of the same session.

import { dated, forgotten, renewed } from "./one_refresh.mjs";

const KEY = "brokerpro.tokens";
const RETRY_RENEWAL_AFTER = 5_000; // milliseconds
const RENEW_EARLY = 0.15; // of their life
const RENEWAL_TIMEOUT = 20_000; // other tabs wait so long; the server says no before that

/** "ended" with a reason in `detail`, and "renewed". */
export const events = new EventTarget();

/**
 * A refused or failed call: `message` is for people, `code` for programs, `errors` names fields;
 * `status` is 0 when no answer came.
 */
export class Problem extends Error {
  constructor({ status, code = "", detail, title, errors = [] }) {
    super(detail || title || `The server answered with ${status}.`);
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}

let tokens = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
let timer = 0;
let renewal = null;

export const user = () => tokens?.user ?? null;

export const logIn = (fields) => enter("login", fields);
export const register = (fields) => enter("register", fields);
export const passSecondFactor = (fields) => enter("login/factor", fields);
export const logInByPasskey = (passkey) => enter("login/passkey", { passkey });

/** Null once somebody is signed in; else what is missing: a second factor, or a verified e-mail. */
async function enter(path, body) {
  const answer = await ask(`${path}/`, body);
  if (!answer.access_token) return answer;
  keep(dated(answer));
  return null;
}

/** A call below /api/auth/ that needs no tokens. */
export const ask = (path, body) => send("POST", `/api/auth/${path}`, { body });

/** What the browser needs for signing in by a passkey. */
export const passkeyOptions = async (body) =>
  (await ask("login/passkey/options/", body)).public_key;

export async function logOut() {
  await renewal?.catch(() => {});
  const refresh_token = tokens?.refresh_token;
  await forget();
  if (refresh_token) await send("POST", "/api/auth/logout/", { body: { refresh_token } });
}

let stepUp = null;

/** What asks the user to step up; it gives whether they have. */
export const onStepUp = (ask) => (stepUp = ask);

/** Call the API as the user; what needs a step-up is sent again after it. Throws Problem. */
export async function call(method, path, options = {}) {
  try {
    return await callOnce(method, path, options);
  } catch (problem) {
    if (problem.code !== "step_up_required" || !(await stepUp?.())) throw problem;
    return callOnce(method, path, options);
  }
}

/** A 401 is tried once more with new tokens. */
async function callOnce(method, path, options) {
  try {
    return await send(method, path, { ...options, token: await accessToken() });
  } catch (problem) {
    if (problem.status !== 401 || !tokens) throw problem;
    await renew();
    return send(method, path, { ...options, token: tokens.access_token });
  }
}

/** A token that is good for a while yet. */
export async function accessToken() {
  if (!tokens) throw new Problem({ status: 401, detail: "Sign in first." });
  if (renewal || Date.now() > tokens.ends_at - 5_000) await renew();
  return tokens.access_token;
}

/** Get new tokens; calls at the same time share one renewal. */
export function renew() {
  renewal ??= exchange().finally(() => (renewal = null));
  return renewal;
}

async function exchange() {
  const before = tokens;
  try {
    const fresh = await renewed(before, (refresh_token) =>
      send("POST", "/api/auth/refresh/", {
        body: { refresh_token },
        signal: AbortSignal.timeout(RENEWAL_TIMEOUT),
      }),
    );
    if (tokens === before) keep(fresh);
  } catch (problem) {
    const isRefused = problem.status === 400 || problem.status === 401;
    if (isRefused && tokens === before) {
      await ended("Your session has ended. Please sign in again.");
    } else if (tokens) {
      renewLater(RETRY_RENEWAL_AFTER);
    }
    throw problem;
  }
}

function keep(fresh) {
  sessionStorage.setItem(KEY, JSON.stringify(fresh));
  tokens = fresh;
  const early = tokens.expires_in * 1000 * RENEW_EARLY;
  renewLater(tokens.ends_at - early - Date.now());
  events.dispatchEvent(new Event("renewed"));
}

/** Forget the tokens: the session has ended. */
export async function forget() {
  const ended = tokens;
  tokens = null;
  clearTimeout(timer);
  sessionStorage.removeItem(KEY);
  if (ended) await forgotten(ended);
}

/** Forget the session, which the server has ended, and say why. */
export async function ended(detail) {
  await forget();
  events.dispatchEvent(new CustomEvent("ended", { detail }));
}

function renewLater(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(() => renew().catch(() => {}), Math.max(milliseconds, 1000));
}

if (tokens) keep(tokens);

async function send(method, path, { body, headers = {}, token, signal } = {}) {
  const all = { Accept: "application/json", ...headers };
  if (token) all.Authorization = `Bearer ${token}`;
  if (body) all["Content-Type"] = "application/json";
  let response, text;
  try {
    response = await fetch(path, {
      method,
      headers: all,
      body: body && JSON.stringify(body),
      signal,
    });
    text = await response.text();
  } catch {
    throw new Problem({ status: 0, detail: "The server cannot be reached. Please try again." });
  }
  const isJson = response.headers.get("Content-Type")?.includes("json");
  const answer = isJson && text ? JSON.parse(text) : null;
  if (!response.ok) throw new Problem({ ...answer, status: response.status });
  return answer;
}
