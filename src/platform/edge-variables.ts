import { seconds, whole } from "./config-values.ts"

/** The variables about the public listeners and the way to the backends. */
export const edgeVariables = {
  PROXY_CONNECT_TIMEOUT: seconds(30, 1).describe("Seconds to reach a backend."),
  PROXY_REQUEST_TIMEOUT: seconds(120, 1).describe("Seconds until a backend's response headers."),
  FETCHER_NAVIGATION_TIMEOUT: seconds(25, 1).describe(
    "Seconds that a browser in front gets; nothing here fetches by one. A start with one that is not below PROXY_CONNECT_TIMEOUT warns.",
  ),
  EDGE_HANDSHAKE_TIMEOUT: seconds(10, 1).describe("Seconds for a TLS handshake."),
  EDGE_FIRST_BYTE_TIMEOUT: seconds(10, 1).describe("Seconds from connection to the first request byte."),
  EDGE_HEADERS_TIMEOUT: seconds(10, 1).describe("Seconds for a request's headers."),
  EDGE_BODY_MIN_RATE: whole(1024).describe("Bytes per second a request body must reach after 10 seconds."),
  EDGE_KEEPALIVE_TIMEOUT: seconds(65, 1).describe(
    "Seconds that a client connection is kept which is idle, or whose client takes nothing of an answer.",
  ),
  EDGE_MAX_HEADER_BYTES: whole(16_384, 1024).describe("Bytes of all request headers."),
  EDGE_MAX_HEADERS: whole(100, 10).describe("Number of request headers."),
  EDGE_MAX_URL_BYTES: whole(8192, 256).describe("Bytes of a request target."),
  EDGE_MAX_BODY_BYTES: whole(0).describe("Bytes of a proxied request body; 0 = no limit."),
  EDGE_MAX_HELD_BYTES: whole(268_435_456, 1_048_576).describe(
    "Bytes of MCP messages, requests and answers together, that may wait in memory to be judged; more is refused with 503.",
  ),
  EDGE_MAX_CONNECTIONS: whole(10_000, 1).describe("Client connections in all."),
  EDGE_MAX_CONNECTIONS_PER_IP: whole(500, 1).describe("Client connections of one address (IPv6: /64)."),
  EDGE_STREAM_IDLE_TIMEOUT: seconds(3600, 1).describe(
    "Seconds a stream may be silent both ways; comments of Gatehouse do not count.",
  ),
  EDGE_STREAM_KEEPALIVE: seconds(25, 0).describe(
    "Seconds after which a silent event stream of an MCP endpoint gets a comment; 0 = never.",
  ),
} as const
