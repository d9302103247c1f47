import { beforeEach, describe, expect, test } from "vitest"
import { dockerCalls } from "../../src/effects/docker-calls.ts"
import { dockerEngine } from "../../src/effects/docker-engine.ts"
import { dockerSite } from "./docker-site.ts"
import { label } from "../../src/effects/docker-container.ts"
import { type IncomingMessage, request } from "node:http"
import { json } from "node:stream/consumers"
import { once } from "node:events"

const site = dockerSite()
const name = "proxy_network"
const callsOf = (installation: string) =>
  dockerCalls(
    dockerEngine({ DOCKER_HOST: site.engine.host, DOCKER_API_VERSION: "1.41", DOCKER_TIMEOUT: 30 }),
    installation,
  )

const ids = async () =>
  (await site.engine.docker("network", "ls", "-q", "--no-trunc", "--filter", `name=^${name}$`))
    .split("\n")
    .filter(Boolean)

/** Makes one more of the name, as an engine does that is asked by two at once. */
async function another(installation: string): Promise<string> {
  const body = JSON.stringify({ Name: name, CheckDuplicate: false, Labels: { [label.installation]: installation } })
  const call = request({
    socketPath: site.engine.host.slice("unix://".length),
    path: "/v1.41/networks/create",
    method: "POST",
    headers: { "content-type": "application/json" },
  }).end(body)
  const [answer] = (await once(call, "response")) as [IncomingMessage]
  return ((await json(answer)) as { Id: string }).Id
}

beforeEach(async () => {
  for (const id of await ids()) await site.engine.docker("network", "rm", id)
})

describe("the network of services", () => {
  test("is made once by however many services need it first", async () => {
    const calls = callsOf("one")
    await Promise.all(Array.from({ length: 16 }, () => calls.ensureNetwork(name, true)))
    expect(await ids()).toHaveLength(1)
  })

  test("is one again when two nodes have made two: the first stays, and services come up", async () => {
    await site.create()
    await site.reaches("running")
    const [first] = await ids()
    const [{ Labels }] = JSON.parse(await site.engine.docker("network", "inspect", first!)) as [
      { Labels: Record<string, string> },
    ]
    await another(Labels[label.installation]!)
    await another(Labels[label.installation]!)
    expect(await ids()).toHaveLength(3)
    await site.create({ service_name: "next" })
    await site.reaches("running", "next")
    expect(await site.ask("/", "next")).toBe("one")
    expect(await ids()).toEqual([first])
  })

  test("that is not Gatehouse's to make must be there", async () => {
    const calls = callsOf("one")
    await expect(calls.ensureNetwork("elsewhere", false)).rejects.toMatchObject({
      code: "permanent",
      message: "network: there is no network elsewhere",
    })
    const foreign = await another("somebody else")
    await calls.ensureNetwork(name, false)
    expect(await ids()).toEqual([foreign])
  })

  test("of others is never removed: what cannot be told apart is not used, until somebody has seen to it", async () => {
    const foreign = await another("somebody else")
    const calls = callsOf("one")
    await calls.ensureNetwork(name, true)
    expect(await ids()).toEqual([foreign])
    await another("one")
    await calls.ensureNetwork(name, true)
    expect(await ids()).toEqual([foreign])
    const second = await another("somebody else")
    await expect(calls.ensureNetwork(name, true)).rejects.toMatchObject({
      code: "refused",
      message: "network: there are several of the name proxy_network",
    })
    expect((await ids()).sort()).toEqual([foreign, second].sort())
  })
})
