import { GatehouseError } from "../errors.ts"
import type { H3Event } from "h3"

/** A request of the router's, or one that was made by hand. */
type JsonRequest = Pick<H3Event["req"], "headers" | "body" | "runtime">

const maxDepth = 32
const forbiddenKeys = new Set(["__proto__", "constructor", "prototype"])

/**
 * Body of a request as one JSON value, strictly: UTF-8 without a byte order mark, no duplicate or prototype keys, no lone
 * surrogates, no number beyond a double, at most 32 levels.
 * @param limit bytes; reading stops at the first byte beyond it
 * @returns undefined for an empty body
 * @throws GatehouseError `unsupported_media_type`, `payload_too_large`, `invalid_json`; `bad_request` when the client leaves before its end
 */
export async function jsonBody(request: JsonRequest, limit: number): Promise<unknown> {
  const bytes = await readBytes(request, limit)
  if (bytes.length === 0) return undefined
  if (!isJson(request.headers.get("content-type"))) throw new GatehouseError("unsupported_media_type")
  return parseJson(bytes)
}

function isJson(contentType: string | null): boolean {
  return contentType !== null && /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(contentType.trim())
}

/**
 * Bytes of a request's body.
 * @throws GatehouseError `payload_too_large` before anything beyond the limit is kept
 */
async function readBytes(request: JsonRequest, limit: number): Promise<Uint8Array> {
  const tooLarge = () => new GatehouseError("payload_too_large", `at most ${limit} bytes`)
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge()
  const body = bodyOf(request)
  if (body === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of body) {
      size += chunk.length
      if (size > limit) throw tooLarge()
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof GatehouseError) throw error
    throw new GatehouseError("bad_request", "the body did not arrive whole")
  }
  return Buffer.concat(chunks)
}

/** Body as it comes from the network: the web stream that h3 puts over it costs more than all that is done with a small one. */
function bodyOf(request: JsonRequest): AsyncIterable<Uint8Array> | null {
  const incoming = request.runtime?.node?.req
  if (incoming === undefined) return request.body as AsyncIterable<Uint8Array> | null
  // Left open at the limit: the connection still has to carry the refusal.
  return incoming.readableEnded ? null : incoming.iterator({ destroyOnReturn: false })
}

/** One JSON value from bytes, under the rules of {@link jsonBody}. @throws GatehouseError `invalid_json` */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decode(bytes)
  const value = parse(text)
  checkStructure(text)
  checkValue(value)
  return value
}

function invalid(detail: string): GatehouseError {
  return new GatehouseError("invalid_json", detail)
}

function decode(bytes: Uint8Array): string {
  let text: string
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) throw invalid("the body is not UTF-8")
    throw error
  }
  if (text.startsWith("\ufeff")) throw invalid("the body starts with a byte order mark")
  return text
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    // The parser's message quotes the body, which may hold a secret.
    if (error instanceof SyntaxError) throw invalid("the body is not JSON")
    throw error
  }
}

/** Depth and duplicate keys: what is lost once the text is a value. Sound only for text that is valid JSON. */
function checkStructure(text: string): void {
  const open: Set<string>[] = []
  let string: readonly [first: number, last: number] = [0, 0]
  const marks = /["{}[\]:]/g
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    const [token] = mark
    if (token === "{" || token === "[") open.push(new Set())
    else if (token === "}" || token === "]") open.pop()
    else if (token === ":") checkKey(JSON.parse(text.slice(...string)) as string, open.at(-1)!)
    else {
      string = [mark.index, endOfString(text, mark.index)]
      marks.lastIndex = string[1]
    }
    if (open.length > maxDepth) throw invalid(`more than ${maxDepth} levels`)
  }
}

/** Behind the string that begins at a quote. By hand: an expression with a choice inside runs out of stack in a long one. */
function endOfString(text: string, begin: number): number {
  for (let quote = text.indexOf('"', begin + 1); ; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0
    while (text[quote - 1 - slashes] === "\\") slashes += 1
    if (slashes % 2 === 0) return quote + 1
  }
}

function checkKey(key: string, seen: Set<string>): void {
  if (forbiddenKeys.has(key)) throw invalid(`the key ${key} is not allowed`)
  if (!key.isWellFormed()) throw invalid("a key holds a lone surrogate")
  if (seen.has(key)) throw invalid(`the key ${JSON.stringify(key.slice(0, 80))} stands twice`)
  seen.add(key)
}

function checkValue(value: unknown): void {
  if (typeof value === "string" && !value.isWellFormed()) throw invalid("a text holds a lone surrogate")
  if (typeof value === "number" && !Number.isFinite(value)) throw invalid("a number is out of range")
  if (value !== null && typeof value === "object") Object.values(value).forEach(checkValue)
}
