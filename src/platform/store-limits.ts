/** Most events of one read: 10 000 would stall Redis for 80 ms. */
export const pageSize = 1000

/** How long an outcome can be asked for, milliseconds: 24 hours, counted anew when the command is decided. */
export const outcomeLifetime = 86_400_000

/** Outcomes that the tail of all outcomes keeps, about. */
export const outcomesKept = 10_000
