/** Positions or numbers from one to another, both included; empty when `to` is below `from`. */
export interface Range {
  readonly from: number
  readonly to: number
}

type Order = "asc" | "desc"

/** The end of a range where an answer in this order begins. @param limit how much of it is looked at */
export function searchable({ from, to }: Range, order: Order, limit: number): Range {
  return order === "asc" ? { from, to: Math.min(to, from + limit - 1) } : { from: Math.max(from, to - limit + 1), to }
}

/** The page of a range where every number stands for a row. @param skip rows before it */
export function pageOf({ from, to }: Range, order: Order, skip: number, perPage: number): Range {
  const length = Math.max(0, Math.min(perPage, to - from + 1 - skip))
  const first = order === "asc" ? from + skip : to - skip - length + 1
  return { from: first, to: first + length - 1 }
}

/** A range in pieces of a size, in this order. */
export function* blocks({ from, to }: Range, order: Order, size: number): Generator<Range> {
  if (order === "asc") for (let at = from; at <= to; at += size) yield { from: at, to: Math.min(to, at + size - 1) }
  else for (let at = to; at >= from; at -= size) yield { from: Math.max(from, at - size + 1), to: at }
}
