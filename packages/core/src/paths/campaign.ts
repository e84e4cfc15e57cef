/**
 * What two plans make of each other: how many sockets our side uses, and which ports they ping in which order.
 *
 *     ours \ theirs     list of one          list of many            small scatter          large scatter
 *     list of one       list                 list                    guess                  guess
 *     list of many      list                 list                    list (in our order)    -
 *     small scatter     open                 sweep                   sweep                  -
 *     large scatter     open                 -                       -                      -
 *
 *     list    one socket goes through the ports, in the order of both NATs' counting. Where both NATs count, whoever
 *             was asked takes every second port: its place in the other's list so grows past the number of ports
 *             that third parties took meanwhile, whatever that is, and there the two meet. Both going through all,
 *             they never would, once a single port was taken
 *     guess   one socket pings random ports of a range, none twice: one of the many sockets there is hit
 *     open    many sockets send one ping each: so the guesses get through our NAT
 *     sweep   a few sockets go through the range each: n pings on both sides of ranges R1 and R2 meet n*n/(R1*R2) times
 *     -       nothing that fits a budget, but where a scatter's NAT lets in whole addresses: then it opens, the other guesses
 */
import type { SocketId } from '../engines/paths.js';
import type { Endpoint } from '../ip/address.js';
import type { Random } from '../ports.js';
import { guesses } from './guesses.js';
import { portsOf, probeOrder, rangePortsMax } from './port-plan.js';
import type { Ports } from './ports.js';
import { scatterSocketsMax, socketsFor } from './scatter-range.js';

/** What one attempt may send. */
export const campaignPingsMax = 1500;
/** The expected number of meetings of two sweeps: none at all once in 3,000 times. */
const meetingsWanted = 8;
/** The first pings of whoever begins are lost at the other's NAT; short lists are gone through again. */
const listRounds = 3;
const repeatedPortsMax = 64;
const oneRound = { rounds: 1, stride: 1 } as const;

export type CampaignKind = 'list' | 'guess' | 'open' | 'sweep';

export interface Campaign {
  readonly kind: CampaignKind;
  /** Of the pool; 0: the attempt's own socket is used. */
  readonly sockets: number;
  /** At most; of one round. */
  readonly pings: number;
  /** How often its pings are sent. */
  readonly rounds: number;
  /** Of a list, every so many ports are pinged. */
  readonly stride: number;
}

/** One ping of a campaign. */
export interface Probe {
  /** Of the campaign's sockets, from 0. */
  readonly socket: number;
  readonly remote: Endpoint;
}

/** What we do when `ours` and `theirs` meet; undefined: nothing that could succeed. `isAsker`: ours came first. */
export function campaignOf(ours: Ports, theirs: Ports, isAsker: boolean): Campaign | undefined {
  if (theirs.kind === 'list' && ours.kind === 'list') {
    const stride = ours.count > 1 && theirs.count > 1 && !isAsker ? 2 : 1;
    const pings = Math.ceil(theirs.count / stride);
    return { kind: 'list', sockets: 0, pings, rounds: roundsOf(theirs), stride };
  }
  if (ours.kind === 'list') return listToScatter(ours, theirs);
  if (theirs.kind === 'list' && theirs.count === 1) return opener(ours);
  if (isSmall(ours) && (theirs.kind === 'list' || isSmall(theirs))) return sweep(ours, theirs);
  return permitted(ours, theirs, isAsker);
}

/** What going through a plan will cost us; `ours` undefined: as far as can be said before it is measured. */
export function costOf(ours: Ports | undefined, theirs: Ports, isAsker: boolean): number {
  if (ours !== undefined) {
    const campaign = campaignOf(ours, theirs, isAsker);
    return campaign === undefined ? 0 : campaign.pings * campaign.rounds;
  }
  if (theirs.kind === 'scatter') return campaignPingsMax;
  return theirs.count === 1 ? scatterSocketsMax : theirs.count * roundsOf(theirs);
}

function listToScatter(ours: Ports, theirs: Ports): Campaign | undefined {
  const pings = Math.min(theirs.count, campaignPingsMax);
  if (ours.count === 1 || theirs.isOpenToAddress) {
    return { kind: 'guess', sockets: 0, pings, ...oneRound };
  }
  // Each ping takes our next port, and the other side knows of so many.
  return isSmall(theirs)
    ? {
        kind: 'list',
        sockets: 0,
        pings: Math.min(pings, ours.count),
        rounds: listRounds,
        stride: 1,
      }
    : undefined;
}

function opener(ours: Ports): Campaign {
  const sockets = socketsFor(ours.count);
  return { kind: 'open', sockets, pings: sockets, ...oneRound };
}

function sweep(ours: Ports, theirs: Ports): Campaign {
  const wanted = Math.ceil(Math.sqrt(meetingsWanted * ours.count * theirs.count));
  const most = theirs.kind === 'list' ? socketsFor(ours.count) * theirs.count : wanted;
  const pings = Math.min(campaignPingsMax, most);
  return { kind: 'sweep', sockets: Math.ceil(pings / theirs.count), pings, ...oneRound };
}

/** One of two NATs that choose at random lets in the whole address: its side opens, the other guesses. */
function permitted(ours: Ports, theirs: Ports, isAsker: boolean): Campaign | undefined {
  const weOpen = ours.isOpenToAddress && (!theirs.isOpenToAddress || isAsker);
  if (weOpen) return opener(ours);
  if (!theirs.isOpenToAddress) return undefined;
  const pings = Math.min(theirs.count, campaignPingsMax);
  return { kind: 'guess', sockets: 1, pings, ...oneRound };
}

/** A range as few samples show it is wider than the real one, up to twice; what is sent beside it costs, and no more. */
function isSmall({ count }: Ports): boolean {
  return count < 2 * rangePortsMax;
}

function roundsOf({ count }: Ports): number {
  return count <= repeatedPortsMax ? listRounds : 1;
}

/** The pings of one round. */
export function* probesOf(
  { kind, sockets, pings, stride }: Campaign,
  theirs: Ports,
  random: Random,
): Generator<Probe, undefined> {
  switch (kind) {
    case 'list':
      for (const remote of probeOrder(theirs)
        .filter((_, index) => index % stride === 0)
        .slice(0, pings)) {
        yield { socket: 0, remote };
      }
      return undefined;
    case 'guess':
      for (const remote of guesses(theirs, pings, random)) yield { socket: 0, remote };
      return undefined;
    case 'open':
      for (let socket = 0; socket < sockets; socket++) yield { socket, remote: theirs.first };
      return undefined;
    case 'sweep':
      yield* sweepProbes(sockets, pings, theirs, random);
      return undefined;
  }
}

/** All sockets in turn, each in an order of its own; a list keeps its order, for its first ports come first. */
function* sweepProbes(
  sockets: number,
  pings: number,
  theirs: Ports,
  random: Random,
): Generator<Probe, undefined> {
  const orders = Array.from({ length: sockets }, () =>
    theirs.kind === 'list' ? portsOf(theirs) : guesses(theirs, theirs.count, random),
  ).map((order) => order[Symbol.iterator]());
  for (let sent = 0; sent < pings; sent++) {
    const socket = sent % sockets;
    const next = orders[socket]?.next();
    if (next?.done !== false) continue;
    yield { socket, remote: next.value };
  }
  return undefined;
}

/** Sockets by the numbers of a campaign's. */
export function socketOf(
  probe: Probe,
  pool: readonly SocketId[],
  own: SocketId,
): SocketId | undefined {
  return pool.length === 0 ? own : pool[probe.socket];
}
