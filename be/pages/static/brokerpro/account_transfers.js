// The account's section "Deposits and withdrawals".

/** Fill the section, and show it. */
export async function show() {}
