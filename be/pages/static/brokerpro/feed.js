// The WebSocket: signs in, subscribes, and comes back by itself when the connection is lost.

const FIRST_RETRY = 500; // milliseconds
const LONGEST_RETRY = 20_000;
const SILENCE = 40_000; // the server says something at least every 15 seconds

/**
 * Open the feed and keep it open. `subscription` has `symbols` and `channels`; `accessToken` and
 * `renew` come from the session; `onState` hears "live" and "reconnecting", `onMessage` the rest.
 * Returns `close`, and `authenticate` that renews the socket's access in place.
 */
export function open({ subscription, accessToken, renew, onState, onMessage }) {
  let socket = null;
  let isSubscribed = false;
  let attempts = 0;
  let isClosed = false;
  let retryTimer = 0;
  let silenceTimer = 0;

  const send = (message) => socket.send(JSON.stringify(message));

  async function connect() {
    clearTimeout(retryTimer);
    retryTimer = 0;
    let token;
    try {
      token = await accessToken();
    } catch {
      return retry();
    }
    if (isClosed) return undefined;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}/ws/market-data/`);
    socket.onopen = () => send({ type: "auth", token });
    socket.onmessage = ({ data }) => receive(JSON.parse(data));
    socket.onclose = ({ code }) => {
      clearTimeout(silenceTimer);
      if (code === 4401) renew().catch(() => {}); // the token, not the line, was at fault
      retry();
    };
    listenForSilence();
    return undefined;
  }

  function receive(message) {
    listenForSilence();
    if (message.type === "auth_success" && !isSubscribed) send({ type: "subscribe", ...subscription });
    if (message.type === "subscribed") {
      isSubscribed = true;
      attempts = 0;
      onState("live");
    }
    onMessage(message);
  }

  function retry() {
    if (isClosed) return;
    isSubscribed = false;
    onState("reconnecting");
    const wait = Math.min(FIRST_RETRY * 2 ** attempts, LONGEST_RETRY);
    attempts += 1;
    retryTimer = setTimeout(connect, wait * (0.5 + Math.random() / 2));
  }

  function listenForSilence() {
    clearTimeout(silenceTimer);
    const lost = socket;
    silenceTimer = setTimeout(() => {
      lost.onclose = null; // a dead line may take minutes to say that it is closed
      lost.close();
      retry();
    }, SILENCE);
  }

  function close() {
    isClosed = true;
    clearTimeout(retryTimer);
    clearTimeout(silenceTimer);
    socket?.close();
  }

  async function authenticate() {
    if (socket?.readyState === WebSocket.OPEN) send({ type: "auth", token: await accessToken() });
  }

  window.addEventListener("online", () => {
    if (!isClosed && retryTimer) connect();
  });
  connect();
  return { close, authenticate };
}
