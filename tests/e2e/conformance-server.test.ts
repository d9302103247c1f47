import { type FixtureServer, fixtureServer } from "../support/conformance/fixture-server.ts"
import { type Forwarder, forwarder } from "../support/conformance/forwarder.ts"
import { type ProtectedServer, protectedServer } from "../support/protected-server.ts"
import { type Check, type SuiteResult, comparison, startSuite, tally } from "../support/conformance/suite.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

let fixture: FixtureServer
let gate: ProtectedServer
let front: Forwarder

beforeAll(async () => {
  fixture = await fixtureServer({ believing: true, hosts: ["mcp.localhost"] })
  gate = await protectedServer(new URL(fixture.url).origin)
  front = await forwarder(new URL(gate.url), gate.ca, await gate.accessToken())
})

afterAll(async () => {
  await front?.stop()
  await gate?.stop()
  await fixture?.stop()
})

/** Not part of a revision: the suite runs them to show what is there. */
const extension = /^tasks-/

const suite = (url: string, revision: string): Promise<SuiteResult> =>
  startSuite(["server", "--url", url, "--requirements", revision]).result

/** Both ways again, for each scenario that lost something: the suite has deadlines of a second, and machines are busy. */
async function again(revision: string, direct: Map<string, readonly Check[]>, through: Map<string, readonly Check[]>) {
  for (const scenario of new Set(lost(direct, through).map((line) => line.split(":")[0]!)))
    for (const [url, result] of [
      [fixture.url, direct],
      [front.url, through],
    ] as const) {
      const args = ["server", "--url", url, "--scenario", scenario, "--spec-version", revision]
      for (const [name, checks] of await startSuite(args).result) result.set(name, checks)
    }
}

/** Checks that pass at the server itself and not through Gatehouse. */
const lost = (direct: SuiteResult, through: SuiteResult) =>
  [...direct].flatMap(([scenario, checks]) => {
    const passed = (result: SuiteResult) =>
      (result.get(scenario) ?? []).filter(({ status }) => status === "SUCCESS").map(({ id, name }) => `${id} ${name}`)
    const there = passed(through)
    return [...new Set(passed(direct))]
      .filter((check) => !there.includes(check))
      .map((check) => `${scenario}: ${check}`)
      .concat(tally(through.get(scenario)).passed < tally(checks).passed ? [`${scenario}: fewer checks pass`] : [])
  })

describe.each(["2025-11-25", "2026-07-28"])("the official suite for %s", (revision) => {
  let direct: Map<string, readonly Check[]>
  let through: Map<string, readonly Check[]>

  beforeAll(async () => {
    direct = new Map(await suite(fixture.url, revision))
    through = new Map(await suite(front.url, revision))
    for (let attempt = 1; attempt <= 2 && lost(direct, through).length > 0; attempt += 1)
      await again(revision, direct, through)
    process.stdout.write(`\n${revision}\n${comparison(direct, through)}\n`)
  }, 120_000)

  it("passes every check of the server itself through Gatehouse too, with a token", () => {
    expect(lost(direct, through)).toEqual([])
    expect(new Set(through.keys())).toEqual(new Set(direct.keys()))
  })

  it("finds no fault in any scenario that the revision requires", () => {
    const faults = [...through]
      .filter(([scenario]) => !extension.test(scenario))
      .flatMap(([scenario, checks]) =>
        checks
          .filter(({ status }) => status === "FAILURE")
          .map(({ id, errorMessage }) => `${scenario} ${id}: ${errorMessage}`),
      )
    expect(faults).toEqual([])
  })
})
