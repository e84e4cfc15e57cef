/** The paths of a network as operators see them: what nodes report, what they reported, and what nobody tells. */
import { formatRfc3339 } from '@warren/core/base/rfc3339';
import { fullName } from '@warren/core/control/server/names';
import type { ControlState, NodeId, NodeRecord } from '@warren/core/control/server/state';
import { formatPublicKey, type NodeKey } from '@warren/core/keys/keys';
import type { PathInfo, PathsInfo } from './admin-types.js';
import type { PathBook } from './path-book.js';

/** Changes of one answer. */
const HISTORY_MAX = 500;
/** Pairs of which nobody tells; a network of stock clients has them all. */
const UNKNOWN_MAX = 200;

export interface PathsOptions {
  readonly state: ControlState;
  readonly paths: PathBook;
  readonly baseDomain: string;
  readonly isOnline: (node: NodeId) => boolean;
}

export function pathsInfo({ state, paths, baseDomain, isOnline }: PathsOptions): PathsInfo {
  const nameOf = (node: NodeRecord): string => fullName(node.label, baseDomain).replace(/\.$/, '');
  const nameOfId = (id: NodeId): string => {
    const node = state.nodes.get(id);
    return node === undefined ? `node ${id}` : nameOf(node);
  };
  const nameOfKey = (key: NodeKey): string => {
    const id = state.nodeIdByKey.get(key);
    return id === undefined ? formatPublicKey('node', key) : nameOfId(id);
  };
  const nodes = [...state.nodes.values()];
  const present = nodes.flatMap((node): PathInfo[] => {
    const report = paths.present(node.id);
    return (report?.paths ?? []).map((path) => ({
      from: nameOf(node),
      to: nameOfKey(path.peer),
      path: path.path,
      endpoint: path.endpoint ?? null,
      region: path.regionId ?? null,
      latencyMs: path.latencyMs ?? null,
      loss: path.loss ?? null,
      rxBytes: path.rxBytes,
      txBytes: path.txBytes,
      at: report === undefined ? null : formatRfc3339(report.at),
    }));
  });
  const silent = nodes.filter((node) => isOnline(node.id) && paths.present(node.id) === undefined);
  return {
    present: [...present, ...unknownPairs(silent.map(nameOf))],
    history: paths.history(HISTORY_MAX).map((change) => ({
      at: formatRfc3339(change.at),
      from: nameOfId(change.node),
      to: nameOfKey(change.peer),
      path: change.path,
      endpoint: change.endpoint ?? null,
      region: change.regionId ?? null,
      latencyMs: change.latencyMs ?? null,
    })),
  };
}

/** Each pair once. */
function unknownPairs(names: readonly string[]): readonly PathInfo[] {
  const pairs: PathInfo[] = [];
  for (const [index, from] of names.entries()) {
    for (const to of names.slice(index + 1)) {
      if (pairs.length >= UNKNOWN_MAX) return pairs;
      pairs.push({
        ...{ from, to, path: 'unknown', endpoint: null, region: null, latencyMs: null },
        ...{ loss: null, rxBytes: 0, txBytes: 0, at: null },
      });
    }
  }
  return pairs;
}
