// Before the desk: signing in with all its stages, opening an account, and what links in mails do.
// A link is /verify/#token or /reset/#token: the token is taken out of the address bar at once.

import { $ } from "./dom.js";
import * as secondFactor from "./second_factor.js";
import * as session from "./session.js";

const PANELS = ["signing-in", "second-factor", "mailed", "forgot", "reset", "verify"];
const PANEL_OF_LINK = { "/verify/": "verify", "/reset/": "reset" };

let enter = null; // what main does once somebody is signed in
let mailed = ""; // the e-mail that was asked about
const link = takenLink();

/** Whether the page was opened by a link in a mail. */
export const hasLink = () => link !== null;

/** Listen; `onEntered` opens the desk, and may fail. */
export function start(onEntered) {
  enter = onEntered;
  if (link) show(link.panel); // signing in is what the page begins with
}

/** Read the link, and leave nothing of it in the address and the history. */
function takenLink() {
  const panel = PANEL_OF_LINK[location.pathname];
  if (!panel) return null;
  const token = location.hash.slice(1);
  history.replaceState(null, "", "/");
  return { panel, token };
}

function show(panel, text = "") {
  for (const id of PANELS) $(id).hidden = id !== panel;
  say(text);
  $(panel).querySelector("input:not([type=hidden])")?.focus();
}

function say(text, isBad = false) {
  $("entry-outcome").textContent = text;
  $("entry-outcome").classList.toggle("bad", isBad);
}

/** Work once at a time, and say what was refused. */
async function attempt(button, work) {
  button.disabled = true;
  say("");
  try {
    await work();
  } catch (problem) {
    say(problem.message, true);
  } finally {
    button.disabled = false;
  }
}

function onSubmit(id, work) {
  $(id).addEventListener("submit", (event) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.target));
    attempt(event.submitter ?? event.target.querySelector("button"), () => work(fields));
  });
}

function onClick(id, work) {
  $(id)?.addEventListener("click", ({ currentTarget }) => attempt(currentTarget, () => work(currentTarget)));
}

// Signing in --------------------------------------------------------------------------------------

/** Sign in by `work`, and open the desk, or ask for a second factor first. */
const signIn = (button, work) => attempt(button, async () => goOn(await work()));

async function goOn(missing) {
  if (!missing) return enter();
  secondFactor.ask(missing, signIn);
  show("second-factor");
}

async function logIn(fields) {
  try {
    await goOn(await session.logIn(fields));
  } catch (problem) {
    if (problem.code !== "email_not_verified") throw problem;
    showMailed(fields.email, "verification", problem.message);
  }
}

onSubmit("login", logIn);
onClick("demo", ({ dataset }) => logIn({ ...dataset }));
secondFactor.offer(signIn);

// Opening an account, and mails -------------------------------------------------------------------

onSubmit("register", async (fields) => {
  const missing = await session.register(fields);
  if (!missing) return enter();
  showMailed(fields.email, "verification", `We have sent a mail to ${fields.email}. Open the link in it, then sign in.`);
});

function showMailed(email, what, text) {
  mailed = email;
  $("resend").hidden = what !== "verification";
  $("mailed-text").textContent = text;
  show("mailed");
}

onClick("resend", async () => {
  await session.ask("email/resend/", { email: mailed });
  say("Sent once more. Look into your spam folder, too.");
});

onClick("forgot-password", () => {
  $("forgot").elements.email.value = $("login").elements.email.value;
  show("forgot");
});
onSubmit("forgot", async ({ email }) => {
  await session.ask("password/reset/", { email });
  showMailed(email, "reset", `If ${email} has an account, there is a mail on its way. Its link works for an hour.`);
});
for (const button of document.querySelectorAll(".to-sign-in")) {
  button.addEventListener("click", () => show("signing-in"));
}

// What links do -----------------------------------------------------------------------------------

onSubmit("reset", async ({ new_password }) => {
  await session.ask("password/reset/confirm/", { token: link.token, new_password });
  $("reset").reset();
  await session.forget(); // every session has ended
  show("signing-in", "Your password is changed. Sign in with it.");
});
onSubmit("verify", async () => {
  await session.ask("email/verify/", { token: link.token });
  if (session.user()) return enter();
  show("signing-in", "Your e-mail is verified. Now sign in.");
});
