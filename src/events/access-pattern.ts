const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
const domainForm = new RegExp(`^(?:${label}\\.)*${label}$`)
const localForm = /^[^\s@\p{Cc}]{1,64}$/u

/** An e-mail rule, read: anybody, one address, everybody at one domain, or everybody at the subdomains of one. */
export type EmailPattern =
  | { readonly type: "any" }
  | { readonly type: "address"; readonly local: string; readonly domain: string }
  | { readonly type: "domain"; readonly domain: string }
  | { readonly type: "subdomains"; readonly domain: string }

/**
 * Lower case of the letters A to Z only. Full case folding would make strangers equal: U+212A (Kelvin) becomes `k`,
 * and whoever may choose a name could take another's.
 */
export function foldAscii(value: string): string {
  return value.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** Local part and domain of an address, folded; undefined for what is no plain address (one `@`, a domain of labels). */
export function readAddress(address: string): { readonly local: string; readonly domain: string } | undefined {
  const [local, domain, ...more] = foldAscii(address).split("@")
  if (local === undefined || domain === undefined || more.length > 0) return undefined
  return localForm.test(local) && domain.length <= 253 && domainForm.test(domain) ? { local, domain } : undefined
}

/** Reads an e-mail rule: `*`, `a@example.com`, `*@example.com`, `*.example.com` or `*@*.example.com`; undefined for others. */
export function readEmailPattern(pattern: string): EmailPattern | undefined {
  if (pattern === "*") return { type: "any" }
  const wild = /^\*(@\*\.|@|\.)(.+)$/.exec(pattern)
  if (wild === null) {
    const address = pattern.includes("*") ? undefined : readAddress(pattern)
    return address && { type: "address", ...address }
  }
  const domain = foldAscii(wild[2]!)
  if (domain.length > 253 || !domainForm.test(domain)) return undefined
  return { type: wild[1] === "@" ? "domain" : "subdomains", domain }
}

/** What is wrong with an e-mail rule, in words for its author; undefined when it is usable. */
export function emailPatternError(pattern: string): string | undefined {
  if (readEmailPattern(pattern) !== undefined) return undefined
  return `${JSON.stringify(pattern.slice(0, 80))} is none of: an address, *@domain, *.domain, *@*.domain, *`
}
