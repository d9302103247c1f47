/** Members of a JWK that only its owner may have (RFC 7518 §6.2.2, §6.3.2, §6.4.1). */
const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
const kinds = new Set(["RSA", "EC", "OKP"])
const most = 10

/** Base64url characters of 8192 bits, and of 32. */
const longestModulus = 1366
const longestExponent = 6

/**
 * Does it take long to verify a signature by this key? Whoever brings a key chooses how long: an RSA exponent as long as its modulus takes two
 * hundred times the work of the usual one.
 */
export function isCostlyKey({ kty, n, e }: Readonly<Record<string, unknown>>): boolean {
  const fits = (number: unknown, longest: number) => typeof number === "string" && number.length <= longest
  return kty === "RSA" && !(fits(n, longestModulus) && fits(e, longestExponent))
}

/** What is wrong with the key set that a client names as its own (RFC 7591 §2), in words; undefined when it is usable. */
export function clientKeysProblem(jwks: unknown): string | undefined {
  const keys = (jwks as { keys?: unknown } | null)?.keys
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > most) return `jwks must hold one to ${most} keys`
  for (const key of keys as unknown[]) {
    if (key === null || typeof key !== "object" || Array.isArray(key)) return "a key must be a JSON object"
    if (!kinds.has((key as { kty?: string }).kty ?? "")) return "a key must be an RSA, EC or OKP key"
    if (privateMembers.some((member) => member in key)) return "a key must be a public one"
    if (isCostlyKey({ ...key })) return "an RSA key must have at most 8192 bits, and an exponent of at most 32"
  }
  return undefined
}
