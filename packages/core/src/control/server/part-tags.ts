/** The tags of what a server states (netmap/map-tags.ts). Made once for each object, as long as it is the same. */
import { encodeBase64Url, encodeUtf8 } from '../../base/text.js';
import type { ViewHead } from '../../netmap/diff.js';
import type { WireHeadPart, WireNode, WireUserProfile } from '../../netmap/wire.js';
import { textOf } from '../../netmap/wire-json.js';
import type { Crypto } from '../../ports.js';

/** Two states of one part get the same tag once in 2^64. */
const TAG_BYTES = 8;

interface PeerTag {
  readonly user: string;
  readonly tag: string;
}

export class PartTags {
  readonly #crypto: Pick<Crypto, 'blake2s'>;
  readonly #parts = new WeakMap<object, string>();
  readonly #peers = new WeakMap<WireNode, PeerTag>();

  constructor(crypto: Pick<Crypto, 'blake2s'>) {
    this.#crypto = crypto;
  }

  /** Of a peer together with its user's profile, which goes with it. */
  ofPeer(peer: WireNode, { LoginName, DisplayName }: WireUserProfile): string {
    const user = `${LoginName}\n${DisplayName}`;
    const known = this.#peers.get(peer);
    if (known?.user === user) return known.tag;
    const tag = this.#tag(`${textOf(peer)}\n${user}`);
    this.#peers.set(peer, { user, tag });
    return tag;
  }

  /** Of what a node is told besides its peers. */
  ofHead(head: ViewHead): ReadonlyMap<WireHeadPart, string> {
    const tags = new Map<WireHeadPart, string>([
      ['Node', this.#of(head.node)],
      ['DERPMap', this.#of(head.relayMap)],
      ['DNSConfig', this.#of(head.dnsConfig)],
      ['PacketFilters', this.#of(head.packetFilters)],
    ]);
    if (head.sshPolicy !== undefined) tags.set('SSHPolicy', this.#of(head.sshPolicy));
    return tags;
  }

  #of(part: object): string {
    let tag = this.#parts.get(part);
    if (tag === undefined) {
      tag = this.#tag(textOf(part));
      this.#parts.set(part, tag);
    }
    return tag;
  }

  #tag(text: string): string {
    return encodeBase64Url(this.#crypto.blake2s(16, encodeUtf8(text)).subarray(0, TAG_BYTES));
  }
}
