import type { Reply } from "./client.ts"
import type { Session } from "./session.ts"
import { type Row, cell, table } from "../api/rows.ts"
import { readable } from "./table.ts"

/** One member that differs, as an answer has it. */
export interface FieldChange {
  readonly path: string
  readonly before?: unknown
  readonly after?: unknown
}

interface ObjectChange {
  readonly kind: string
  readonly id: string
  readonly change: string
  readonly fields: readonly FieldChange[]
}

/** Prints lines on a terminal, and the body unchanged elsewhere. */
export function showText(session: Session, reply: Pick<Reply, "body" | "text">, lines: () => readonly string[]): void {
  if (session.format === "json") return session.show(reply)
  session.terminal.write(`${lines().join("\n")}\n`)
}

/** `    target_url: http://a → http://b`, one line for each member. */
export function fieldLines(fields: readonly FieldChange[], indent: string): string[] {
  return fields.map((field) => {
    if (!("before" in field)) return `${indent}+ ${cell(field.path)}: ${short(field.after)}`
    if (!("after" in field)) return `${indent}- ${cell(field.path)}: ${short(field.before)}`
    return `${indent}~ ${cell(field.path)}: ${short(field.before)} → ${short(field.after)}`
  })
}

const longest = 100

function short(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value)
  const line = cell(text)
  return line.length > longest ? `${line.slice(0, longest)}…` : line
}

const signs: Readonly<Record<string, string>> = { created: "+", deleted: "-", changed: "~" }

/** Objects that differ, each with its members. */
export function changeLines(changes: readonly ObjectChange[]): string[] {
  return changes.flatMap(({ kind, id, change, fields }) => [
    `${signs[change]} ${cell(`${kind}/${id}`)} ${change}`,
    ...(change === "changed" ? fieldLines(fields, "    ") : []),
  ])
}

/** What differs from an earlier state. */
export function showChanges(session: Session, reply: Reply): void {
  const { changes, from, to } = reply.body as { changes: ObjectChange[]; from: number; to: number }
  showText(session, reply, () => [
    `from position ${from} to position ${to}: ${changes.length} ${changes.length === 1 ? "object differs" : "objects differ"}`,
    ...changeLines(changes),
  ])
}

interface Digest {
  readonly position: number
  readonly hash: string
}

/** An earlier state: what there was. @param whole the state of an object that was asked for by its name */
export function showReplay(session: Session, reply: Reply, whole: boolean): void {
  const { digest, objects } = reply.body as { digest: Digest; objects: Record<string, unknown>[] }
  showText(session, reply, () => {
    const rows = objects.map(({ kind, id, version }) => ({ kind, id, version }))
    const head = `state at position ${digest.position}, hash ${digest.hash}`
    const [only] = objects
    if (whole && objects.length === 1)
      return [
        head,
        `${cell(`${only!["kind"] as string}/${only!["id"] as string}`)}, version ${cell(only!["version"])}`,
        readable(only!["state"] as Row).trimEnd(),
      ]
    return [
      head,
      rows.length === 0 ? "nothing" : table(rows, ["kind", "id", "version"]).trimEnd(),
      "one of them whole: --kind KIND --name ID; all of them: --output json",
    ]
  })
}

/** What a verification found. */
export function showVerification(session: Session, reply: Reply): void {
  const { events, commands, untraced, verified, problem, checkpoints, signed } = reply.body as unknown as {
    events: number
    commands: number
    untraced: number
    checkpoints: number
    signed: number
    verified: Digest
    problem: { position: number | null; detail: string } | null
  }
  showText(session, reply, () => [
    `positions 1 to ${events} are whole, hash ${verified.hash}`,
    `${commands} commands read${untraced > 0 ? `, ${untraced} of them from before outcomes were kept for good` : ""}`,
    checkpoints === 0
      ? "no signed checkpoint"
      : `${checkpoints} signed checkpoint${checkpoints === 1 ? "" : "s"}, the newest at position ${signed}`,
    problem === null
      ? "nothing is wrong"
      : `BAD${problem.position === null ? "" : ` at position ${problem.position}`}: ${cell(problem.detail)}`,
  ])
}

/** What a rebuild found. */
export function showRebuilt(session: Session, reply: Reply): void {
  const { digest, equal, differing } = reply.body as unknown as { digest: Digest; equal: boolean; differing: string[] }
  showText(session, reply, () => [
    `folded anew to position ${digest.position}, hash ${digest.hash}`,
    equal
      ? "the node had the same"
      : `the node had something else, and goes on with what the log says: ${differing.join(", ")}`,
  ])
}

/** What was archived. */
export function showArchive(session: Session, reply: Reply): void {
  const { segments, archived, first, kept } = reply.body as unknown as {
    segments: { first: number; last: number; file: string; bytes: number }[]
    archived: number
    first: number
    kept: string | null
  }
  showText(session, reply, () => [
    segments.length === 0
      ? "nothing new to archive"
      : table(
          segments.map(({ bytes, ...segment }) => ({ ...segment, size: size(bytes) })),
          ["first", "last", "size", "file"],
        ).trimEnd(),
    `the archive ends at position ${archived}; Redis holds the log from position ${first}`,
    ...(kept === null ? [] : [`not removed from Redis: ${cell(kept)}`]),
  ])
}

/** Sizes of the log. */
export function showStats(session: Session, reply: Reply): void {
  const facts = reply.body as unknown as {
    position: number
    first: number
    last: number
    memory: number
    unerased: number
    archive: { segments: number; position: number; bytes: number; folder: string }
    checkpoint: { position: number; signed_at: string } | null
    entries: Record<string, number>
    bytes: Record<string, number>
    objects: Record<string, number>
    groups: Record<string, unknown>[]
  }
  showText(session, reply, () => [
    `position ${facts.position}; Redis holds ${facts.first} to ${facts.last}`,
    table(
      Object.entries(facts.entries).map(([stream, entries]) => ({
        stream,
        entries,
        size: size(facts.bytes[stream] ?? 0),
      })),
      ["stream", "entries", "size"],
    ).trimEnd(),
    facts.archive.segments === 0
      ? "nothing is archived"
      : `archive: ${facts.archive.segments} segment${facts.archive.segments === 1 ? "" : "s"} to position ${facts.archive.position}, ${size(facts.archive.bytes)}, in ${facts.archive.folder}`,
    facts.checkpoint === null
      ? "no checkpoint is signed yet"
      : `signed up to position ${facts.checkpoint.position}, at ${facts.checkpoint.signed_at}`,
    `Redis uses ${size(facts.memory)} in all`,
    facts.unerased > 0
      ? `${facts.unerased} destroyed secrets wait for the rewrite of the append-only file`
      : "no destroyed secret is left in the append-only file",
    facts.groups.length === 0
      ? "nobody reads by a consumer group"
      : table(facts.groups, ["group", "position", "pending", "oldest_pending"]).trimEnd(),
  ])
}

/** Bytes for people. */
function size(bytes: number): string {
  if (bytes < 1_048_576) return `${(bytes / 1024).toFixed(1)} KiB`
  return `${(bytes / 1_048_576).toFixed(bytes < 10_485_760 ? 1 : 0)} MiB`
}
