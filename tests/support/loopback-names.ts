// Preloaded by programs of others (`NODE_OPTIONS`): names below localhost are this machine, as in browsers and curl;
// many a system's name service does not know them.
import dns, { type LookupAddress, type LookupOptions } from "node:dns"

type Answer = (error: null, address: string | LookupAddress[], family?: number) => void

const lookup = dns.lookup as unknown as (name: string, options: LookupOptions, done: Answer) => void
const own: typeof lookup = (name, options, done) => {
  if (!name.endsWith(".localhost")) return lookup(name, options, done)
  if (options.all) process.nextTick(done, null, [{ address: "127.0.0.1", family: 4 }])
  else process.nextTick(done, null, "127.0.0.1", 4)
}
dns.lookup = own as never
