// The account's section "Security".

/** Fill the section, and show it. */
export async function show() {}
