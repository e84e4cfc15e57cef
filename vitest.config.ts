import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Four rings. `unit` needs nothing; `system` starts processes on loopback; `lab` needs Linux namespaces;
 * `interop` needs the real peers from Debian's packages, inside namespaces. Test files name their ring:
 * x.test.ts, x.system.test.ts, x.lab.test.ts, x.interop.test.ts. Of lab and interop, what needs the computer for
 * itself is a ring of its own that follows, a file at a time: `lab-alone`, `interop-alone`.
 */
const ssr = { resolve: { conditions: ['source', 'node', 'import', 'default'] } };

/** Files at a time, on two cores: each has worlds of its own and waits more than it computes, interop nearly always. */
const LAB_FILES = 2;
const INTEROP_FILES = 3;

/** Delays to the millisecond; floods that have to be fast; namespaces that must be gone, whose numbers are given anew. */
const LAB_ALONE = ['delay/delay', 'faults/hostile', 'world/world-death'];
/** Floods. */
const INTEROP_ALONE = ['interop/wireguard-go-flood'];

/**
 * What takes minutes begins first, so that nothing runs alone at the end; what computes most beside what waits most.
 * The others are sorted by what they took last, or by size.
 */
const FIRST = [
  ...['fuzz/seeds-to-1000', 'fuzz/seeds-to-2000'],
  ...['matrix/matrix.lab', 'faults/recovery', 'faults/links', 'faults/relays', 'node/device'],
  ...['demo/agree', 'faults/removed-node', 'probe/nat-profiles', 'probe/port-mapping'],
  ...['matrix/why.lab', 'matrix/fixes', 'probe/routers'],
  ...[
    'interop/wireguard-go-traffic',
    'interop/wireguard-go.',
    'netcheck/description',
    'interop/stock-lifetime',
    'interop/coturn',
  ],
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}

function rank({ moduleId }: TestSpecification): number {
  const index = FIRST.findIndex((name) => moduleId.includes(`/${name}`));
  return index === -1 ? FIRST.length : index;
}

const NO_TESTS = ['**/node_modules/**', '**/dist/**'];
const filesOf = (ring: string, names: readonly string[]): string[] =>
  names.map((name) => `packages/*/src/${name}.${ring}.test.ts`);

/** Two projects of a ring that needs worlds: first several files at a time, then those that need the computer alone. */
function worldRing(ring: string, maxWorkers: number, alone: readonly string[], order: number) {
  const patience = { testTimeout: 300_000, hookTimeout: 120_000 };
  return [
    {
      ssr,
      test: {
        ...patience,
        name: ring,
        include: [`packages/*/src/**/*.${ring}.test.ts`],
        exclude: [...filesOf(ring, alone), ...NO_TESTS],
        maxWorkers,
        sequence: { groupOrder: order },
      },
    },
    {
      ssr,
      test: {
        ...patience,
        name: `${ring}-alone`,
        include: filesOf(ring, alone),
        maxWorkers: 1,
        sequence: { groupOrder: order + 1 },
      },
    },
  ];
}

export default defineConfig({
  test: {
    // Half of what the tests do is waiting: by default two cores would get one worker.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        ssr,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          exclude: ['**/*.{system,lab,interop}.test.ts', ...NO_TESTS],
          testTimeout: 20_000,
          // Loading everything anew for each of hundreds of files took as long as the tests.
          isolate: false,
        },
      },
      {
        ssr,
        test: {
          name: 'system',
          include: ['packages/*/src/**/*.system.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      ...worldRing('lab', LAB_FILES, LAB_ALONE, 1),
      ...worldRing('interop', INTEROP_FILES, INTEROP_ALONE, 3),
    ],
  },
});
