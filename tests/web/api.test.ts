import { type RunningApi, runningApi } from "../api/running-api.ts"
import { type WatchedPage, startChromium, watchedPage } from "../support/chromium.ts"
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest"
import type { Browser, Locator } from "playwright-core"
import { endpoints } from "../../src/api/endpoint-table.ts"

let api: RunningApi
let browser: Browser
let watched: WatchedPage
beforeAll(async () => {
  ;[api, browser] = await Promise.all([runningApi(), startChromium()])
})
afterAll(() => Promise.all([browser.close(), api.stop()]))
beforeEach(async () => {
  watched = await watchedPage(browser)
  await watched.page.goto(`http://127.0.0.1:${api.port}/api`)
  await watched.page.locator("details.operation").first().waitFor()
})
afterEach(() => watched.page.close())

/** The status comes first; when nothing can be stopped any more, the whole answer is there. */
const answered = (operation: Locator) => operation.getByText("Stop", { exact: true }).waitFor({ state: "hidden" })

it("lists every operation, and finds them by words", async () => {
  const { page, complaints } = watched
  const shown = await page.locator("details.operation").evaluateAll((items) => items.map(({ id }) => id))
  expect(new Set(shown)).toEqual(new Set(endpoints.map(({ operationId }) => operationId)))
  await page.locator("#find").fill("DELETE deleteToken")
  await expect
    .poll(() => page.locator("details.operation:visible").evaluateAll((items) => items.map(({ id }) => id)))
    .toEqual(["deleteToken"])
  expect(complaints).toEqual([])
})

it("shows the fields of bodies and answers", async () => {
  const { page, complaints } = watched
  await page.goto(`${page.url()}#createProxy`)
  const operation = page.locator("#createProxy")
  await operation.getByText("target_url").first().waitFor()
  await operation.locator("details > summary", { hasText: "201" }).click()
  await operation.locator("details > summary", { hasText: "proxy_target" }).click()
  await operation.getByText("owner_token_hash").first().waitFor()
  expect(JSON.parse(await operation.locator("textarea").inputValue())).toEqual({ hostname: "", target_url: "" })
  expect(complaints).toEqual([])
})

it("calls an operation with the token that was typed in", async () => {
  const { page, complaints } = watched
  const operation = page.locator("#getTokenInfo")
  await operation.locator("summary").first().click()
  await page.locator("#token").fill(api.adminToken)
  await operation.getByRole("button", { name: "Send GET" }).click()
  await operation.getByRole("status").getByText("200").waitFor()
  await answered(operation)
  const answer = JSON.parse((await operation.locator("pre").textContent())!) as unknown
  expect(answer).toMatchObject({ name: "ADMIN", is_admin: true })
  expect(complaints).toEqual([])
  const kept = await page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])")
  expect(kept).not.toContain(api.adminToken)
})

it("sends bodies, and shows what comes back as text", async () => {
  const { page, complaints } = watched
  const operation = page.locator("#createProxy")
  await operation.locator("summary").first().click()
  await page.locator("#token").fill(api.adminToken)
  const markup = "http://93.184.216.34/<img/src=x/onerror=alert(1)>"
  await operation.locator("textarea").fill(JSON.stringify({ hostname: "page.internal", target_url: markup }))
  await operation.getByRole("button", { name: "Send POST" }).click()
  await operation.getByRole("status").getByText("201").waitFor()
  await answered(operation)
  expect(await operation.locator("img").count()).toBe(0)
  expect(complaints).toEqual([])
})

it("is held back by its policy from anything else", async () => {
  const { page, complaints } = watched
  const blocked = await page.evaluate(`(() => {
    try { document.body.innerHTML = "<b>x</b>" } catch (error) { return error.name }
  })()`)
  expect(blocked).toBe("TypeError")
  await page.evaluate(`fetch("https://example.com/").catch(() => undefined)`)
  await expect.poll(() => complaints.join("\n")).toMatch(/TrustedHTML[\s\S]*Content Security Policy/i)
})

it("greets with an example that can be copied: its address is that of the page", async () => {
  const { page, complaints } = watched
  await page.goto(`http://127.0.0.1:${api.port}/`)
  await expect
    .poll(() => page.locator("pre").textContent())
    .toContain(` http://127.0.0.1:${api.port}/api/v1/proxy/targets`)
  expect(complaints).toEqual([])
})

it("fits a telephone: nothing is wider than the screen", async () => {
  const { page } = watched
  await page.setViewportSize({ width: 360, height: 740 })
  for (const path of ["", "api"]) {
    await page.goto(`http://127.0.0.1:${api.port}/${path}`)
    if (path === "api") await page.locator("#createProxy > summary").click()
    const wide = await page.evaluate(
      "[...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth).map((e) => e.outerHTML.slice(0, 200))",
    )
    expect(wide, `/${path}`).toEqual([])
  }
})
