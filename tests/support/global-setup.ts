import { openRunFolder } from "../../scripts/run-folder/run-folder.ts"

/** Before the first test file: whatever the tests start ends with them, also when they are cut off. One folder serves all projects. */
export function setup(): void {
  if (!/gatehouse-run-\w+$/.test(process.env["TMPDIR"] ?? "")) openRunFolder()
}
