import { type ProofFault, checkProof } from "../projections/dpop-proof.ts"
import { type ProofNonces, proofLife } from "../projections/dpop-nonce.ts"
import { proofMemory } from "./proof-memory.ts"

/** A request that comes with a token bound to a key. */
export interface ProvenRequest {
  readonly method: string
  /** URL as the client sees it, without query. */
  readonly url: string
  readonly token: string
  /** `sub` of the token: keys and clients are had for the asking, accounts are not. */
  readonly account: string
  /** `cnf` of the token. */
  readonly confirmation: unknown
  /** Value of the `DPoP` header; undefined when it is absent or stands twice. */
  readonly proof: string | undefined
}

/** Why a request does not prove that it holds its token's key. */
export type PossessionFault = ProofFault | "proof_missing" | "proof_key" | "proof_replayed" | "proofs_too_many"

/** A proof that is good and was not used on this node before. */
export interface UsedProof {
  /** The same on every node. */
  readonly id: string
}

/**
 * Checks proofs of possession (RFC 9449 §7.1), each good once on this node: synchronous, and without the store, so that requests
 * go on while that is away.
 * @param now milliseconds since the epoch
 * @param nonces where proofs must carry one
 * @param most proofs that are remembered of one span; beyond its share of them an account's cannot be told from repeated ones
 */
export function proofGuard(
  now: () => number,
  nonces?: ProofNonces,
  most = 250_000,
): (request: ProvenRequest) => PossessionFault | UsedProof {
  const remember = proofMemory(proofLife(nonces !== undefined), most, now)

  return ({ method, url, token, account, confirmation, proof: text }) => {
    if (text === undefined) return "proof_missing"
    const proof = checkProof(text, { method, url, token, now: now(), nonces })
    if (typeof proof === "string") return proof
    if (proof.jkt !== (confirmation as { jkt?: unknown } | null)?.jkt) return "proof_key"
    const id = `${proof.jkt}\n${proof.jti}`
    switch (remember(account, id)) {
      case "new":
        return { id }
      case "replayed":
        return "proof_replayed"
      case "full":
        return "proofs_too_many"
    }
  }
}
