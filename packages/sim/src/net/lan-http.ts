/** HTTP as far as it matters on a LAN: whole requests and answers between a host and a router. */

export interface LanHttpRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface LanHttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** What became of an exchange; a reason as systems name it. */
export type LanHttpOutcome = LanHttpAnswer | { readonly failed: string };
