/** What is looked at of a finished request. */
export interface UsedRequest {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly client: string
  readonly status: number
  readonly proxy: string | null
  readonly client_id: string | null
  readonly grant_id: string | null
  readonly token_id: string | null
  readonly reason: string | null
}

/** Something that requests are made with. */
export type UsedKind = "grant" | "token" | "client"

/** Requests of one batch that were made with one thing. */
export interface Use {
  readonly kind: UsedKind
  readonly id: string
  requests: number
  /** Time of the newest, milliseconds since the epoch. */
  last: number
  /** When each host (`host:…`) and client address (`from:…`) was last seen. */
  readonly labels: Map<string, number>
}

/** Requests added up by what they were made with. */
export interface UsageTally {
  add(requests: readonly UsedRequest[]): void
  /** Everything that was used. */
  uses(): Iterable<Use>
  /** For each proxy: requests that its guard let pass with an identity, and those that it refused for what they brought. */
  readonly outcomes: ReadonlyMap<string, Readonly<Record<string, number>>>
}

/** Counted for each proxy (`proxy:<host>`): requests that passed with an identity, and those refused for what they brought. */
export const admitted = "proxy.admitted"
export const refused = "proxy.refused"

/** Refusals that are no failure of anybody's: a client that begins without a token, a browser that asks first. */
const beginnings: ReadonlySet<string> = new Set(["no_credential", "preflight", "origin_not_allowed"])

/** Tokens that are told apart; requests with further ones still count for their grant and client. */
const mostTokens = 20_000

/** What was done with one token, or with one grant where the request had no token of its own. */
interface Line {
  readonly grant: string
  /** Null for a browser session, which is counted as a grant is. */
  readonly client: string | null
  readonly token: string | null
  requests: number
  last: number
  readonly hosts: Map<string, number>
  readonly addresses: Map<string, number>
}

/** An empty tally. Each request costs a few look-ups: everything that makes text is left to {@link UsageTally.uses}. */
export function usageTally(): UsageTally {
  const lines = new Map<string, Line>()
  const outcomes = new Map<string, Record<string, number>>()

  function see(request: UsedRequest, grant: string, client: string | null): void {
    const { at, proxy, token_id } = request
    const token = token_id === null || (lines.size >= mostTokens && !lines.has(token_id)) ? null : token_id
    const name = token ?? `grant ${grant}`
    let line = lines.get(name)
    if (line === undefined)
      lines.set(name, (line = { grant, client, token, requests: 0, last: 0, hosts: new Map(), addresses: new Map() }))
    line.requests += 1
    if (at > line.last) line.last = at
    if (proxy !== null) later(line.hosts, proxy, at)
    later(line.addresses, request.client, at)
  }

  return {
    outcomes,
    add(requests) {
      for (const request of requests) {
        const { grant_id, client_id, token_id, proxy } = request
        // On the OAuth host, without a token, a grant is made and asked about, not used.
        if (grant_id !== null && (proxy !== null || token_id !== null)) see(request, grant_id, client_id)
        const outcome = outcomeOf(request)
        if (proxy === null || outcome === undefined) continue
        const counted = outcomes.get(proxy) ?? {}
        if (counted[outcome] === undefined) outcomes.set(proxy, counted)
        counted[outcome] = (counted[outcome] ?? 0) + 1
      }
    },
    *uses() {
      const uses = new Map<string, Use>()
      for (const line of lines.values()) {
        addTo(uses, "grant", line.grant, line)
        if (line.client !== null) addTo(uses, "client", line.client, line)
        if (line.token !== null) addTo(uses, "token", line.token, line)
      }
      yield* uses.values()
    },
  }
}

function later(seen: Map<string, number>, label: string, at: number): void {
  const known = seen.get(label)
  if (known === undefined || known < at) seen.set(label, at)
}

function addTo(uses: Map<string, Use>, kind: UsedKind, id: string, line: Line): void {
  const name = `${kind}:${id}`
  const use = uses.get(name) ?? { kind, id, requests: 0, last: 0, labels: new Map<string, number>() }
  uses.set(name, use)
  use.requests += line.requests
  use.last = Math.max(use.last, line.last)
  for (const [host, at] of line.hosts) later(use.labels, `host:${host}`, at)
  for (const [address, at] of line.addresses) later(use.labels, `from:${address}`, at)
}

function outcomeOf({ grant_id, status, reason }: UsedRequest): string | undefined {
  if (grant_id !== null) return admitted
  if ((status === 401 || status === 403) && reason !== null && !beginnings.has(reason)) return refused
  return undefined
}
