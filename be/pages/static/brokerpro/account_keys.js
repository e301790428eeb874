// The account's section "API keys".

/** Fill the section, and show it. */
export async function show() {}
