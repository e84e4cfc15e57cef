import type { NodeKey } from '@warren/core/keys/keys';

/** A machine of the demo that has joined. */
export interface PairMember {
  readonly name: string;
  /** Overlay address. */
  readonly address: string;
  readonly nodeKey: NodeKey;
}
