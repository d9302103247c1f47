import { type BodyFilter, jsonFilter } from "./body-filter.ts"
import type { ResponseHead } from "../response-parser.ts"
import type { Hides } from "./list-filter.ts"
import type { Hold } from "./held-bytes.ts"
import { eventFilter } from "./event-filter.ts"

/** Fields that say something about the bytes of a body that was changed. */
const aboutBytes = new Set([
  "content-length",
  "content-md5",
  "digest",
  "content-digest",
  "repr-digest",
  "etag",
  "accept-ranges",
])

/** Filter for the body of an answer. @returns undefined when it is coded and cannot be looked into */
export function filterFor(head: ResponseHead, hides: Hides, hold: Hold): BodyFilter | undefined {
  if (isCoded(head)) return undefined
  return head.eventStream ? eventFilter(hides, hold) : jsonFilter(hides, hold)
}

/** Is this an event stream of unknown length into which comments can be put? */
export function takesComments(head: ResponseHead): boolean {
  return head.eventStream && typeof head.end !== "number" && !isCoded(head)
}

function isCoded({ headers }: ResponseHead): boolean {
  return headers.some(
    (value, at) =>
      at % 2 === 1 && headers[at - 1]!.toLowerCase() === "content-encoding" && value.toLowerCase() !== "identity",
  )
}

/** Headers without those that describe the body byte by byte. */
export function withoutBytes(headers: readonly string[]): readonly string[] {
  return headers.filter((_, at) => !aboutBytes.has(headers[at - (at % 2)]!.toLowerCase()))
}

/** Headers with every value of one changed, or left out where the change gives undefined. @param lowerName lower case */
export function withChanged(
  headers: readonly string[],
  lowerName: string,
  change: (value: string) => string | undefined,
): readonly string[] {
  if (!headers.some((name, at) => at % 2 === 0 && name.length === lowerName.length && name.toLowerCase() === lowerName))
    return headers
  const out: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    const value = headers[at]!.toLowerCase() === lowerName ? change(headers[at + 1]!) : headers[at + 1]!
    if (value !== undefined) out.push(headers[at]!, value)
  }
  return out
}
