// The button of a form that takes a passkey in the place of a code. Its script is the first page's.

const found = document.currentScript.src;

document.addEventListener("DOMContentLoaded", async () => {
  const button = document.querySelector("[data-passkey]");
  if (!button) return;
  const passkeys = await import(new URL("../brokerpro/passkeys.js", found));
  button.hidden = !passkeys.available();
  button.addEventListener("click", () => use(button, passkeys));
});

async function use(button, passkeys) {
  const outcome = document.querySelector("[data-passkey-outcome]");
  outcome.textContent = "";
  try {
    const answer = await passkeys.get(await options());
    button.form.elements.passkey.value = JSON.stringify(answer);
    if (button.dataset.passkey === "send") button.form.submit();
    else outcome.textContent = "Your passkey is used with this form.";
  } catch (problem) {
    outcome.textContent = problem.message;
  }
}

/** What the browser needs to ask for any passkey of this site. */
async function options() {
  const response = await fetch("/api/auth/login/passkey/options/", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail);
  return answer.public_key;
}
