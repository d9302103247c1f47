import type { Config } from "../../src/platform/config.ts"
import { startRedis, stopAll, whatRuns, type Copy } from "./native.ts"
import { Refusal } from "./refusal.ts"
import { attached } from "./terminal.ts"

/** Runs Gatehouse on this terminal and starts it again on every change below src, with the own Redis beside it. */
export async function develop(copy: Copy, config: Config): Promise<void> {
  const before = whatRuns(copy.home)
  if (before === "gatehouse") throw new Refusal("Gatehouse runs in the background; first: just down")
  const redis: Record<string, string> =
    config.REDIS_URL === undefined ? { REDIS_PORT: String(await startRedis(copy, config)) } : {}
  try {
    await attached(process.execPath, ["--watch", "--watch-preserve-output", "src/main.ts"], redis)
  } finally {
    if (before === "nothing") await stopAll(copy)
  }
}
