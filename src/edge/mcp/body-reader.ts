import type { ErrorCode } from "../../errors.ts"
import type { Exchange } from "../exchange.ts"
import type { HeldBytes } from "./held-bytes.ts"
import { fail } from "../abandon.ts"
import { reason } from "../../platform/log.ts"

/** Reads whole request bodies, within a limit for each and one for all together. */
export interface BodyReader {
  /**
   * Reads the body of a request. Nothing more is told once the client has gone or the exchange was ended otherwise.
   * @param most bytes
   */
  read(exchange: Exchange, most: number, done: (body: Buffer) => void, refused: (code: ErrorCode) => void): void
}

/** @param held what all may hold together; beyond it a node answers 503 instead of running out of memory */
export function bodyReader(held: HeldBytes): BodyReader {
  return {
    read(exchange, mostOfOne, done, refused) {
      const { req, res, scan } = exchange
      if (Number(scan.contentLength) > mostOfOne) return refused("payload_too_large")
      if (scan.expect === "100-continue" && req.httpVersion === "1.1") res.writeContinue()
      // Neither length nor chunks: nothing comes, and no event says so.
      if (req.readableEnded) return done(Buffer.alloc(0))
      const chunks: Buffer[] = []
      const hold = held.hold(exchange)
      exchange.phase = "reading"
      req.on("data", (chunk: Buffer) => {
        if (exchange.phase !== "reading") return
        exchange.received += chunk.length
        if (exchange.received > mostOfOne) return refused("payload_too_large")
        if (!hold.take(chunk.length)) return refused("overloaded")
        chunks.push(chunk)
      })
      req.on("end", () => {
        if (exchange.phase !== "reading") return
        exchange.phase = "new"
        try {
          done(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
        } catch (error) {
          // No request may end the process; one that cannot be judged is refused.
          const { edge, hostname, requestId } = exchange
          edge.log.error("request_failed", { host: hostname, request_id: requestId, reason: reason(error) })
          fail(exchange, "internal")
        }
      })
    },
  }
}
