import fc from "fast-check"

/** Properties are tried with the same examples in every run: what one run shows, any other does. `just test-properties` tries others; a failure names its seed. */
export const seed = Number(process.env["PROPERTY_SEED"] || "20261126")
fc.configureGlobal({ seed })

export { fc }
