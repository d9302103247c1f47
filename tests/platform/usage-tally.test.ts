import { expect, it } from "vitest"
import { type UsedRequest, admitted, refused, usageTally } from "../../src/platform/usage-tally.ts"

const request = (overrides: Partial<UsedRequest> = {}): UsedRequest => ({
  at: 1000,
  client: "192.0.2.1",
  status: 200,
  proxy: "mcp.example.com",
  client_id: "c",
  grant_id: "g",
  token_id: "t",
  reason: null,
  ...overrides,
})
const uses = (requests: readonly UsedRequest[]) => {
  const tally = usageTally()
  tally.add(requests)
  return Object.fromEntries([...tally.uses()].map(({ kind, id, ...use }) => [`${kind}:${id}`, use]))
}

it("adds requests up for their token, grant and client", () => {
  const found = uses([request(), request({ at: 3000, proxy: null }), request({ at: 2000, token_id: "t2" })])
  expect(Object.keys(found).toSorted()).toEqual(["client:c", "grant:g", "token:t", "token:t2"])
  expect(found["token:t"]).toEqual({
    requests: 2,
    last: 3000,
    labels: new Map([
      ["host:mcp.example.com", 1000],
      ["from:192.0.2.1", 3000],
    ]),
  })
  expect(found["grant:g"]).toMatchObject({ requests: 3, last: 3000 })
})

it("takes a grant for what it is when the request had no token, or one too many to tell apart", () => {
  expect(Object.keys(uses([request({ token_id: null })])).toSorted()).toEqual(["client:c", "grant:g"])
  const many = uses(Array.from({ length: 20_050 }, (_, at) => request({ token_id: `t${at}` })))
  expect(Object.keys(many)).toHaveLength(20_002)
  expect(many["grant:g"]).toMatchObject({ requests: 20_050 })
})

it("counts nothing for a request without an identity but its outcome", () => {
  const nobody = { grant_id: null, client_id: null, token_id: null, status: 401 }
  const tally = usageTally()
  tally.add([request(), request({ ...nobody, reason: "expired" }), request({ ...nobody, reason: "no_credential" })])
  expect([...tally.outcomes]).toEqual([["mcp.example.com", { [admitted]: 1, [refused]: 1 }]])
})

it("does not count what is asked of the authorization server about a grant as use of it", () => {
  expect(uses([request({ proxy: null, token_id: null })])).toEqual({})
})
