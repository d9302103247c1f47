import { type RunningApi, conforming, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { applied, busySystem, exported, passphrase } from "./busy-system.ts"

let source: RunningApi
let target: RunningApi
let alice: string
beforeAll(async () => {
  source = await runningApi()
  target = await runningApi()
  alice = await busySystem(source)
})
afterAll(() => Promise.all([source.stop(), target.stop()]))

test("an export is the same each time, and holds no secret", async () => {
  const [one, two] = [await exported(source), await exported(source, "/")]
  conforming("exportConfiguration", one)
  expect(two).toEqual(one)
  expect(one["secrets"]).toBeNull()
  const text = JSON.stringify(one)
  for (const secret of [alice, "the-key", "PRIVATE KEY"]) expect(text).not.toContain(secret)
  expect(Object.keys(one)).toEqual([
    "format",
    "position",
    "digest",
    "tokens",
    "instances",
    "certificates",
    "proxies",
    "routes",
    "resources",
    "services",
    "webhooks",
    "secrets",
  ])
  expect(one["instances"]).toEqual([
    { name: "db", target_url: expect.any(String), description: "the store", owner: "Alice" },
  ])
  const some = await exported(source, "?kinds=routes,tokens")
  expect(Object.keys(some)).toEqual(["format", "position", "digest", "tokens", "routes", "secrets"])
})

test("applied to an empty system it is planned first, then makes the same; applied again it comes to nothing", async () => {
  const headers = { "x-passphrase": passphrase }
  const document = await exported(source, "?include_secrets=true", headers)
  const before = await target.store.head()
  const plan = await applied(target, document, "", headers)
  conforming("applyConfiguration", plan)
  expect(plan.errors).toEqual([])
  expect(plan.dry_run).toBe(true)
  expect((await target.store.head()).position).toBe(before.position)
  const made = await applied(target, document, "/?dry_run=false", headers)
  expect(made.errors).toEqual([])
  expect(made.create).toEqual(plan.create)
  expect(made.create.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["tokens", "services", "resources"]))
  expect(made.digest).toBe(document.digest)
  const copy = await exported(target)
  expect(copy.digest).toBe(document.digest)
  expect({ ...copy, position: 0 }).toEqual({ ...(await exported(source)), position: 0 })
  const { position } = await target.store.head()
  const again = await applied(target, document, "?dry_run=false&prune=true", headers)
  expect([again.create, again.update, again.delete, again.errors]).toEqual([[], [], [], []])
  expect(again.unchanged).toBe(made.create.length)
  expect((await target.store.head()).position).toBe(position)
})

test("a token goes on working with its value, which can be shown where the secrets came along", async () => {
  const mine = await target.call("GET", "/api/v1/tokens/info", undefined, {}, alice)
  expect([mine.status, mine.body["name"]]).toEqual([200, "Alice"])
  const shown = await target.call("GET", "/api/v1/tokens/alice/reveal?confirm=true")
  expect([shown.status, shown.body["token"]]).toEqual([200, alice])
  const bare = await runningApi()
  try {
    const { services: _, ...document } = await exported(source, "?kinds=tokens")
    await applied(bare, document, "?dry_run=false")
    expect((await bare.call("GET", "/api/v1/tokens/info", undefined, {}, alice)).status).toBe(200)
    const hidden = await bare.call("GET", "/api/v1/tokens/alice/reveal?confirm=true")
    expect([hidden.status, hidden.body["code"]]).toEqual([409, "not_revealable"])
  } finally {
    await bare.stop()
  }
})

test("the secret of a webhook comes along, sealed; without it a webhook gets a new one and is as the document says", async () => {
  const secretOf = async (api: RunningApi, name: string) => {
    const { secret_ref } = api.projections.world.objects.webhook.get(name)!.state
    return api.vault.open(secret_ref, (await api.store.secret(secret_ref))!)
  }
  const known = await secretOf(source, "deploys")
  expect(await secretOf(target, "deploys")).toBe(known)
  const bare = await runningApi()
  try {
    const headers = { "x-passphrase": passphrase }
    const document = await exported(source, "?kinds=tokens,webhooks&include_secrets=true", headers)
    const made = await applied(bare, { ...document, secrets: null }, "?dry_run=false")
    expect([made.errors, made.digest]).toEqual([[], document.digest])
    expect(await secretOf(bare, "deploys")).not.toBe(known)
    expect(bare.projections.world.objects.webhook.get("off")!.state.enabled).toBe(false)
    const mended = await applied(bare, document, "?dry_run=false", headers)
    expect([mended.errors, await secretOf(bare, "deploys")]).toEqual([[], known])
    const again = await applied(bare, document, "?dry_run=false&prune=true", headers)
    expect([again.create, again.update, again.delete]).toEqual([[], [], []])
    const gone = await applied(bare, { webhooks: [] }, "?dry_run=false&prune=true")
    expect(gone.delete.map(({ name }) => name)).toEqual(["deploys", "off"])
  } finally {
    await bare.stop()
  }
})

test("the environment of a service comes along, sealed; without it the service is refused and nothing is done", async () => {
  const { state } = target.projections.world.objects.service.get("web")!
  const refs = Object.fromEntries(state.environment.map(({ name, value_ref }) => [name, value_ref]))
  expect(Object.keys(refs)).toEqual(["API_KEY", "MODE"])
  expect(await target.store.secret(refs["API_KEY"]!)).toMatch(/^v1\./)
  const bare = await runningApi()
  try {
    const before = await bare.store.head()
    const refused = await applied(bare, await exported(source), "?dry_run=false")
    expect(refused.errors).toContainEqual({
      kind: "services",
      name: "web",
      code: "validation_failed",
      detail: "the value of API_KEY of the service web is missing: apply an export with secrets",
    })
    expect([refused.create, (await bare.store.head()).position]).toEqual([[], before.position])
  } finally {
    await bare.stop()
  }
})

test("an export with secrets is recorded for each of them, and needs a passphrase that opens it again", async () => {
  const { position } = await source.store.head()
  const bad = await source.call("GET", "/api/v1/export?include_secrets=true")
  const short = await source.call("GET", "/api/v1/export?include_secrets=true", undefined, { "x-passphrase": "short" })
  expect([bad, short].map(({ status, body }) => [status, body["code"]])).toEqual([
    [422, "passphrase_required"],
    [422, "passphrase_required"],
  ])
  expect((await source.store.head()).position).toBe(position)
  const document = await exported(source, "?include_secrets=true", { "x-passphrase": passphrase })
  const recorded = await source.store.read(position, 10)
  expect(recorded.map(({ type, id }) => `${type} ${id}`)).toEqual([
    "TokenRevealed alice",
    "ServiceSecretsExported web",
    "WebhookSecretExported deploys",
    "WebhookSecretExported off",
  ])
  const wrong = await target.call("POST", "/api/v1/apply", document, { "x-passphrase": "another passphrase" })
  expect([wrong.status, wrong.body["code"]]).toEqual([422, "passphrase_wrong"])
  const whole = document.secrets!["data"]!
  const data = `${whole.startsWith("A") ? "B" : "A"}${whole.slice(1)}`
  const damaged = { ...document, secrets: { ...document.secrets, data } }
  const cut = await target.call("POST", "/api/v1/apply", damaged, { "x-passphrase": passphrase })
  expect([cut.status, cut.body["code"]]).toEqual([422, "passphrase_wrong"])
})
