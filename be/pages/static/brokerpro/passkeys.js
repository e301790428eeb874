// Passkeys: the API's options become a question of the browser, and its answer JSON for the API.

/** Whether this browser can make and use passkeys; it can't on a page without TLS, or of a number. */
export const available = () => Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON);

/** A new passkey, from the options of `factors/passkeys/options/`. Throws what people may read. */
export const create = (options) => ask(async () => {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return navigator.credentials.create({ publicKey });
});

/** A passkey's answer, from the options of `login/passkey/options/` or `step-up/passkey/options/`. */
export const get = (options) => ask(async () => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return navigator.credentials.get({ publicKey });
});

const EXPLAINED = {
  InvalidStateError: "This device has a passkey for this account already.",
  NotAllowedError: "No passkey was used: it was canceled, or took too long.",
  SecurityError: "Passkeys don't work at this address. Open the page by the server's own name.",
};

async function ask(question) {
  try {
    return (await question()).toJSON();
  } catch (error) {
    throw new Error(EXPLAINED[error.name] ?? `The passkey could not be used (${error.name}).`);
  }
}
