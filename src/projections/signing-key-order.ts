import type { SigningKey } from "../events/signing-key.ts"

/** Keys that may sign by now, the one that does first: the newest, and of equal ones the first by name. */
export function activeKeys(keys: readonly SigningKey[], now: number): SigningKey[] {
  return keys
    .filter(({ activates_at }) => Date.parse(activates_at) <= now)
    .sort((a, b) => Date.parse(b.activates_at) - Date.parse(a.activates_at) || (a.kid < b.kid ? -1 : 1))
}

/** How long a key stays after it signed its last token, beyond the life of that token, milliseconds: clocks differ, and host cookies live this long. */
export const retirementMarginMs = 900_000

/**
 * Keys that signed before the present one and whose last token has expired.
 * @param afterMs how long after the change of keys a token of the former key may still be good, milliseconds
 */
export function supersededKeys(keys: readonly SigningKey[], now: number, afterMs: number): SigningKey[] {
  const [present, ...former] = activeKeys(keys, now)
  if (present === undefined || Date.parse(present.activates_at) + afterMs > now) return []
  return former
}
