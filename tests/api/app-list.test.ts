import { describe, expect, test } from "vitest"
import { apiWithOwner, api, targets, target } from "./app-api.ts"

apiWithOwner()

describe("a list", () => {
  test("comes in pages, in a total order", async () => {
    for (const name of ["p1", "p2", "p3", "p4", "p5"])
      await api.call("POST", targets, { hostname: `${name}.pages.example.com`, ...target })
    const page = (number: number, order = "asc") =>
      api.call<{ targets: { hostname: string }[]; pagination: object }>(
        "GET",
        `${targets}?search=.pages.&per_page=2&page=${number}&order=${order}`,
      )
    const names = async (number: number, order?: string) =>
      (await page(number, order)).body.targets.map(({ hostname }) => hostname.slice(0, 2))
    expect(await names(1)).toEqual(["p1", "p2"])
    expect(await names(3)).toEqual(["p5"])
    expect(await names(1, "desc")).toEqual(["p5", "p4"])
    expect((await page(1)).body.pagination).toEqual({ total: 5, page: 1, per_page: 2, pages: 3 })
    const past = await page(9)
    expect([past.status, past.body]).toEqual([
      200,
      { targets: [], pagination: { total: 5, page: 9, per_page: 2, pages: 3 } },
    ])
  })
})
