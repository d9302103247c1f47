import { describe, expect, it } from "vitest"
import { eventStream } from "../../src/api/event-stream.ts"
import { setTimeout as sleep } from "node:timers/promises"

const beat = 10

/** Everything that a reader gets, or the error that ends it. */
async function read(lines: AsyncIterable<string>): Promise<{ text: string; error: unknown }> {
  const reader = eventStream(lines, beat).stream!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ""
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) text += piece.value
    return { text, error: undefined }
  } catch (error) {
    return { text, error }
  }
}

describe("lines as server-sent events", () => {
  it("come one by one, with signs of life in between, and end when they end", async () => {
    async function* lines() {
      yield "one"
      await sleep(10 * beat)
      yield "two\nlines"
    }
    const { text, error } = await read(lines())
    expect(error).toBeUndefined()
    expect(text).toMatch(/^: begin\n\ndata: one\n\n(?:: \n\n)+data: two lines\n\n$/)
  })

  it("break off where the lines do, and no sign of life follows: it would end the process", async () => {
    async function* lines() {
      yield "one"
      throw new Error("the engine's answer is no log")
    }
    const { text, error } = await read(lines())
    expect(text).toBe(": begin\n\ndata: one\n\n")
    expect(error).toMatchObject({ message: "the engine's answer is no log" })
    await sleep(5 * beat)
  })

  it("do not pile up before a reader that stands still, and are let go when it leaves", async () => {
    let ended = false
    async function* lines() {
      try {
        for (;;) yield "more"
      } finally {
        ended = true
      }
    }
    const reader = eventStream(lines(), beat).stream!.getReader()
    const next = async () => Buffer.from((await reader.read()).value!).toString()
    await sleep(10 * beat)
    expect([await next(), await next(), await next()]).toEqual([": begin\n\n", "data: more\n\n", "data: more\n\n"])
    await reader.cancel()
    expect(ended).toBe(true)
  })
})
