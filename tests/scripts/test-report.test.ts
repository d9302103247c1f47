import { expect, it } from "vitest"
import { countTests, lineOf } from "../../scripts/stack/test-report.ts"

const report = (files: readonly object[], passed: number, failed: number, pending: number) =>
  JSON.stringify({
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: pending,
    numTodoTests: 0,
    testResults: files,
  })

const results = (...statuses: string[]) => statuses.map((status) => ({ status }))

it("counts passed, failed and skipped tests", () => {
  const text = report([{ status: "failed", assertionResults: results("passed", "failed", "skipped") }], 1, 1, 1)
  expect(lineOf(countTests(text))).toBe("1 passed, 1 failed, 1 skipped")
  expect(lineOf(countTests(report([], 5, 0, 0)))).toBe("5 passed, 0 failed")
})

it("counts a file that could not be loaded, or whose tests were given up, as a failure", () => {
  expect(countTests(report([{ status: "failed", assertionResults: [] }], 3, 0, 0)).failed).toBe(1)
  expect(countTests(report([{ status: "failed", assertionResults: results("skipped") }], 3, 0, 1)).failed).toBe(1)
})

it("counts a run without a report as a failure", () => {
  expect(countTests(undefined)).toEqual({ passed: 0, failed: 1, skipped: 0 })
})
