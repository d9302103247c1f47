import { type ApiAnswer, api } from "../support/gatehouse.ts"
import { conforming } from "../api/running-api.ts"
import { endpoints } from "../../src/api/endpoint-table.ts"
import { expect } from "vitest"
import { recipes } from "../../src/cli/recipe-table.ts"
import { run } from "../../src/cli/run.ts"
import { handedOver } from "./just.ts"
import { setTimeout as pause } from "node:timers/promises"
import type { System } from "./system.ts"

/** Any JSON object. */
export type Json = Record<string, any> // oxlint-disable-line typescript/no-explicit-any

export interface Sending {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
  /** Whose token; the administrator's by default, nobody's as `null`. */
  readonly token?: string | null
}

/** What happened to each entry of the lists: it was used for what it is there for, and it refused something. */
export interface Recorded {
  readonly used: Set<string>
  readonly refused: Set<string>
}

/** Uses of the surface of one system; every use is asserted before it is recorded. */
export interface Uses extends Recorded {
  /** A call that must be answered with `status`, in the form of its schema. @param entry `GET /api/v1/tokens/{name}` */
  call(entry: string, status: number, sending?: Sending): Promise<ApiAnswer<Json>>
  /** A call that must be refused with this code. */
  refuse(entry: string, status: number, code: string, sending?: Sending): Promise<Json>
  /** A recipe that must end with 0. @returns what it printed, as JSON when it is some */
  recipe(name: string, args?: readonly string[]): Promise<Json>
  /** A recipe that must end with `exit` and say why. */
  fail(
    name: string,
    args: readonly string[],
    exit: number,
    error: RegExp,
    env?: Record<string, string>,
  ): Promise<string>
}

/** The walk is quicker than an address may be: it waits and asks again, as a client does. */
async function patient<Answer>(ask: () => Promise<Answer>, limited: (answer: Answer) => boolean): Promise<Answer> {
  const answer = await ask()
  if (!limited(answer)) return answer
  await pause(1000)
  return patient(ask, limited)
}

export function usesOf(system: () => System): Uses {
  const recorded: Recorded = { used: new Set(), refused: new Set() }

  const sendOnce = (entry: string, { params = {}, query = "", body, headers, token }: Sending, slash = "") => {
    const [method, template] = entry.split(" ") as [string, string]
    const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name]!))
    const { node } = system()
    const who = token === undefined ? node.adminToken : (token ?? undefined)
    return api<Json>(node.apiPort, who, method, `${path}${slash}${query && `?${query}`}`, body, headers)
  }

  const send = (...sending: Parameters<typeof sendOnce>) =>
    patient(
      () => sendOnce(...sending),
      ({ status }) => status === 429,
    )

  const executeOnce = async (name: string, args: readonly string[], env: Record<string, string> = {}) => {
    expect(
      recipes.some((known) => known.name === name),
      name,
    ).toBe(true)
    const { node, env: own } = system()
    let [out, err] = ["", ""]
    const code = await run([name, ...handedOver(name, args)], {
      env: {
        API_PORT: String(node.apiPort),
        HTTPS_PORT: String(node.httpsPort),
        ADMIN_TOKEN: node.adminToken,
        ...own,
        ...env,
      },
      interactiveInput: false,
      interactiveOutput: false,
      write: (text) => void (out += text),
      error: (text) => void (err += text),
      ask: () => Promise.reject(new Error("nobody is there")),
    })
    return { code, out, err }
  }

  const execute = (...wanted: Parameters<typeof executeOnce>) =>
    patient(
      () => executeOnce(...wanted),
      ({ err }) => err.includes("Too many requests"),
    )

  return {
    ...recorded,
    async call(entry, status, sending = {}) {
      const endpoint = endpoints.find(({ method, path }) => `${method} ${path}` === entry)
      expect(endpoint, `${entry} is an endpoint`).toBeDefined()
      const answer = await send(entry, sending)
      expect(answer.status, `${entry}: ${JSON.stringify(answer.body)}`).toBe(status)
      if (status === 204) expect(answer.body, entry).toBe("")
      else conforming(endpoint!.operationId, answer.body)
      if (endpoint!.method === "GET") {
        // With a slash at its end it is the same, and no redirect.
        const again = await send(entry, sending, "/")
        expect(again.status, `${entry}/`).toBe(status)
      }
      if (status === 201) expect(answer.headers.get("location"), entry).toMatch(/^\/api\/v1\//)
      recorded.used.add(entry)
      return answer
    },
    async refuse(entry, status, code, sending = {}) {
      const { status: got, body, headers } = await send(entry, sending)
      expect([got, body["code"]], `${entry}: ${JSON.stringify(body)}`).toEqual([status, code])
      expect(headers.get("content-type"), entry).toContain("application/problem+json")
      expect(body, entry).toMatchObject({ status, title: expect.any(String), instance: expect.any(String) })
      recorded.refused.add(entry)
      return body
    },
    async recipe(name, args = []) {
      const { code, out, err } = await execute(name, args)
      expect(code, `${name} ${args.join(" ")}: ${err}`).toBe(0)
      recorded.used.add(name)
      return out.startsWith("{") ? (JSON.parse(out) as Json) : { text: out, err }
    },
    async fail(name, args, exit, error, env) {
      const { code, out, err } = await execute(name, args, env)
      expect([code, err], `${name} ${args.join(" ")}: ${out}`).toEqual([exit, expect.stringMatching(error)])
      recorded.refused.add(name)
      return out
    },
  }
}
