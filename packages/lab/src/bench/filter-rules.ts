/**
 * A packet filter file of many rules: each has a port and twenty sources of its own, so that nothing merges, which is the
 * worst that so many rules can be. The last rule lets the bench in; with none before it, it's all there is.
 */
import { BENCH_PORTS } from './iperf.js';

const SOURCES = 20;
const FIRST_PORT = 10_000;

/** Source number `host`, of the overlay's IPv4 range, far from what machines are given first. */
function address(host: number): string {
  return `100.${100 + (host >> 16)}.${(host >> 8) & 255}.${host & 255}`;
}

/** The file's text. */
export function filterFile(rules: number): string {
  const many = Array.from({ length: rules }, (_, rule) => ({
    from: Array.from({ length: SOURCES }, (_source, index) => address(rule * SOURCES + index)),
    to: [`*:${FIRST_PORT + rule}`],
  }));
  return JSON.stringify({ rules: [...many, { from: ['*'], to: [`*:${BENCH_PORTS}`] }] });
}
