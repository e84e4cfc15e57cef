/**
 * The table `warren-N` of nftables, by itself and replaced as a whole:
 *
 *     forward       packets of peers for others are marked; segments of TCP fit the tunnel
 *     postrouting   marked ones leave under this machine's address (`snatSubnetRoutes`)
 *     output        connections of our own sockets are remembered
 *     prerouting    and their answers marked again, so that a strict check of sources (rp_filter) finds the way
 *                   that they came by, and not the exit node
 *
 * Other tables are not touched, and iptables is not used. A table outlives its process: the next one begins with
 * taking it away.
 */
import { execFile } from 'node:child_process';
import { VIA_ADDRESS } from '@warren/core/via/via-translator';
import { UNDERLAY_MARK } from '../net/underlay-mark.js';
import { deviceNumber } from '../tun/overlay-policy.js';
import { FORWARDED_MARK, hex, MARK_MASK } from './route-plan.js';

export interface TableWish {
  /** Peers' packets are let through to other devices. */
  readonly forwards: boolean;
  /** Under this machine's address. */
  readonly masquerades: boolean;
  /** Translated packets of peers (4via6) go on under this machine's address, whatever else does. */
  readonly translates?: boolean;
  /** Our own sockets go around an exit node. */
  readonly marks: boolean;
  /** Of the node; undefined: no socket. */
  readonly udpPort: number | undefined;
}

/** A table of some dozen lines takes milliseconds. */
const NFT_TIMEOUT_MS = 10_000;

export function tableName(tunName: string): string {
  return `warren-${deviceNumber(tunName)}`;
}

/** Text for `nft -f`: the table as it is to be, in one transaction. */
export function tableText(tunName: string, wish: TableWish): string {
  const name = tableName(tunName);
  const rest = hex(~MARK_MASK >>> 0);
  const isMarked = (mark: number): string => `meta mark & ${hex(MARK_MASK)} == ${hex(mark)}`;
  const chains: string[] = [];
  const chain = (chainName: string, head: string, rules: readonly string[]): void => {
    const lines = [`type ${head}; policy accept;`, ...rules].map((line) => `    ${line}`);
    chains.push([`  chain ${chainName} {`, ...lines, '  }'].join('\n'));
  };
  if (wish.forwards) {
    const clamp = 'tcp flags syn tcp option maxseg size set rt mtu';
    chain('forward', 'filter hook forward priority mangle', [
      `oifname "${tunName}" ${clamp}`,
      `iifname "${tunName}" ${clamp}`,
      `iifname "${tunName}" oifname != "${tunName}" meta mark set meta mark & ${rest} | ${hex(FORWARDED_MARK)}`,
    ]);
  }
  const leaving = [
    ...(wish.masquerades ? [`${isMarked(FORWARDED_MARK)} masquerade`] : []),
    // Nobody has a route back to this address.
    ...(wish.translates === true ? [`ip saddr ${VIA_ADDRESS} masquerade`] : []),
  ];
  if (wish.forwards && leaving.length > 0) {
    const rules = leaving.map((rule) => `oifname != "${tunName}" ${rule}`);
    chain('postrouting', 'nat hook postrouting priority srcnat', rules);
  }
  if (wish.marks) {
    chain('output', 'filter hook output priority mangle', [
      `${isMarked(UNDERLAY_MARK)} ct mark set meta mark & ${hex(MARK_MASK)}`,
    ]);
    chain('prerouting', 'filter hook prerouting priority mangle', [
      `iifname != "${tunName}" ct mark & ${hex(MARK_MASK)} == ${hex(UNDERLAY_MARK)} meta mark set meta mark & ${rest} | ${hex(UNDERLAY_MARK)}`,
      // Of strangers that no packet of ours went to.
      ...(wish.udpPort === undefined
        ? []
        : [
            `iifname != "${tunName}" fib daddr type local udp dport ${wish.udpPort} meta mark set meta mark & ${rest} | ${hex(UNDERLAY_MARK)}`,
          ]),
    ]);
  }
  return [
    `table inet ${name}`,
    `delete table inet ${name}`,
    ...(chains.length === 0 ? [] : [`table inet ${name} {`, ...chains, '}']),
    '',
  ].join('\n');
}

/** Why nft could not do it, in a few words; undefined: done. */
export function runNft(text: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = execFile(
      'nft',
      ['-f', '-'],
      { timeout: NFT_TIMEOUT_MS },
      (error, _out, stderr) => {
        if (error === null) resolve(undefined);
        else if (error.code === 'ENOENT') resolve('the `nft` command is not installed');
        else resolve(stderr.trim().split('\n')[0] ?? error.message);
      },
    );
    child.stdin?.on('error', () => undefined); // the exit code tells the story
    child.stdin?.end(text);
  });
}
