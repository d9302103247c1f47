import * as z from "zod"

/** Entries of one kind of a people rule. `null` = no rule of that kind, `[]` = nobody, `["*"]` = anybody signed in. */
export const peopleList = z.array(z.string().min(1).max(320)).max(1000).nullable()
