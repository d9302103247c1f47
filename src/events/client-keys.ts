/** Members of a JWK that only its owner may have (RFC 7518 §6.2.2, §6.3.2, §6.4.1). */
const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
const kinds = new Set(["RSA", "EC", "OKP"])
const most = 10

/** What is wrong with the key set that a client names as its own (RFC 7591 §2), in words; undefined when it is usable. */
export function clientKeysProblem(jwks: unknown): string | undefined {
  const keys = (jwks as { keys?: unknown } | null)?.keys
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > most) return `jwks must hold one to ${most} keys`
  for (const key of keys as unknown[]) {
    if (key === null || typeof key !== "object" || Array.isArray(key)) return "a key must be a JSON object"
    if (!kinds.has((key as { kty?: string }).kty ?? "")) return "a key must be an RSA, EC or OKP key"
    if (privateMembers.some((member) => member in key)) return "a key must be a public one"
  }
  return undefined
}
