import { admin, owner, system } from "../support/decider.ts"
import { alice, create, setup } from "./service-commands.ts"
import { expect, test } from "vitest"

const bob = owner("bob")
const proxy = (target_url: string, actor: typeof alice | typeof admin) =>
  ["CreateProxy", { hostname: "left.example.org", target_url, enable_https: false }, actor] as const

test.each(["service://web", "instance://docker-web"])(
  "what an administrator left pointing at %s does not lead to whoever takes the service's name next",
  (target) => {
    const { given, when } = setup()
    given(create("web", {}, alice), [...proxy(target, admin)])
    given(
      ["DeleteService", { service_name: "web", force: true }, alice],
      ["RecordServiceRemoved", { service_name: "web", request: 2 }, system],
    )
    const [type, data] = create("web", {}, bob)
    expect(when(type, data, bob).refused).toBe("in_use")
    expect(when(type, data, alice).refused).toBe("in_use")
    expect(when(type, data, admin).refused).toBeUndefined()
  },
)

test("who left it there takes the name again", () => {
  const { given, when } = setup()
  given(create("web", {}, alice), [...proxy("service://web", alice)])
  given(
    ["DeleteService", { service_name: "web", force: true }, alice],
    ["RecordServiceRemoved", { service_name: "web", request: 2 }, system],
  )
  const [type, data] = create("web", {}, alice)
  expect(when(type, data, alice).refused).toBeUndefined()
})
