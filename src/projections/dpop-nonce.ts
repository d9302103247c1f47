import { createHmac, hkdfSync } from "node:crypto"

/** Nonces that proofs of possession must carry (RFC 9449 §8, §9). */
export interface ProofNonces {
  /** The one to hand out now. */
  current(): string
  /** Was this one handed out a short while ago, by whatever node? */
  accepts(nonce: unknown): boolean
}

/** A new nonce is handed out this often, milliseconds. */
const slotMs = 60_000
/** How far the time that a proof says of itself may be away, either way, seconds. */
export const proofSkew = 300

/**
 * How long a used proof must be remembered, milliseconds.
 * @param nonces proofs must carry one: then they are good in its slot, the one before, and the one after
 */
export function proofLife(nonces: boolean): number {
  return nonces ? 3 * slotMs : 2 * proofSkew * 1000
}

/**
 * Nonces that every node of an installation can make and judge without asking anybody: a MAC over the minute, under a key derived
 * from the master key, so that nobody can make tomorrow's today. Taken are those of this minute, of the one before, and of the one after, for
 * the clocks of nodes differ.
 * @param masterKey base64
 * @param now milliseconds since the epoch
 */
export function proofNonces(masterKey: string, now: () => number): ProofNonces {
  const key = Buffer.from(hkdfSync("sha256", Buffer.from(masterKey, "base64"), "", "gatehouse dpop nonce", 32))
  let slot = Number.NaN
  let near: readonly [string, string, string] = ["", "", ""]

  function ofNow(): typeof near {
    const found = Math.floor(now() / slotMs)
    if (found !== slot) {
      slot = found
      near = [nonce(key, slot - 1), nonce(key, slot), nonce(key, slot + 1)]
    }
    return near
  }

  return {
    current: () => ofNow()[1],
    // No secret is compared: whoever asks is told the nonce.
    accepts: (text) => typeof text === "string" && text !== "" && ofNow().includes(text),
  }
}

function nonce(key: Buffer, slot: number): string {
  return createHmac("sha256", key).update(`${slot}`).digest("base64url").slice(0, 22)
}
