import type { StoredEvent } from "../../events/envelope.ts"

/** What cannot be taken back of an event, by its type. */
const sentences: Readonly<Record<string, (id: string) => string>> = {
  TokenCreated: (id) => `whoever used the token ${id} meanwhile has done so`,
  TokenDeleted: (id) =>
    `the value of the token ${id} is erased: a token of the same name and hash is made, which works for whoever still has the value, and can never be revealed`,
  TokenRevealed: (id) => `whoever saw the value of the token ${id} has seen it; delete the token and make another`,
  TokenReplaced: () => "ADMIN_TOKEN is set in the environment; set it there",
  CertificateDeleted: (id) => `the key of the certificate ${id} is erased: a new certificate is requested`,
  CertificateKeyDownloaded: (id) => `whoever has the key of the certificate ${id} has it; renew with force for another`,
  CertificateIssued: (id) => `the certificate ${id} was issued by the CA; delete it instead`,
  ClientDeleted: (id) => `the secret of the client ${id} is erased: it has to register again`,
  GrantIssued: (id) => `the grant ${id} was given by its user; revoke the session instead`,
  GrantRevoked: (id) => `the grant ${id} has ended: its user has to sign in again`,
  AccessTokenRevoked: (id) => `an access token of the grant ${id} was revoked: the client has to get another`,
  SigningKeyRetired: (id) => `the signing key ${id} is erased`,
  ServiceRemovalRequested: (id) =>
    `the containers of the service ${id} are gone, and what they had written outside of volumes; its secret variables are erased`,
  WebhookDeleted: (id) =>
    `the secret of the webhook ${id} is erased: one of the same name gets another; rotate it to see one`,
  SegmentArchived: () => "a part of the log was archived; it is read from there",
  CheckpointSigned: () => "a signature cannot be taken back",
}

/** Sentences about what of an event stays. */
export function remains({ type, id }: StoredEvent): string[] {
  const sentence = sentences[type]
  return sentence === undefined ? [] : [sentence(id)]
}
