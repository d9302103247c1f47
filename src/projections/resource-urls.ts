import { type ResourceProxy, resourceIdentity } from "./resource.ts"

/** Path of protected resource metadata (RFC 9728 §3). */
export const wellKnown = "/.well-known/oauth-protected-resource"

/** Where the two metadata documents of a proxy are (RFC 9728 §3.1). The same address twice when the endpoint is `/`. */
export interface MetadataUrls {
  /** Document about the origin form. */
  readonly root: string
  /** Document about the canonical form; its path is inserted after the well-known name. */
  readonly canonical: string
}

/** Addresses of a proxy's metadata documents; the registry may name another for the canonical form. */
export function metadataUrls(
  proxy: Pick<ResourceProxy, "hostname" | "mcp" | "resources">,
  publicHttpsPort: number,
): MetadataUrls {
  const { origin, canonical } = resourceIdentity(proxy, publicHttpsPort)
  const chosen = proxy.resources.find(({ uri }) => uri === canonical)?.metadata_url ?? null
  return { root: origin + wellKnown, canonical: chosen ?? origin + wellKnown + canonical.slice(origin.length) }
}
