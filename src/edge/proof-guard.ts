import { type ProofFault, checkProof } from "../projections/dpop-proof.ts"
import { type ProofNonces, proofLife } from "../projections/dpop-nonce.ts"

/** A request that comes with a token bound to a key. */
export interface ProvenRequest {
  readonly method: string
  /** URL as the client sees it, without query. */
  readonly url: string
  readonly token: string
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
 * go on while that is away. Two spans of time are remembered, as long as a proof can be good.
 * @param now milliseconds since the epoch
 * @param nonces where proofs must carry one
 * @param most proofs of one span; beyond them none can be told from a repeated one
 */
export function proofGuard(
  now: () => number,
  nonces?: ProofNonces,
  most = 250_000,
): (request: ProvenRequest) => PossessionFault | UsedProof {
  const spanMs = proofLife(nonces !== undefined)
  let young = new Set<string>()
  let old = new Set<string>()
  let since = now()

  function remember(id: string): PossessionFault | UsedProof {
    if (now() - since >= spanMs) {
      old = now() - since >= 2 * spanMs ? new Set() : young
      young = new Set()
      since = now()
    }
    if (young.has(id) || old.has(id)) return "proof_replayed"
    if (young.size >= most) return "proofs_too_many"
    young.add(id)
    return { id }
  }

  return ({ method, url, token, confirmation, proof: text }) => {
    if (text === undefined) return "proof_missing"
    const proof = checkProof(text, { method, url, token, now: now(), nonces })
    if (typeof proof === "string") return proof
    if (proof.jkt !== (confirmation as { jkt?: unknown } | null)?.jkt) return "proof_key"
    return remember(`${proof.jkt}\n${proof.jti}`)
  }
}
