// The account's section "Bank accounts".

/** Fill the section, and show it. */
export async function show() {}
