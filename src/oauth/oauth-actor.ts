/** Who writes to the log on behalf of OAuth users and clients. */
export const oauthActor = { name: "system:oauth", admin: true } as const
