// The account's section "E-mail".

import { $ } from "./dom.js";
import { ask, call, user } from "./session.js";

/** Fill the section, and show it. */
export async function show(section) {
  const { email, email_verified } = await call("GET", "/api/auth/me/");
  $("profile-email").textContent = email;
  $("profile-state").textContent = email_verified ? "verified" : "not verified yet";
  $("profile-state").className = email_verified ? "up" : "bad";
  $("profile-resend").hidden = email_verified;
  section.hidden = false;
}

function say(text, isBad = false) {
  $("profile-outcome").textContent = text;
  $("profile-outcome").classList.toggle("bad", isBad);
}

async function work(button, act) {
  button.disabled = true;
  try {
    say(await act());
  } catch (problem) {
    say(problem.message, true);
  } finally {
    button.disabled = false;
  }
}

function onSubmit(id, act) {
  $(id).addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    work(event.submitter, async () => {
      const said = await act(Object.fromEntries(new FormData(form)));
      form.reset();
      return said;
    });
  });
}

$("profile-resend").addEventListener("click", ({ currentTarget }) => work(currentTarget, async () => {
  await ask("email/resend/", { email: user().email });
  return "A mail is on its way. Open the link in it.";
}));
onSubmit("new-email", async (body) => {
  await call("POST", "/api/auth/email/", { body });
  return `A mail is on its way to ${body.email}. Once you open its link, that is your e-mail.`;
});
