// One refresh of a session for all tabs. A refresh token works once, and a second use ends the
// session; but two tabs may hold the same one (a tab was duplicated, or an app keeps it where all of
// its tabs read it). So tabs take turns, and each looks for what the one before it has got.
//
//   const fresh = await renewed(tokens, (refresh_token) => …POST /api/auth/refresh/…);
//
// Web Locks keep the turns, and IndexedDB the newest tokens: unlike localStorage, what one tab has
// written there the next one reads. Where there are no Web Locks (plain HTTP on another host than
// localhost), the turn is a record in IndexedDB; where there is neither (Node), it is one process.

const NAME = "brokerpro.refresh";
const LEASE = 30_000; // a tab that is closed in its turn holds up the others for so long
const POLL = 100;

/**
 * Tokens of the same session that are newer than `tokens`: those that another tab has got meanwhile,
 * or else what `exchange(refresh_token)` answers. Each has `ends_at`, the end of its access in
 * milliseconds by this machine's clock. Rejects as `exchange` does.
 */
export function renewed(tokens, exchange) {
  const { sid } = claims(tokens.refresh_token);
  return inTurn(sid, async () => {
    const kept = await change("tokens", sid, (record) => record).catch(() => undefined);
    const newest = kept && isNewer(kept, tokens) ? kept : tokens;
    if (newest !== tokens && isFresh(newest)) return newest;
    const fresh = dated(await exchange(newest.refresh_token));
    // Kept before anybody goes on with them. If that fails they are good in this tab all the same.
    await change("tokens", sid, () => fresh).catch(() => {});
    return fresh;
  });
}

/** Forget the tokens of this session: it has ended. */
export async function forgotten({ refresh_token }) {
  await change("tokens", claims(refresh_token).sid, () => undefined).catch(() => {});
}

/** What the server answered, with the time when its access ends. */
export const dated = (answer) => ({ ...answer, ends_at: Date.now() + answer.expires_in * 1000 });

/** A token is a JWT: `sid` names its session, `iat` and `exp` are seconds of the server's clock. */
function claims(token) {
  const part = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(atob(part));
}

const isNewer = (one, other) =>
  one.refresh_token !== other.refresh_token &&
  claims(one.refresh_token).iat >= claims(other.refresh_token).iat;

/** Whether at least half of its life is left. */
const isFresh = ({ ends_at, expires_in }) => ends_at - Date.now() > expires_in * 500;

// Turns -------------------------------------------------------------------------------------------

let last = Promise.resolve(); // the turn before, in this tab

function inTurn(sid, act) {
  if (globalThis.navigator?.locks) return navigator.locks.request(`${NAME}.${sid}`, act);
  const turn = last.then(async () => {
    const isMine = await leased(sid);
    const ended = () => change("leases", sid, (held) => (isMine(held) ? undefined : held));
    return act().finally(() => ended().catch(() => {}));
  });
  last = turn.catch(() => {});
  return turn;
}

async function leased(sid) {
  const owner = Math.random();
  const isMine = (held) => held?.owner === owner;
  for (;;) {
    const now = Date.now();
    const mine = { owner, until: now + LEASE };
    const free = (other) => (other?.until > now ? other : mine);
    const held = await change("leases", sid, free).catch(() => mine);
    if (isMine(held)) return isMine;
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}

// What is kept ------------------------------------------------------------------------------------

const memory = new Map(); // where there is no IndexedDB
let opening = null;

/** Replace the record under `key` by `next(record)`, in one step among all tabs; undefined removes it. */
async function change(kind, key, next) {
  opening ??= opened();
  const database = await opening;
  if (!database) {
    const record = next(memory.get(kind + key));
    if (record !== undefined) memory.set(kind + key, record);
    else memory.delete(kind + key);
    return record;
  }
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(kind, "readwrite");
    const records = transaction.objectStore(kind);
    let record;
    records.get(key).onsuccess = ({ target }) => {
      record = next(target.result);
      if (record !== undefined) records.put(record, key);
      else records.delete(key);
    };
    if (kind === "tokens") removeExpired(records);
    transaction.oncomplete = () => resolve(record);
    transaction.onabort = () => reject(transaction.error);
  });
}

function removeExpired(records) {
  records.openCursor().onsuccess = ({ target: { result: cursor } }) => {
    if (!cursor) return;
    if (claims(cursor.value.refresh_token).exp * 1000 < Date.now()) cursor.delete();
    cursor.continue();
  };
}

function opened() {
  return new Promise((resolve) => {
    const request = globalThis.indexedDB?.open(NAME, 1);
    if (!request) return resolve(null);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("tokens");
      request.result.createObjectStore("leases");
    };
    request.onsuccess = () => {
      request.result.onclose = () => (opening = null);
      resolve(request.result);
    };
    request.onerror = () => resolve(null);
  }).catch(() => null); // a browser that is told to keep nothing throws
}
