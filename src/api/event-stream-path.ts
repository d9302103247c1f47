/** Where events are followed. */
export const eventStreamPath = "/api/v1/events/stream"
/** The WebSocket subprotocol that this server speaks there. */
export const eventsProtocol = "gatehouse.events.v1"
