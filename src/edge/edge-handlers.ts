import { answerMalformed, begin, beginUpgrade, failBody } from "./exchange-life.ts"
import type { EdgeContext, Exchange } from "./exchange.ts"
import type { ListenHandlers } from "./listen.ts"
import { ServerResponse } from "node:http"
import { dispatch } from "./dispatch.ts"
import { fail } from "./abandon.ts"
import { randomBytes } from "node:crypto"
import { reason } from "../platform/log.ts"

/** What the listeners call: each request becomes an exchange with an id of its own, and is dispatched. */
export function edgeHandlers(context: EdgeContext): ListenHandlers {
  const prefix = randomBytes(8).toString("hex")
  let requests = 0
  const nextId = () => `${prefix}-${(requests += 1)}`
  const answerTo = (exchange: Exchange) => {
    try {
      dispatch(exchange)
    } catch (error) {
      // No request may end the process; one that cannot be judged is refused.
      context.log.error("request_failed", {
        host: exchange.hostname,
        request_id: exchange.requestId,
        reason: reason(error),
      })
      fail(exchange, "internal")
    }
  }
  return {
    request: (client, req, res) => answerTo(begin(context, client, req, res, nextId())),
    upgrade: (client, req, socket, head) =>
      answerTo(
        beginUpgrade(context, client, req, new ServerResponse(req), nextId(), {
          socket,
          early: head.length > 0 ? [head] : [],
        }),
      ),
    malformed: (client, code) => answerMalformed(context, client, code, nextId()),
    brokenBody: (client, code) => failBody(context, client, code, nextId()),
  }
}
