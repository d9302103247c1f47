import { client, node, resource, tokenNode } from "./token-node.ts"
import { expect, it } from "vitest"
import { approve, authorizePath, refreshing, tokenRequest, tokensFor, verifier } from "./flow.ts"
import { person } from "./person.ts"
import { randomSecret, sha256 } from "../../src/platform/ids.ts"
import { send } from "./oauth-node.ts"

tokenNode()

it("what ADMIN let in with the old ADMIN_TOKEN has to ask again when there is another one", async () => {
  const [old, fresh] = [randomSecret(), randomSecret()]
  const record = (value: string) =>
    node.execute("RecordAdminToken", { hash: sha256(value), preview: "…", cert_email: null })
  await record(old)
  const who = person(node)
  await approve(node, authorizePath(client, verifier(), { resource }), old, who)
  const account = async () => (await who.visit("/account")).status
  const { access_token, refresh_token } = await tokensFor(node, client, old, { resource })
  const works = async () =>
    (await send(node, "/verify", { headers: { authorization: `Bearer ${access_token}` } })).status
  await record(old)
  expect([await works(), await account()]).toEqual([200, 200])
  await record(fresh)
  expect(await works()).toBe(401)
  expect((await who.visit("/account")).location?.pathname).toBe("/login")
  const answer = await tokenRequest(node, refreshing(client, refresh_token))
  expect([answer.status, answer.json()["error"]]).toEqual([400, "invalid_grant"])
  expect((await tokensFor(node, client, fresh, { resource })).access_token).toBeDefined()
})
