import * as z from "zod"

const reportSchema = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  testResults: z.array(z.object({ status: z.string(), assertionResults: z.array(z.object({ status: z.string() })) })),
})

/** How many tests ended how. */
export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/**
 * Counts of vitest's JSON report. A file that failed outside its tests, so that they did not even run, counts as
 * one failed test.
 * @param text the report; undefined when none was written, which is one failure
 */
export function countTests(text: string | undefined): TestCounts {
  if (text === undefined) return { passed: 0, failed: 1, skipped: 0 }
  const report = reportSchema.parse(JSON.parse(text))
  const broken = report.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.every(({ status }) => status !== "failed"),
  )
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}

/** For example `12 passed, 0 failed`, and `, 3 skipped` only when there are any. */
export function lineOf({ passed, failed, skipped }: TestCounts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`
}
