/** Reads from the relays themselves how many data frames they carried between two node keys. */
import { request } from 'node:http';
import type { NodeKey } from '@warren/core/keys/keys';
import type { World } from '../world/world.js';
import { RELAY_PLACES, statsSocketOf } from './network.js';

interface PairCount {
  readonly source: NodeKey;
  readonly target: NodeKey;
  readonly dataFrames: number;
}

/** Data frames (not disco) in both directions between the keys, on all relays together, since their start. */
export async function relayDataFrames(world: World, a: NodeKey, b: NodeKey): Promise<number> {
  let frames = 0;
  for (const place of RELAY_PLACES) {
    const { pairs } = await readStats(statsSocketOf(world, place));
    for (const pair of pairs) {
      const isOurs =
        (pair.source === a && pair.target === b) || (pair.source === b && pair.target === a);
      if (isOurs) frames += pair.dataFrames;
    }
  }
  return frames;
}

function readStats(socketPath: string): Promise<{ readonly pairs: readonly PairCount[] }> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { socketPath, path: '/stats', headers: { host: 'stats' } },
      (response) => {
        let text = '';
        response.on('data', (part: Buffer) => {
          text += part.toString();
        });
        response.on('end', () => {
          try {
            resolve(JSON.parse(text) as { readonly pairs: readonly PairCount[] });
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        });
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}
