/**
 * What one node's new endpoint costs a control server: `node scripts/policy-bench.mjs [nodes]`, after
 * `npm run build`. Everybody is connected, in groups that see each other and nobody else.
 *
 * Prints milliseconds of processor time: of one endpoint change from request to the last viewer's frame, for
 * groups of several sizes; of another policy, and of the first full maps.
 */
import { IdMap } from '../packages/core/dist/base/id-map.js';
import { SeededRandom } from '../packages/core/dist/base/seeded-random.js';
import { addressesOf } from '../packages/core/dist/control/server/addresses.js';
import { coalesceMs, MapSessions } from '../packages/core/dist/control/server/sessions.js';
import { emptyState, withNode } from '../packages/core/dist/control/server/state.js';
import { indexNodeKeys } from '../packages/core/dist/control/server/state-changes.js';
import { CompiledPolicy } from '../packages/core/dist/policy/compiled-policy.js';
import { OPEN_POLICY } from '../packages/core/dist/policy/policy.js';

const NODES = Number(process.argv[2] ?? 10_000);
const GROUPS = [10, 50, 100, 500];
const CHANGES = 400;
const TAILNET = 'default';
const START = Date.UTC(2026, 0, 1);

function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const hex = (id, kind) => kind + id.toString(16).padStart(62, '0');

function nodeOf(id, groupSize) {
  return {
    ...{ id, stableId: `n${id}`, tailnet: TAILNET, userId: 0, ephemeral: false, capVersion: 130 },
    ...{ machineKey: hex(id, 'aa'), nodeKey: hex(id, 'bb'), discoKey: hex(id, 'cc') },
    tags: [`tag:g${Math.floor((id - 1) / groupSize)}`],
    addresses: addressesOf(id),
    ...{ label: `host-${id}`, labelGiven: false, hostName: `host-${id}`, authKeyId: undefined },
    hostInfo: { OS: 'linux', Hostname: `host-${id}`, GoArch: 'amd64' },
    netInfo: { PreferredDERP: 900 },
    endpoints: [{ endpoint: `192.0.2.1:${1 + (id % 65_000)}`, type: 2 }],
    ...{ createdAt: START, keyExpiry: undefined, lastSeen: undefined, approvedRoutes: [] },
  };
}

function policyOf(groupSize) {
  const rules = Array.from({ length: Math.ceil(NODES / groupSize) }, (_, group) => {
    const who = [{ kind: 'tag', tag: `tag:g${group}` }];
    const allows = [{ protocols: undefined, ports: [{ first: 0, last: 65_535 }] }];
    return { line: group, sources: who, targets: who, allows, capabilities: new Map() };
  });
  const policy = new CompiledPolicy({ ...OPEN_POLICY, isOpen: false, rules });
  return new Map([[TAILNET, policy]]);
}

function stateOf(groupSize) {
  const nodes = new Map();
  for (let id = 1; id <= NODES; id++) nodes.set(id, nodeOf(id, groupSize));
  return {
    ...emptyState(),
    nodes: IdMap.of(nodes),
    nodeIdByKey: indexNodeKeys(nodes),
    nextNodeId: NODES + 1,
  };
}

/** Takes every frame at once; counts them. */
function drain(sessions, now) {
  const counts = { frames: 0, bytes: 0 };
  for (let output = sessions.poll(); output !== undefined; output = sessions.poll()) {
    if (output.type !== 'write') continue;
    counts.frames++;
    counts.bytes += output.bytes.length;
    sessions.handle({ type: 'drained', session: output.session }, now, START + now);
  }
  return counts;
}

function measure(groupSize) {
  const policies = policyOf(groupSize);
  const settings = { baseDomain: 'net.example', relayMap: { Regions: {} }, policies };
  let state = stateOf(groupSize);
  const sessions = new MapSessions(state, settings, new SeededRandom(1));
  let now = 1000;
  const handle = (input) => sessions.handle(input, now, START + now);
  let began = cpuMs();
  for (let id = 1; id <= NODES; id++) {
    handle({ type: 'open', session: id, nodeKey: hex(id, 'bb'), compression: 'zstd' });
    drain(sessions, now);
  }
  const fullMs = (cpuMs() - began) / NODES;
  now += coalesceMs;
  handle({ type: 'timeout' });
  drain(sessions, now);

  const change = (round) => {
    const id = 1 + ((round * 7919) % NODES);
    const endpoints = [{ endpoint: `198.51.100.7:${1 + (round % 65_000)}`, type: 2 }];
    state = withNode(state, { ...state.nodes.get(id), endpoints });
    handle({ type: 'state', state });
    now += coalesceMs;
    handle({ type: 'timeout' });
    return drain(sessions, now);
  };
  for (let round = 0; round < 50; round++) change(round);
  let frames = 0;
  began = cpuMs();
  for (let round = 50; round < 50 + CHANGES; round++) frames += change(round).frames;
  const changeMs = (cpuMs() - began) / CHANGES;

  began = cpuMs();
  handle({ type: 'policies', policies: policyOf(groupSize) });
  now += coalesceMs;
  handle({ type: 'timeout' });
  drain(sessions, now);
  return { changeMs, frames: frames / CHANGES, fullMs, policyMs: cpuMs() - began };
}

const cell = (text) => String(text).padStart(12);
console.log(`${NODES} nodes on stream`);
console.log(['peers', 'frames', 'change ms', 'full map ms', 'policy ms'].map(cell).join(''));
for (const size of GROUPS) {
  if (size > NODES) continue;
  const { changeMs, frames, fullMs, policyMs } = measure(size);
  const row = [size - 1, frames, changeMs.toFixed(3), fullMs.toFixed(3), policyMs.toFixed(0)];
  console.log(row.map(cell).join(''));
}
const { rss } = process.memoryUsage();
console.log(`resident memory at the end: ${Math.round(rss / 2 ** 20)} MB`);
