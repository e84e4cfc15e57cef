/** Who runs which shell block of README.md. */

/** Run by `.ci/run` in a fresh clone, through run-blocks.ts. */
export const BLOCKS_ON_A_COMPUTER = ['start', 'no-portmap', 'look-around'] as const;

/** Run by two-machines.lab.test.ts, each on the machine that the text means. */
export const BLOCKS_IN_A_WORLD = ['command', 'hub', 'join', 'look', 'more-keys', 'remove'] as const;
