import type { MetadataAnswer } from "../exchange.ts"
import type { BackendFetch } from "./backend-fetch.ts"
import type { Hosts } from "../../projections/hosts.ts"
import type { ResourceProxy } from "../../projections/resource.ts"
import { isUsableDocument } from "./backend-document.ts"

/** Puts the metadata documents of backends in place of ours where `mcp_override_backend` is off. */
export interface BackendMetadata {
  /**
   * @param ours what Gatehouse would answer
   * @returns a promise only when the backend was not asked yet; it does not reject
   */
  insteadOf(
    ours: MetadataAnswer,
    proxy: ResourceProxy,
    method: string,
    path: string,
  ): MetadataAnswer | Promise<MetadataAnswer>
}

/** What it works with. */
export interface BackendMetadataParts {
  readonly hosts: Hosts
  readonly fetch: BackendFetch
  readonly publicHttpsPort: number
  /** Monotonic milliseconds. */
  readonly now: () => number
}

interface Entry {
  readonly proxy: ResourceProxy
  /** Text of the backend's document; undefined when it has none that may be shown. */
  document: string | undefined
  askedAt: number
  running: Promise<void> | undefined
}

const wellKnown = "/.well-known/oauth-protected-resource"
const freshMs = 60_000
const mostEntries = 1000

/**
 * Asks a backend when somebody asks for the document: the first time the answer waits for it, at most two seconds, later what is
 * known is answered at once and asked for anew in the background. Requests for the backend itself never wait.
 */
export function backendMetadata({ hosts, fetch, publicHttpsPort, now }: BackendMetadataParts): BackendMetadata {
  const entries = new Map<string, Entry>()

  async function ask(entry: Entry, path: string): Promise<void> {
    const { proxy } = entry
    const destination = hosts.get(proxy.hostname)?.destination
    const name = publicHttpsPort === 443 ? proxy.hostname : `${proxy.hostname}:${publicHttpsPort}`
    const body =
      destination === undefined || typeof destination === "string"
        ? undefined
        : await fetch(destination, path, proxy.preserve_host_header ? name : destination.target.authority)
    const usable = body !== undefined && isUsableDocument(body, proxy, publicHttpsPort)
    entry.document = usable ? body.toString("utf8") : undefined
    entry.askedAt = now()
    entry.running = undefined
  }

  function entryOf(proxy: ResourceProxy, path: string): Entry {
    const key = `${proxy.hostname} ${path}`
    const known = entries.get(key)
    if (known?.proxy === proxy) return known
    const entry: Entry = { proxy, document: undefined, askedAt: -Infinity, running: undefined }
    if (entries.size >= mostEntries) entries.clear()
    entries.set(key, entry)
    return entry
  }

  return {
    insteadOf(ours, proxy, method, path) {
      const { mcp } = proxy
      if (mcp?.mcp_enabled !== true || mcp.mcp_override_backend || ours.status !== 200) return ours
      if ((method !== "GET" && method !== "HEAD") || !path.startsWith(wellKnown)) return ours
      const entry = entryOf(proxy, path)
      const answer = (): MetadataAnswer =>
        entry.document === undefined ? ours : { ...ours, body: method === "HEAD" ? "" : entry.document }
      const first = entry.askedAt === -Infinity
      if (entry.running === undefined && now() - entry.askedAt > freshMs) entry.running = ask(entry, path)
      return first && entry.running !== undefined ? entry.running.then(answer) : answer()
    },
  }
}
