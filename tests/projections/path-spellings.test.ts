import { cpuTime } from "../support/cpu-time.ts"
import { fc } from "../support/property.ts"
import { describe, expect, it } from "vitest"
import { canonicalTarget } from "../../src/projections/canonical-target.ts"
import { excludedPaths, isExcluded } from "../../src/projections/excluded-paths.ts"
import { isMcpEndpoint } from "../../src/projections/mcp-endpoint.ts"
import { openAuth, proxyWith } from "../support/access-tokens.ts"

/** What some server makes of a path before it looks it up: each step is done by some and not by others. */
const steps: readonly ((path: string) => string)[] = [
  (path) => decoded(path),
  (path) => decoded(decoded(path)),
  (path) => path.replaceAll("\\", "/"),
  (path) => path.replace(/;[^/]*/g, ""),
  (path) => path.replace(/\/{2,}/g, "/"),
  (path) => withoutDots(path),
  (path) => path.split(/[?#\0]/, 1)[0]!,
  (path) => path.trimEnd(),
]

function decoded(path: string): string {
  return path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function withoutDots(path: string): string {
  const out: string[] = []
  for (const segment of path.split("/"))
    if (segment === "..") out.pop()
    else if (segment !== ".") out.push(segment)
  return out.join("/").startsWith("/") ? out.join("/") : `/${out.join("/")}`
}

const piece = fc.constantFrom(
  ..."/public /mcp /admin /Public / // . .. /../ /./ ; ;x ;/../ \\ \\..\\ %2e %2E%2e %2f %5c %252e %252f %252e%252e/ %3b %253b".split(
    " ",
  ),
  ..."%6d %256d cp c%70 p %70ublic ? %3f %23 %00 %20 %09 %c0%ae . x".split(" "),
)
const target = fc
  .tuple(fc.constantFrom("/public", "/mcp", "/", "/x", "/%6dcp", "/%256dcp"), fc.array(piece, { maxLength: 5 }))
  .map(([start, rest]) => start + rest.join(""))
/** The steps of one server, in its order. */
const server = fc.shuffledSubarray([...steps])

describe("a path that is open", () => {
  const excluded = excludedPaths({ auth: { ...openAuth, auth_excluded_paths: ["/public"] } })

  it("is below the open one for every server, whatever it makes of it", () => {
    let open = 0
    fc.assert(
      fc.property(target, server, (raw, made) => {
        const path = canonicalTarget(raw)?.path
        if (path === undefined || !isExcluded(path, excluded)) return
        open += 1
        const seen = made.reduce((text, step) => step(text), path)
        expect(seen, raw).toMatch(/^\/public(?:\/|$)/)
      }),
      { numRuns: 20_000 },
    )
    expect(open).toBeGreaterThan(500)
  })
})

describe("a path that some server takes for the MCP endpoint", () => {
  const plain = proxyWith({}, { mcp_endpoint: "/mcp" })
  const judged = proxyWith({}, { mcp_endpoint: "/mcp", mcp_policy: { default: "deny", rules: [] } })

  it("is taken for it here too, or refused", () => {
    let met = 0
    fc.assert(
      fc.property(target, server, fc.boolean(), (raw, made, caseless) => {
        const path = canonicalTarget(raw)?.path
        if (path === undefined) return
        const seen = made.reduce((text, step) => step(text), path)
        const there = (caseless ? seen.toLowerCase() : seen).replace(/\/$/, "") === "/mcp"
        if (!there) return
        met += 1
        expect([raw, isMcpEndpoint(judged, path)]).toEqual([raw, true])
        expect([raw, isMcpEndpoint(plain, path)]).toEqual([raw, true])
      }),
      { numRuns: 20_000 },
    )
    expect(met).toBeGreaterThan(300)
  })
})

it("A path of blanks and slashes is judged in time in proportion to its length", () => {
  const proxy = proxyWith({}, { mcp_endpoint: "/mcp" })
  const path = `/a${"/%20".repeat(60_000)}x`
  expect(cpuTime(() => expect(isMcpEndpoint(proxy, path)).toBe(false))).toBeLessThan(2000)
})
