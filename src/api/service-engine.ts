/** What the API asks of the container engine; the composition root hands it in. Everything throws GatehouseError. */
export interface ServiceEngine {
  /** Last lines of a service's container, oldest first. @throws `invalid_state` without a container, `docker_unavailable` */
  logs(service: string, options: LogOptions): Promise<readonly string[]>
  /** The same, and what follows until `signal` ends it. */
  follow(service: string, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<string>>
  /** @throws `invalid_state` unless it runs, `docker_unavailable` */
  stats(service: string): Promise<ServiceStats>
  /** Containers of this installation that no record names. */
  unrecorded(): Promise<readonly UnrecordedContainer[]>
  /** Removes one of these, after looking again. @returns false when it is none any more */
  removeUnrecorded(containerId: string): Promise<boolean>
  /** Services whose container should run and is not there. */
  missing(): Promise<readonly string[]>
}

/** Which lines. */
export interface LogOptions {
  readonly lines: number
  /** Each line begins with its time. */
  readonly timestamps: boolean
  /** Seconds since 1970. */
  readonly since: number | undefined
}

/** What a container uses now. Bytes, percent of one CPU. */
export interface ServiceStats {
  readonly cpu_percent: number
  readonly memory_usage: number
  readonly memory_limit: number
  readonly network_rx: number
  readonly network_tx: number
  readonly pids: number
  readonly uptime_seconds: number
}

/** A container of this installation without a record. */
export interface UnrecordedContainer {
  readonly container_id: string
  readonly service: string
}
