/** Messages as the bytes of a stream. Most viewers of a change are told the same, and get the same bytes. */
import type { WireMapResponse, WireNode } from '../../netmap/wire.js';
import { encodeMapResponse } from '../../netmap/wire-json.js';
import { encodeMapFrame, KEEP_ALIVE_JSON } from '../map-framing.js';
import { tagsOf } from './map-resume.js';
import type { MapSession, SessionDelta } from './map-session.js';
import type { PartTags } from './part-tags.js';
import type { PublishedNetwork } from './published-network.js';

export class MapFrames {
  readonly #network: PublishedNetwork;
  readonly #tags: PartTags;
  readonly #frames = new Map<string, Uint8Array>();

  constructor(network: PublishedNetwork, tags: PartTags) {
    this.#network = network;
    this.#tags = tags;
  }

  /** Forgets the frames of this moment. */
  clear(): void {
    this.#frames.clear();
  }

  keepAlive({ compression }: MapSession): Uint8Array {
    return encodeMapFrame(KEEP_ALIVE_JSON, compression);
  }

  /** A message for nobody else; `stated`: the peers in it, as they are now. */
  single(
    session: MapSession,
    response: WireMapResponse,
    stated: readonly WireNode[] = [],
  ): Uint8Array {
    const tagged = this.#withTags(session, response, stated);
    return encodeMapFrame(encodeMapResponse(tagged), session.compression);
  }

  delta(session: MapSession, { response, stated, key }: SessionDelta): Uint8Array {
    if (key === undefined) return this.single(session, response, stated);
    const name = `${session.compression} ${session.isTagged} ${key}`;
    let frame = this.#frames.get(name);
    if (frame === undefined) {
      frame = this.single(session, response, stated);
      this.#frames.set(name, frame);
    }
    return frame;
  }

  #withTags(
    session: MapSession,
    response: WireMapResponse,
    stated: readonly WireNode[],
  ): WireMapResponse {
    if (!session.isTagged || response.WarrenTags !== undefined) return response;
    const tags = tagsOf(response, stated, session.head, this.#network, this.#tags);
    return Object.keys(tags).length === 0 ? response : { ...response, WarrenTags: tags };
  }
}
