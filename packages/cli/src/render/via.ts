/** 4via6 as `warren debug via` writes it. */
import { parsePrefix } from '@warren/core/ip/prefix';
import { SITE_MAX, viaNetwork, viaPrefix } from '@warren/core/via/via-prefix';
import { CliError } from '../errors.js';

export interface ViaReport {
  readonly site: number;
  readonly network: string;
  readonly prefix: string;
}

const HINT = 'such as `warren debug via 7 10.1.1.0/24`, or the other way round';

/** Throws USAGE. */
export function viaOfSite(siteText: string, networkText: string): ViaReport {
  const isNumber = /^(?:\d{1,5}|0x[0-9a-fA-F]{1,4})$/.test(siteText);
  const network = parsePrefix(networkText);
  const site = Number(siteText);
  if (!isNumber || site > SITE_MAX) {
    throw new CliError('USAGE', `"${siteText}" is no site: 0 to ${SITE_MAX}`, HINT);
  }
  const prefix = network === undefined ? undefined : viaPrefix({ site, network });
  if (network === undefined || prefix === undefined) {
    throw new CliError('USAGE', `"${networkText}" is no IPv4 network`, HINT);
  }
  return { site, network, prefix };
}

/** Throws USAGE. */
export function viaOfPrefix(text: string): ViaReport {
  const prefix = parsePrefix(text);
  const via = prefix === undefined ? undefined : viaNetwork(prefix);
  if (prefix === undefined || via === undefined) {
    throw new CliError('USAGE', `"${text}" stands for no IPv4 network of a site`, HINT);
  }
  return { ...via, prefix };
}
