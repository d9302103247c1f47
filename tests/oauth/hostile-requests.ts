import { fc } from "../support/property.ts"
import type { Answer } from "./oauth-node.ts"
import { expect } from "vitest"

/** What must never come back as it is: markup, a header's end, a script's address. */
const marks = ["<gh-mark>", '"gh-mark=', "'gh-mark=", "\r\ngh-mark: 1", "javascript:gh-mark", "</script><gh-mark>"]

const foreign = [
  "https://evil.example/",
  "//evil.example",
  "https:\\\\evil.example",
  "https://auth.localhost:8443@evil.example/",
]

const odd = fc.oneof(
  fc.constantFrom(...marks),
  fc.constantFrom(...foreign),
  fc.constantFrom(
    "",
    " ",
    "null",
    "undefined",
    "[object Object]",
    "__proto__",
    "constructor",
    "0",
    "-1",
    "1e999",
    "true",
  ),
  fc.constantFrom(
    "\u0000",
    "\ufeff",
    "\ud800",
    "é".repeat(300),
    "a".repeat(3000),
    "%",
    "%00",
    "%ff",
    "../",
    "a.b.c",
    "e30.e30.",
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
)

/** A parameter's value: good ones as they are, torn or doubled, and odd ones. */
const valueOf = (good: readonly string[]) =>
  good.length === 0
    ? odd
    : fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom(...good) },
        { weight: 3, arbitrary: odd },
        { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...good), odd).map(([a, b]) => a + b) },
        { weight: 1, arbitrary: fc.constantFrom(...good).map((text) => text.slice(0, -1)) },
      )

/** Names and good values of parameters. @returns lists of pairs; names may come twice, and some are nobody's */
export const parametersOf = (known: Readonly<Record<string, readonly string[]>>) =>
  fc
    .array(
      fc.oneof(
        {
          weight: 9,
          arbitrary: fc
            .constantFrom(...Object.keys(known))
            .chain((name) => valueOf(known[name]!).map((value) => [name, value] as const)),
        },
        {
          weight: 1,
          arbitrary: fc.tuple(fc.constantFrom("__proto__", "constructor", "client_id[]", "x", ...marks), odd),
        },
      ),
      { maxLength: 10 },
    )
    .map((pairs) => {
      // Mostly a request that is whole but for a few parameters: what is only odd gets no further than the first check.
      const whole = Object.entries(known).flatMap(([name, [first]]) =>
        first === undefined ? [] : [[name, first] as const],
      )
      return pairs.length % 3 === 0
        ? pairs
        : [...whole.filter(([name]) => pairs.every(([other]) => other !== name)), ...pairs]
    })

export type Pairs = readonly (readonly [string, string])[]

export const queryOf = (pairs: Pairs): string =>
  new URLSearchParams(pairs.map(([name, value]) => [name, value] as [string, string])).toString()

/** Form, JSON with lists for what comes twice, or nothing that can be read. */
export function bodyOf(pairs: Pairs, kind: "form" | "json" | "torn"): { body: string; type: string } {
  const form = queryOf(pairs)
  if (kind === "form") return { body: form, type: "application/x-www-form-urlencoded" }
  const object = Object.fromEntries(
    pairs.map(([name, value], index) => [name, index % 4 === 3 ? [value] : index % 5 === 4 ? { value } : value]),
  )
  const text = JSON.stringify(object)
  return kind === "json"
    ? { body: text, type: "application/json" }
    : { body: `${text.slice(0, -1)}%zz&${form}=%`, type: text.length % 2 === 0 ? "application/json" : "text/plain" }
}

/** What an answer may be, whatever was asked. */
export function expectHarmless(answer: Answer, allowed: readonly string[]): void {
  expect(answer.status, answer.text).toBeLessThan(500)
  const headers = JSON.stringify(answer.headers)
  expect(answer.headers["gh-mark"]).toBeUndefined()
  expect(answer.headers["x-content-type-options"], headers).toBe("nosniff")
  expect(answer.headers["referrer-policy"], headers).toBe("no-referrer")
  const type = answer.headers["content-type"] ?? ""
  if (answer.status >= 300 && answer.status < 400) {
    expect([302, 303]).toContain(answer.status)
    const target = answer.location!
    const free = ["http:", "https:"].includes(target.protocol) ? target.origin : target.protocol
    expect(allowed, `sent to ${target.href}`).toContain(free)
  }
  if (type.startsWith("text/html")) expectInert(answer)
  if (type.includes("json") && answer.status >= 400) expectErrorShape(answer)
}

function expectInert({ text, headers }: Answer): void {
  expect(text).not.toMatch(/<gh-mark|"gh-mark|'gh-mark|<script/i)
  expect(text).not.toMatch(/(?:href|src|action)="\s*(?:javascript|data|vbscript):/i)
  expect(text).not.toMatch(/(?:href|src|action)="[^"]*evil\.example/i)
  const policy = String(headers["content-security-policy"])
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toMatch(/evil\.example|unsafe-eval|script-src/)
  expect(headers["cache-control"]).toContain("no-store")
}

/** RFC 6749 §5.2: the characters that `error` and `error_description` may have, and nothing of the request in them. */
function expectErrorShape({ text, headers, status }: Answer): void {
  const body = JSON.parse(text) as Record<string, unknown>
  if (String(headers["content-type"]).includes("problem+json")) return expect([404, 405]).toContain(status)
  expect(body["error"]).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
  expect(body["error_description"]).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/)
  expect(text).not.toMatch(/gh-mark|evil\.example/)
  expect(headers["cache-control"]).toContain("no-store")
}
