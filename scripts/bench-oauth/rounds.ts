import { type Issuer, type TokenRequest, browserOf, redemption } from "./issuer.ts"
import { cpuMicroseconds, cpuTimes } from "../bench/cpu-time.ts"
import { type Connection, connection } from "./connection.ts"

/** What a kind of token request cost in one round. */
export interface Cost {
  /** Answers a second. */
  readonly rate: number
  /** CPU microseconds of the server's process tree per request. */
  readonly cpu: number
  /** CPU microseconds of Redis per request. */
  readonly beside: number
}

/** One round of one issuer. */
export interface Round {
  readonly code: Cost
  readonly refresh: Cost
}

export interface RoundOptions {
  /** Codes of a round. */
  readonly codes: number
  /** Refreshes for each grant, one after the other. */
  readonly refreshes: number
  /** Token requests that are under way at once. */
  readonly inFlight: number
  /** Loopback address that all come from. */
  readonly address: string
  /** CPU microseconds of Redis since its start. */
  readonly redis: () => Promise<number>
}

interface Tokens {
  readonly refresh_token: string
}

/** Gets codes (not measured), redeems them, and refreshes what they gave. @throws Error for any answer that is not tokens */
export async function round(issuer: Issuer, options: RoundOptions): Promise<Round> {
  const browser = browserOf(issuer, options.address, 4)
  const clients = Array.from({ length: options.codes }, (_, index) => issuer.clients[index % issuer.clients.length]!)
  const requests = await pooled(clients, 4, (client) => redemption(issuer, browser, client))
  await browser.close()
  const program = connection(issuer.origin, options.address, options.inFlight)
  try {
    let grants: Tokens[] = []
    const code = await cost(issuer, options, requests.length, async () => {
      grants = await pooled(requests, options.inFlight, (request) => tokens(issuer, program, request))
    })
    const chains = grants.map(({ refresh_token }, index) => ({ refresh_token, client_id: clients[index]! }))
    const refresh = await cost(issuer, options, chains.length * options.refreshes, async () => {
      await pooled(chains, options.inFlight, async ({ client_id, refresh_token }) => {
        let current = refresh_token
        for (let count = 0; count < options.refreshes; count += 1)
          current = (await tokens(issuer, program, { grant_type: "refresh_token", client_id, refresh_token: current }))
            .refresh_token
      })
    })
    return { code, refresh }
  } finally {
    await program.close()
  }
}

async function tokens(issuer: Issuer, from: Connection, request: TokenRequest): Promise<Tokens> {
  const { status, text } = await from.post(issuer.paths.token, request)
  const answer = JSON.parse(text) as { access_token?: string; refresh_token?: string }
  if (status !== 200 || answer.refresh_token === undefined || answer.access_token?.split(".").length !== 3)
    throw new Error(`${issuer.id} answered ${status} to ${request["grant_type"]}: ${text.slice(0, 500)}`)
  return { refresh_token: answer.refresh_token }
}

async function cost(
  { programs }: Issuer,
  { redis }: RoundOptions,
  requests: number,
  work: () => Promise<void>,
): Promise<Cost> {
  const pids = programs.map(({ pid }) => pid)
  const beside = await redis()
  const cpu = cpuTimes(pids)
  const from = performance.now()
  await work()
  const elapsed = performance.now() - from
  const used = cpuMicroseconds(cpu, cpuTimes(pids))
  return { rate: (requests * 1000) / elapsed, cpu: used / requests, beside: ((await redis()) - beside) / requests }
}

/** Works on all items, so many at once. @returns results in the order of the items */
async function pooled<T, R>(items: readonly T[], atOnce: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const index = next
      next += 1
      results[index] = await work(items[index]!)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}
