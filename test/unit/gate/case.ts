/** A promise, what is the case, and what the decision holds then. */
export type Case = [promise: string, facts: Record<string, unknown>, decision: Record<string, unknown>]
