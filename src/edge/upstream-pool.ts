import { type Socket, connect as connectPlain, isIP } from "node:net"
import { connect as connectSecure } from "node:tls"
import { type ReadBuffers, type Reading, nextBuffer, readBuffers } from "./read-buffers.ts"
import type { KnownHead } from "./response-parser.ts"
import type { AddressBook } from "./upstream-address.ts"

/** Where requests of a proxy go. */
export interface UpstreamTarget {
  readonly secure: boolean
  /** Name or IP literal without brackets. */
  readonly hostname: string
  readonly port: number
}

/** One connection to an upstream. `Owner` is the exchange that has it; none while it is free. */
export interface UpstreamConnection<Owner> {
  readonly pool: UpstreamPool<Owner>
  /** Undefined until the first dial. */
  socket: Socket | undefined
  ready: boolean
  readonly reading: Reading
  owner: Owner | undefined
  /** Requests that were begun on it. */
  uses: number
  /** A free connection is not used after this; monotonic milliseconds. */
  idleUntil: number
  dead: boolean
}

/** Connections of one proxy to one target; never shared between proxies. */
export interface UpstreamPool<Owner> {
  readonly target: UpstreamTarget
  readonly mayDial: (address: string) => boolean
  readonly free: UpstreamConnection<Owner>[]
  readonly all: Set<UpstreamConnection<Owner>>
  /** Head of the newest answer: the next is mostly the same. */
  newest: KnownHead | undefined
  closed: boolean
}

/** What a connection tells its owner. */
export interface UpstreamEvents<Owner> {
  ready(owner: Owner, connection: UpstreamConnection<Owner>): void
  /** Bytes in a buffer that is used again: copy what is kept, or lend it (`lender`). @returns false to stop reading until `resumeReading` */
  data(owner: Owner, bytes: Buffer, length: number): boolean
  /** The upstream will send nothing more. */
  end(owner: Owner): void
  /** The socket takes bytes again after a write that returned false. */
  drain(owner: Owner): void
  /** The connection is gone, or was never made. Called once. */
  closed(owner: Owner, error: Error | undefined): void
}

/** Pools and the code that fills them. */
export interface Upstreams<Owner> {
  pool(target: UpstreamTarget, mayDial: (address: string) => boolean): UpstreamPool<Owner>
  /** A free connection, or undefined. @param at now, monotonic milliseconds */
  take(pool: UpstreamPool<Owner>, owner: Owner, at: number): UpstreamConnection<Owner> | undefined
  /** Begins a new connection; `ready` or `closed` follows, never before this returns. */
  dial(pool: UpstreamPool<Owner>, owner: Owner): UpstreamConnection<Owner>
  /** Gives a connection back. @param until how long it may wait for its next request, monotonic milliseconds */
  release(connection: UpstreamConnection<Owner>, until: number): void
  /** Ends a connection at once; its owner is not told. */
  destroy(connection: UpstreamConnection<Owner>): void
  /** No new requests; free connections end now, the others with their request. */
  close(pool: UpstreamPool<Owner>): void
  /** Drops connections that were free for too long. */
  sweep(): void
  /** Every connection that has an owner. */
  busy(): Generator<Owner>
  readonly buffers: ReadBuffers
  readonly pools: ReadonlySet<UpstreamPool<Owner>>
}

/** An address that policy keeps the edge from dialling. */
class ForbiddenAddress extends Error {
  override name = "ForbiddenAddress"
}

/**
 * Upstream connections on raw sockets. They read into one shared buffer, because libuv fills it and calls back in one step,
 * until a large answer is worth buffers of its own.
 * @param now monotonic milliseconds
 */
