import { generationCache } from "./generation-cache.ts"

/** What is remembered of a credential that was verified. */
export interface KnownCredential {
  /** As it was presented. */
  readonly text: string
}

/** Credentials that were verified, bounded; see {@link credentialCache}. */
export interface CredentialCache<Value extends KnownCredential> {
  get(text: string): Value | undefined
  set(value: Value): void
  delete(text: string): void
}

/** A signature's end: 384 bits that differ from token to token. */
const tailLength = 64

/**
 * Remembers signed tokens by the end of their signature and compares the rest: to look for one costs a tenth of what a digest of
 * the whole would, and two tokens of one end, which nobody can make, would only displace each other.
 * @param limit credentials per generation; twice as many at most
 */
export function credentialCache<Value extends KnownCredential>(limit: number): CredentialCache<Value> {
  const cache = generationCache<Value>(limit)
  return {
    get(text) {
      const known = cache.get(text.slice(-tailLength))
      return known?.text === text ? known : undefined
    },
    set: (value) => cache.set(value.text.slice(-tailLength), value),
    delete: (text) => cache.delete(text.slice(-tailLength)),
  }
}
