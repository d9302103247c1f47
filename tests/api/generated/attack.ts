import { type Request, requests } from "./requests.ts"
import { Ajv2020 } from "ajv/dist/2020.js"
import type { Endpoint } from "../../../src/api/endpoint.ts"
import { endpoints } from "../../../src/api/endpoint-table.ts"
import { Pool } from "undici"
import addFormats from "ajv-formats"
import { catalogue } from "../../../src/errors.ts"
import { fc, seed } from "../../support/property.ts"

export interface Given {
  readonly status: number
  readonly type: string
  readonly text: string
}

/** What is wrong with an answer. */
type Judge = (given: Given) => string | undefined

export interface Attack {
  /** How many requests, half of them as the schemas allow. */
  readonly count: number
  readonly token: () => string | undefined
  /** What is wrong with an answer for this caller, although its form is right. */
  readonly judge?: Judge
  /** Before every {@link batch} requests: puts back what earlier ones took away. */
  readonly restore?: () => Promise<void>
}

export interface Attacker {
  /** @throws Error that names the first request whose answer is not as the document has it */
  attack(endpoint: Endpoint, attack: Attack): Promise<void>
  close(): Promise<void>
}

const batch = 100
const atOnce = 10

/** Sends generated requests over connections that stay open. */
export async function attacker(port: number): Promise<Attacker> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: atOnce })
  const send = sender(pool)
  const open = await send({ method: "GET", path: "/api/v1/openapi.json", body: undefined, headers: {} }, undefined)
  const fault = judgeOf(JSON.parse(open.text) as OpenApi)
  // To make them takes as long as to send some dozens.
  const arbitraries = new Map(endpoints.map((one) => [one, [true, false].map((valid) => requests(one, valid))]))
  return {
    async attack(endpoint, { count, token, judge, restore }) {
      const half = Math.ceil(count / 2)
      const [good, bad] = arbitraries.get(endpoint)!.map((one) => fc.sample(one, { numRuns: half })) as [
        Request[],
        Request[],
      ]
      const sent = good.flatMap((request, index) => [request, bad[index]!])
      const one = async (request: Request) => {
        const given = await send(request, token())
        const wrong = fault(endpoint, given) ?? judge?.(given)
        if (wrong === undefined) return
        throw new Error(
          `${wrong}; seed ${seed}: ${JSON.stringify(request)} → ${given.status} ${given.text.slice(0, 500)}`,
        )
      }
      for (let at = 0; at < sent.length; at += atOnce) {
        if (at % batch === 0) await restore?.()
        await Promise.all(sent.slice(at, at + atOnce).map(one))
      }
    },
    close: () => pool.close(),
  }
}

const sender =
  (pool: Pool) =>
  async ({ method, path, body, headers }: Request, token: string | undefined): Promise<Given> => {
    const answer = await pool.request({
      method,
      path,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body }),
    })
    const type = String(answer.headers["content-type"] ?? "")
    if (!type.startsWith("text/event-stream"))
      return { status: answer.statusCode, type, text: await answer.body.text() }
    answer.body.on("error", () => undefined).destroy()
    return { status: answer.statusCode, type, text: "" }
  }

interface OpenApi {
  readonly paths: Record<string, Record<string, { readonly responses: Record<string, Described> }>>
}
interface Described {
  readonly description: string
  readonly content?: Record<string, { readonly schema?: object }>
}

const pointer = (...parts: readonly string[]) =>
  parts.map((part) => `/${encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))}`).join("")

/** Holds answers against the document that the API serves. */
function judgeOf(document: OpenApi): (endpoint: Endpoint, given: Given) => string | undefined {
  const ajv = new Ajv2020({ strictTypes: false, strictTuples: false })
  addFormats.default(ajv)
  ajv.addVocabulary(["openapi", "info", "servers", "security", "paths", "components"])
  ajv.addSchema({ ...document, $id: "openapi" })
  return (endpoint, { status, type, text }) => {
    const at = ["paths", endpoint.path, endpoint.method.toLowerCase(), "responses"] as const
    const { responses } = document.paths[endpoint.path]![at[2]]!
    if (status >= 400) return refusalFault({ status, type, text }, responses)
    const described = responses[status]
    if (described === undefined) return `the status ${status} is not in the document`
    if (status === 204) return text === "" ? undefined : "a body where there is none"
    if (described.content?.["application/json"] === undefined || !/json/.test(type)) return undefined
    const matches = ajv.getSchema(`openapi#${pointer(...at, String(status), "content", "application/json", "schema")}`)!
    return matches(JSON.parse(text)) ? undefined : `another form than the document's: ${ajv.errorsText(matches.errors)}`
  }
}

function refusalFault({ status, type, text }: Given, responses: Record<string, Described>): string | undefined {
  if (!type.startsWith("application/problem+json")) return `an error in ${type}`
  const { code, status: said } = JSON.parse(text) as { code: keyof typeof catalogue; status: number }
  // An odd path may lead to another place, or to none.
  if (["not_found", "method_not_allowed", "bad_request"].includes(code)) return undefined
  if (catalogue[code]?.status !== status || said !== status) return `${code} with status ${status}`
  if (status >= 500 && code !== "docker_unavailable") return `a failure: ${text}`
  return responses[status]?.description.includes(`\`${code}\``) === true ? undefined : `${code} is not in the document`
}
