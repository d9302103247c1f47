import { expect, test } from "vitest"
import { requestBudget } from "../../src/api/request-budget.ts"

test("an address has its requests of a minute at once and gets them back evenly", () => {
  let now = 0
  const budget = requestBudget(60, () => now)
  for (let count = 0; count < 60; count += 1) budget.take("a")
  expect(() => budget.take("a")).toThrow(expect.objectContaining({ code: "rate_limited", extras: { retryAfter: 1 } }))
  budget.take("b")
  now = 999
  expect(() => budget.take("a")).toThrow(expect.objectContaining({ code: "rate_limited" }))
  now = 1000
  budget.take("a")
  expect(() => budget.take("a")).toThrow(expect.objectContaining({ code: "rate_limited" }))
})

test("a flood of addresses does not make the budget of one endless", () => {
  const budget = requestBudget(1, () => 0)
  budget.take("a")
  for (let count = 0; count < 9_000; count += 1) budget.take(`address-${count}`)
  expect(() => budget.take("a")).toThrow(expect.objectContaining({ code: "rate_limited" }))
})
