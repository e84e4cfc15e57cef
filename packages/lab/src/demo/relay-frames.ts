/** Reads from the relays themselves how many data frames they carried between two node keys. */
import type { NodeKey } from '@warren/core/keys/keys';
import { statsSocketOf } from '../mesh/places.js';
import { getJson } from '../mesh/socket-json.js';
import type { World } from '../world/world.js';

interface PairCount {
  readonly source: NodeKey;
  readonly target: NodeKey;
  readonly dataFrames: number;
}

interface RelayPairs {
  readonly pairs: readonly PairCount[];
}

/** Data frames (not disco) in both directions between the keys, on all relays together, since their start. */
export async function relayDataFrames(world: World, a: NodeKey, b: NodeKey): Promise<number> {
  let frames = 0;
  for (const { name: place } of world.topology.hosts) {
    const { pairs } = await getJson<RelayPairs>(statsSocketOf(world, place), 'stats', '/stats');
    for (const pair of pairs) {
      const isOurs =
        (pair.source === a && pair.target === b) || (pair.source === b && pair.target === a);
      if (isOurs) frames += pair.dataFrames;
    }
  }
  return frames;
}
