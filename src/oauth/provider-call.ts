import { reason } from "../platform/log.ts"

/** A login that an identity provider did not prove. Never a success, whatever the cause. */
export class ProviderError extends Error {
  override name = "ProviderError"
  /** Why; stable, for the log: `<provider>_<what>`. */
  readonly fault: string

  constructor(fault: string, detail: string) {
    super(detail)
    this.fault = fault
  }
}

const deadlineMs = 10_000
const mostBytes = 1_048_576

/** What a provider answered. */
export interface ProviderAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/**
 * One call to an identity provider: ten seconds, no redirects, one more attempt when no connection came about, for then nothing
 * was sent.
 * @param provider prefix of the faults
 * @throws ProviderError
 */
export async function callProvider(
  call: typeof fetch,
  provider: string,
  url: string,
  init: RequestInit,
): Promise<ProviderAnswer> {
  const signal = AbortSignal.timeout(deadlineMs)
  const headers = { accept: "application/json", "user-agent": "gatehouse", ...(init.headers as Record<string, string>) }
  const ask = () => call(url, { ...init, headers, signal, redirect: "manual" })
  try {
    const response = await ask().catch((error: unknown) => {
      if (!neverConnected(error)) throw error
      return ask()
    })
    return { status: response.status, headers: response.headers, text: await boundedText(provider, response) }
  } catch (error) {
    if (error instanceof ProviderError) throw error
    const timedOut = error instanceof DOMException && error.name === "TimeoutError"
    throw timedOut
      ? new ProviderError(`${provider}_timeout`, "no answer in time")
      : new ProviderError(`${provider}_unreachable`, reason(error))
  }
}

async function boundedText(provider: string, response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > mostBytes) throw new ProviderError(`${provider}_malformed`, "the answer is too large")
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString("utf8")
}

/** The answer's JSON. @throws ProviderError */
export function providerJson(provider: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new ProviderError(`${provider}_malformed`, "the answer is not JSON")
  }
}

function neverConnected(error: unknown): boolean {
  const code = (error as { cause?: { code?: unknown } } | null)?.cause?.code
  return typeof code === "string" && /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT)$/.test(code)
}
