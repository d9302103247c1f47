import type { EdgeContext, Exchange, UpgradeSocket } from "./exchange.ts"
import type { IncomingMessage, ServerResponse } from "node:http"
import { emptyScan } from "./framing.ts"

const nothing = emptyScan()

/** A request of which nothing is known yet. */
export function newExchange(
  edge: EdgeContext,
  client: Exchange["client"],
  req: IncomingMessage,
  res: ServerResponse,
  requestId: string,
  upgrade?: UpgradeSocket,
): Exchange {
  const now = edge.now()
  return {
    edge,
    client,
    req,
    res,
    method: req.method!,
    rawHeaders: req.rawHeaders,
    requestId,
    started: now,
    upgrade,
    address: client.peer,
    scan: nothing,
    hostname: "",
    authority: "",
    path: "",
    query: "",
    proxy: undefined,
    identity: null,
    cors: undefined,
    setCookie: undefined,
    nonce: undefined,
    mcp: undefined,
    filter: undefined,
    sendHead: undefined,
    reason: null,
    noted: undefined,
    bytes: 0,
    logged: false,
    phase: "new",
    plan: undefined,
    head: "",
    upstream: undefined,
    retried: false,
    deadline: 0,
    uploading: false,
    received: 0,
    uploadDone: true,
    held: undefined,
    heldBytes: 0,
    partial: undefined,
    interim: 0,
    body: undefined,
    lastByte: now,
    paused: false,
  }
}