export function upstreams<Owner>(
  events: UpstreamEvents<Owner>,
  addresses: AddressBook,
  now: () => number,
): Upstreams<Owner> {
  const buffers = readBuffers()
  const pools = new Set<UpstreamPool<Owner>>()

  function destroy(connection: UpstreamConnection<Owner>): void {
    if (connection.dead) return
    connection.dead = true
    connection.owner = undefined
    const { pool } = connection
    pool.all.delete(connection)
    const at = pool.free.indexOf(connection)
    if (at !== -1) pool.free.splice(at, 1)
    if (pool.closed && pool.all.size === 0) pools.delete(pool)
    connection.socket?.destroy()
  }

  function lost(connection: UpstreamConnection<Owner>, error: Error | undefined): void {
    const { owner } = connection
    const known = !connection.dead
    destroy(connection)
    if (known && owner !== undefined) events.closed(owner, error)
  }

  function open(connection: UpstreamConnection<Owner>, candidates: readonly string[], index: number): void {
    const { reading, pool } = connection
    const { target } = pool
    const next = () => nextBuffer(reading, buffers)
    const callback = (length: number, bytes: Uint8Array): boolean => {
      const { owner } = connection
      if (owner !== undefined) return events.data(owner, bytes as Buffer, length)
      // Nobody asked for these bytes: they must not become the answer to the next request.
      destroy(connection)
      return false
    }
    const common = { host: candidates[index]!, port: target.port, onread: { buffer: next, callback } }
    const socket = target.secure
      ? connectSecure({
          ...common,
          ALPNProtocols: ["http/1.1"],
          minVersion: "TLSv1.2",
          ...(isIP(target.hostname) === 0 && { servername: target.hostname }),
        })
      : connectPlain(common)
    connection.socket = socket
    socket.setNoDelay(true)
    let failure: Error | undefined
    socket.once(target.secure ? "secureConnect" : "connect", () => {
      connection.ready = true
      if (connection.owner !== undefined) events.ready(connection.owner, connection)
    })
    socket.on("error", (error) => (failure = error))
    socket.on("drain", () => connection.owner !== undefined && events.drain(connection.owner))
    socket.on("end", () => {
      if (connection.owner === undefined) destroy(connection)
      else events.end(connection.owner)
    })
    socket.on("close", () => {
      if (connection.dead) return
      if (!connection.ready && index + 1 < candidates.length) open(connection, candidates, index + 1)
      else lost(connection, failure)
    })
  }

  return {
    buffers,
    pools,
    pool(target, mayDial) {
      const made: UpstreamPool<Owner> = { target, mayDial, free: [], all: new Set(), newest: undefined, closed: false }
      pools.add(made)
      return made
    },
    take(pool, owner, at) {
      for (let connection = pool.free.pop(); connection !== undefined; connection = pool.free.pop()) {
        if (at < connection.idleUntil && connection.socket?.writable === true) {
          connection.owner = owner
          connection.uses += 1
          return connection
        }
        destroy(connection)
      }
      return undefined
    },
    dial(pool, owner) {
      const connection: UpstreamConnection<Owner> = {
        pool,
        socket: undefined,
        ready: false,
        reading: { current: buffers.shared, bulk: false, leased: false },
        owner,
        uses: 1,
        idleUntil: 0,
        dead: false,
      }
      pool.all.add(connection)
      const found = (error: Error | undefined, candidates: readonly string[]) => {
        if (connection.dead) return
        // One bad address among good ones is how a name is made to point inside: all must be allowed.
        const refused = candidates.find((address) => !pool.mayDial(address))
        if (error !== undefined) lost(connection, error)
        else if (refused !== undefined) lost(connection, new ForbiddenAddress(`${refused} may not be dialled`))
        else open(connection, candidates, 0)
      }
      process.nextTick(() => addresses.resolve(pool.target.hostname, found))
      return connection
    },
    release(connection, until) {
      connection.owner = undefined
      connection.reading.bulk = false
      if (connection.pool.closed || connection.socket?.writable !== true) return destroy(connection)
      connection.idleUntil = until
      connection.pool.free.push(connection)
    },
    destroy,
    close(pool) {
      pool.closed = true
      for (const connection of pool.free.slice()) destroy(connection)
      if (pool.all.size === 0) pools.delete(pool)
    },
    sweep() {
      const at = now()
      for (const pool of pools)
        for (const connection of pool.free.filter(({ idleUntil }) => at >= idleUntil)) destroy(connection)
    },
    *busy() {
      for (const pool of pools) for (const { owner } of pool.all) if (owner !== undefined) yield owner
    },
  }
}
