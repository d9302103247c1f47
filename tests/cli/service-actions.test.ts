import { expect, test } from "vitest"
import { alice, api, cli, cliWithOwner } from "./cli-with-owner.ts"
import { find } from "../../src/events/world.ts"

// No worker runs here: the test reports what one would.
cliWithOwner()

const request = () => find(api.projections.world, "service", "site")!.request
const report = (type: string, data: object) => api.report(type, { service_name: "site", request: request(), ...data })

test("an action that ends as asked is a success, one that ends otherwise an API error", async () => {
  const service = { service_name: "site", image: "nginx", owner: "alice" }
  expect((await api.call("POST", "/api/v1/services", service, {}, api.adminToken)).status).toBe(201)

  const stopping = cli(["service-stop", "site", alice])
  await expect.poll(() => find(api.projections.world, "service", "site")?.desired_state).toBe("stopped")
  await report("RecordServiceStopped", {})
  expect(await stopping).toMatchObject({ code: 0, err: "" })

  const starting = cli(["service-start", "site", alice])
  await expect.poll(() => find(api.projections.world, "service", "site")?.desired_state).toBe("running")
  await report("RecordServiceFailure", { code: "image_not_found", detail: "no such image", next_attempt_at: null })
  const failed = await starting
  expect([failed.code, failed.err]).toEqual([
    1,
    expect.stringMatching(/^invalid_state: site is failed; see: just service-show site$/m),
  ])
})
