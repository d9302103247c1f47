import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises"
import { expect, test } from "vitest"
import type { SignedStatement } from "../../src/platform/checkpoint-key.ts"
import { checkpointFile } from "../../src/platform/checkpoint-file.ts"
import { join } from "node:path"
import { tmpdir } from "node:os"

const checkpoint = (position: number) => ({ position }) as SignedStatement

test("A checkpoint that comes after a line that a crash has cut is kept, and the lines before it too", async () => {
  const home = await mkdtemp(join(tmpdir(), "checkpoints-"))
  try {
    const file = checkpointFile(home)
    expect(await file.all()).toEqual([])
    await file.add(checkpoint(1))
    await appendFile(file.path, '{"position":2,"ha')
    await file.add(checkpoint(3))
    await file.add(checkpoint(4))
    expect(await file.all()).toEqual([1, 3, 4].map(checkpoint))
    expect((await readFile(file.path, "utf8")).split("\n")).toHaveLength(5)
  } finally {
    await rm(home, { recursive: true })
  }
})
