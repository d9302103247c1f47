import { type ProtectedServer, protectedServer } from "../support/protected-server.ts"
import { agent, browser } from "../support/browser.ts"
import { afterAll, beforeAll, expect, it } from "vitest"
import { startSuite, tally } from "../support/conformance/suite.ts"
import { fetch } from "undici"
import { foreignEnvironment } from "../support/foreign-program.ts"
import { freePort } from "../support/ports.ts"

let gate: ProtectedServer

beforeAll(async () => {
  gate = await protectedServer("http://127.0.0.1:9")
})

afterAll(() => gate?.stop())

/** Public, because the suite authenticates with no secret where a server also knows clients without one. */
async function registered(port: number): Promise<string> {
  const answer = await fetch(`${gate.issuer}/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      client_name: "Conformance suite",
      redirect_uris: [`http://127.0.0.1:${port}/callback`],
      token_endpoint_auth_method: "none",
    }),
    dispatcher: agent(gate.ca),
  })
  expect(answer.status).toBe(201)
  return ((await answer.json()) as { client_id: string }).client_id
}

/** The person whom the suite sends to the authorization endpoint. */
async function approve(url: string): Promise<void> {
  const person = browser(agent(gate.ca))
  const decided = await person.submit(await person.fetch(url), { decision: "allow" })
  const done = await person.submit(await person.fetch(decided.location!), { token: gate.person })
  expect(done.status).toBe(303)
  expect((await fetch(done.location!)).status).toBe(200)
}

it("passes both scenarios of the official suite for authorization servers", async () => {
  const port = await freePort()
  const client = ["--client-id", await registered(port), "-p", String(port)]
  const args = ["authorization", "--url", gate.issuer, "--resource", gate.url, ...client]
  const run = startSuite(args, foreignEnvironment(gate.caFile))
  await approve(await run.printed(/https:\/\/\S+\/authorize\?\S+(?=\s)/))
  const result = await run.result
  for (const [scenario, checks] of result) process.stdout.write(`${scenario}: ${tally(checks).passed} passed\n`)
  expect([...result.keys()].toSorted()).toEqual(["authorization-code-grant", "authorization-server-metadata-endpoint"])
  expect([...result.values()].flat().filter(({ status }) => status !== "SUCCESS" && status !== "INFO")).toEqual([])
})
