/** The proxy that this machine's environment names for HTTPS. Warren doesn't use it; people behind one want to know. */

/** URL without user and password; null: none is named. */
export function environmentProxy(env: Readonly<Record<string, string | undefined>>): string | null {
  const named = env['HTTPS_PROXY'] ?? env['https_proxy'] ?? env['ALL_PROXY'] ?? env['all_proxy'];
  if (named === undefined || named === '') return null;
  try {
    const url = new URL(named.includes('://') ? named : `http://${named}`);
    return `${url.protocol}//${url.host}`;
  } catch {
    return null;
  }
}
