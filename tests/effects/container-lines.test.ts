import { describe, expect, test } from "vitest"
import { Readable } from "node:stream"
import { containerLines } from "../../src/effects/container-lines.ts"

const frame = (channel: number, text: string | Buffer) => {
  const body = Buffer.from(text as string)
  const head = Buffer.alloc(8)
  head[0] = channel
  head.writeUInt32BE(body.length, 4)
  return Buffer.concat([head, body])
}
const lines = async (framed: boolean, ...chunks: Buffer[]) => {
  const found: string[] = []
  for await (const line of containerLines(Readable.from(chunks), framed)) found.push(line)
  return found
}

describe("lines of a container", () => {
  test("are those of each channel, however the answer was cut", async () => {
    const whole = Buffer.concat([frame(1, "one\ntw"), frame(2, "err"), frame(1, "o\r\n"), frame(2, "or\nlast")])
    const bytes = [...whole].map((byte) => Buffer.from([byte]))
    for (const chunks of [[whole], bytes]) expect(await lines(true, ...chunks)).toEqual(["one", "two", "error", "last"])
  })

  test("keep characters whole that two frames share", async () => {
    const [head, tail] = [Buffer.from("ü").subarray(0, 1), Buffer.from("ü").subarray(1)]
    expect(await lines(true, frame(1, head), frame(1, tail))).toEqual(["ü"])
    expect(await lines(false, head, tail, Buffer.from("\nx"))).toEqual(["ü", "x"])
  })

  test("end where nobody has ended them for too long", async () => {
    const found = await lines(true, ...Array.from({ length: 20 }, () => frame(1, "x".repeat(16_384))))
    expect(found.length).toBeGreaterThan(1)
    expect(Math.max(...found.map((line) => line.length))).toBeLessThan(100_000)
    expect(found.join("")).toBe("x".repeat(20 * 16_384))
  })

  test("are not waited for where the length of a frame is a lie", async () => {
    const lie = Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])
    await expect(lines(true, lie, Buffer.alloc(100))).rejects.toMatchObject({ code: "refused" })
  })
})
