/** Who has an address or a name: GET /v0/whois. */

export interface WhoisReport {
  readonly machine: {
    readonly name: string;
    readonly id: string;
    readonly hostName: string;
    readonly os: string;
    /** Prefixes of one address each. */
    readonly addresses: readonly string[];
    readonly allowedIps: readonly string[];
    readonly tags: readonly string[];
    /** What control lets it do beside talking. */
    readonly capabilities: readonly string[];
    /** `ssh-ed25519 AAAA...`; empty: it tells none. */
    readonly sshHostKeys: readonly string[];
    /** It is this machine. */
    readonly isSelf: boolean;
  };
  /** Its owner; of tagged machines the one that all of them have. */
  readonly user: { readonly id: number; readonly loginName: string; readonly displayName: string };
}
