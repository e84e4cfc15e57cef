/**
 * The world of the figures about easy NATs: four homes, each two 62 ms apart, and two relays 15 ms from the middle, so
 * that a relayed round trip takes twice as long as a direct one. Two homes run Warren, two stock clients.
 */
import { type Town, townOf, townRttMs } from '@warren/sim/topology/town';

const town: Town = {
  name: 'four-homes',
  servers: ['hub', 'relay'],
  serverAccessMs: 15,
  homeAccessMs: 15.5,
  homes: ['ours-a', 'ours-b', 'stock-a', 'stock-b'].map((name) => ({ name, nat: 'easy' })),
};

/** Round trips by the wires alone. */
export const { directRttMs, relayRttMs } = townRttMs(town);

export const fourHomes = townOf(town);
