import * as z from "zod"
import { ArchivedSegment, Checkpoint } from "../../events/log.ts"
import { actorOf } from "../write.ts"
import { archiveProblem } from "../../projections/archive-check.ts"
import { checkpointCheck } from "../../projections/checkpoint-check.ts"
import { endpoint } from "../endpoint.ts"
import { find } from "../../events/world.ts"
import { verifyLog } from "../../projections/verification.ts"

const tag = "log"

const VerificationView = z
  .strictObject({
    ok: z.boolean(),
    verified: z.strictObject({ position: z.int(), hash: z.string() }).describe("End of the part that is whole."),
    events: z.int(),
    commands: z.int(),
    untraced: z.int().describe("Commands without events from before outcomes were kept for good."),
    checkpoints: z.int().describe("Signed checkpoints that the log agrees with."),
    signed: z.int().describe("Position of the newest of them; what follows is not signed yet."),
    problem: z
      .strictObject({
        position: z.int().nullable().describe("First bad position; null for a command without an outcome."),
        code: z.string(),
        detail: z.string(),
      })
      .nullable(),
  })
  .meta({ id: "LogVerification" })

const verify = endpoint({
  method: "GET",
  path: "/api/v1/log/verify",
  operationId: "verifyLog",
  tag,
  summary:
    "Check the whole log with its archive: positions without a gap, hash chain, signed checkpoints, digests of the segments, for every event its command, for every command its outcome.",
  who: "admin",
  status: 200,
  deadline: 600,
  response: VerificationView,
  async handler({ api, signal }) {
    const { trail, archive, checkpoints } = api.logTools
    const check = checkpointCheck(api.store, checkpoints.key, await checkpoints.file.all())
    const found = await verifyLog({ store: api.store, trail, signal, checkpoints: check })
    const problem = found.problem ?? (await archiveProblem(api.projections.world, archive))
    return { body: { ok: problem === null, ...found, problem } }
  },
})

const Sizes = z.strictObject({
  events: z.int(),
  commands: z.int(),
  decisions: z.int(),
  outcomes: z.int(),
  dead_letters: z.int(),
})

const stats = endpoint({
  method: "GET",
  path: "/api/v1/log/stats",
  operationId: "getLogStats",
  tag,
  summary: "Show how large the log is, what it holds in Redis, and who reads it.",
  who: "admin",
  status: 200,
  response: z
    .strictObject({
      position: z.int(),
      hash: z.string(),
      first: z.int().describe("First position that stands in Redis; those before are in the archive."),
      last: z.int(),
      entries: Sizes,
      bytes: Sizes.describe("Of Redis' memory, about."),
      memory: z.int().describe("Bytes that Redis uses in all."),
      unerased: z.int().describe("Destroyed secrets that are still in the append-only file; it is rewritten soon."),
      objects: z.record(z.string(), z.int()),
      archive: z.strictObject({
        segments: z.int(),
        position: z.int().describe("Last position that is in the archive."),
        bytes: z.int(),
        folder: z.string(),
      }),
      checkpoint: z
        .strictObject({ position: z.int(), signed_at: z.string() })
        .nullable()
        .describe("The newest signed checkpoint."),
      checkpoint_public_key: z.string().describe("Ed25519, raw, base64url: of what this node signs."),
      groups: z.array(
        z.strictObject({
          group: z.string(),
          consumers: z.int(),
          pending: z.int(),
          position: z.int(),
          oldest_pending: z.int().nullable(),
        }),
      ),
    })
    .meta({ id: "LogStats" }),
  async handler({ api }) {
    const { position, hash, objects } = api.projections.world
    const counts = Object.fromEntries(Object.entries(objects).map(([kind, states]) => [kind, states.size]))
    const { archive, checkpoints, facts } = api.logTools
    const { segments = [], checkpoint = null } = find(api.projections.world, "log", "log") ?? {}
    return {
      body: {
        position,
        hash,
        ...(await facts()),
        archive: {
          segments: segments.length,
          position: segments.at(-1)?.last ?? 0,
          bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
          folder: archive.folder,
        },
        checkpoint: checkpoint && { position: checkpoint.position, signed_at: checkpoint.signed_at },
        checkpoint_public_key: checkpoints.key.publicKey,
        objects: counts,
      },
    }
  },
})

const archive = endpoint({
  method: "POST",
  path: "/api/v1/log/archive",
  operationId: "archiveLog",
  tag,
  summary:
    "Move the beginning of the log into compressed segments: each is recorded, and only then removed from Redis, behind a snapshot.",
  who: "admin",
  body: z.strictObject({
    keep: z.int().min(1).default(10_000).describe("Events at the end of the log that stay in Redis."),
    segment: z.int().min(1).max(50_000).default(10_000).describe("Events of one segment at most."),
  }),
  status: 200,
  deadline: 600,
  response: z
    .strictObject({
      segments: z.array(ArchivedSegment),
      archived: z.int().describe("Last position that is in the archive; 0 when none is."),
      first: z.int().describe("First position that stands in Redis."),
      kept: z.string().nullable().describe("Why something that is archived stays in Redis as well."),
    })
    .meta({ id: "ArchiveReport" }),
  errors: ["invalid_state", "archive_unavailable"],
  async handler({ api, caller, body }) {
    return { body: await api.logTools.archiveLog({ ...body, actor: actorOf(caller) }) }
  },
})

const sign = endpoint({
  method: "POST",
  path: "/api/v1/log/checkpoint",
  operationId: "signCheckpoint",
  tag,
  summary: "Sign the log as it is now.",
  who: "admin",
  status: 201,
  response: Checkpoint,
  async handler({ api, caller }) {
    return { body: await api.logTools.checkpoints.sign(actorOf(caller)) }
  },
})

/** Endpoints about the log as a whole. */
export const logEndpoints = [verify, stats, archive, sign]
