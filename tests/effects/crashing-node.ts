import * as z from "zod"
import { crashPoints } from "../../src/platform/crash-point.ts"
import { effectNode } from "./effect-node.ts"

/** A process that works on certificates until it dies at the crash point that it is told. */
const { redisUrl, masterKey, env, point, parent } = z
  .object({
    redisUrl: z.string(),
    masterKey: z.string(),
    env: z.record(z.string(), z.string()),
    point: z.string(),
    parent: z.string(),
  })
  .parse(JSON.parse(process.env["CRASHING_NODE"] ?? "null"))

const node = await effectNode({ redisUrl, masterKey: Buffer.from(masterKey, "base64"), env, decides: false, parent })
node.startEffects({ crash: crashPoints(point) })
