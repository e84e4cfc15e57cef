/**
 * A policy file of many rules: each has a port and twenty sources of its own, no two of them neighbours, so that nothing
 * merges, which is the worst that so many rules can be. The last rule lets the bench in; with none before it, it's all there is.
 */
import { BENCH_PORTS } from './iperf.js';

const SOURCES = 20;
const FIRST_PORT = 10_000;

/** Source number `index`, of the overlay's IPv4 range, far from what machines are given first. */
function address(index: number): string {
  const host = 2 * index;
  return `100.${100 + (host >> 16)}.${(host >> 8) & 255}.${host & 255}`;
}

/** The file's text. */
export function filterFile(rules: number): string {
  const many = Array.from({ length: rules }, (_, rule) => ({
    action: 'accept',
    src: Array.from({ length: SOURCES }, (_source, index) => address(rule * SOURCES + index)),
    dst: [`*:${FIRST_PORT + rule}`],
  }));
  const bench = { action: 'accept', src: ['*'], dst: [`*:${BENCH_PORTS}`] };
  return JSON.stringify({ acls: [...many, bench] });
}
