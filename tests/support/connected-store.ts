import type { ConnectRedis } from "../../src/platform/redis.ts"
import type { EventStore } from "../../src/platform/event-store.ts"
import { eventually } from "./records.ts"
import { redisEventStore } from "../../src/platform/redis-event-store.ts"

/** A store that answers, on both its connections. A call waits a part of a second for one that is being made; a busy machine takes longer. */
export async function connectedStore(connect: ConnectRedis): Promise<EventStore> {
  const store = redisEventStore(connect)
  await eventually(() =>
    Promise.all([store.head(), store.read(0, 1)]).then(
      () => true,
      () => false,
    ),
  )
  return store
}
