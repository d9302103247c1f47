import { openRunFolder } from "../../scripts/run-folder/run-folder.ts"

/** Before the first test file: whatever the tests start ends with them, also when they are cut off. */
export function setup(): void {
  openRunFolder()
}
