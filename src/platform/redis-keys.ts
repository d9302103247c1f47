/** Every Redis key. `{gh}` is the log's slot, `{gho}` OAuth's keys with a TTL, `{gha}` the access log. */
export const keys = {
  commands: "{gh}:commands",
  events: "{gh}:events",
  head: "{gh}:head",
  versions: "{gh}:versions",
  outcomes: "{gh}:outcomes",
  deadLetters: "{gh}:deadletters",
  /** Outcomes that left no event. */
  decisions: "{gh}:decisions",
  /** Destroyed vault entries that wait for the rewrite of the append-only file. */
  erasure: "{gh}:erasure",
  outcome: (commandId: string) => `{gh}:outcome:${commandId}`,
  secret: (ref: string) => `{gh}:secret:${ref}`,
  lease: (name: string) => `{gh}:lease:${name}`,
  /** How far each webhook was served, by its id. */
  deliveries: "{gh}:deliveries",
  snapshot: (name: string) => `{gh}:snapshot:${name}`,
  /** OAuth state of one kind: `transaction`, `code`, `refresh`, `session`, `rate` … */
  oauth: (kind: string, id: string) => `{gho}:${kind}:${id}`,
  /** Lines of the OAuth records of one kind, by the time that each expires. */
  oauthIndex: (kind: string) => `{gho}:index:${kind}`,
  /** Counters of one bucket of time: of everything, or of what a digest stands for. */
  oauthCount: (bucket: string, digest: string) => `{gho}:count:${bucket}:${digest}`,
  /** Requests that were made with one thing. */
  oauthUsage: (digest: string) => `{gho}:usage:${digest}`,
  access: "{gha}:access",
  /** Requests that the access log ever took. */
  accessTotal: "{gha}:requests",
} as const

/** Consumer group of the decider on the commands stream. */
export const deciderGroup = "decider"
