/** Bounds of the packet filter. What goes over them is dropped and counted; rules only allow, so it stays shut. */

/** Clauses (a target, its ports, its protocols) of one family: 8 KB to intersect in the worst packet. */
export const CLAUSES_MAX = 16_384;
/** Pairs of a source and a clause that naming takes to compile: about 100 ms. */
export const PAIRS_MAX = 1_000_000;
/** 32-bit words of all sets of one family: 32 MB. */
export const WORDS_MAX = 8 * 1024 * 1024;

/** Flows remembered: as many as a busy resolver or a swarm keeps at a time; 400 KB. */
export const FLOWS_MAX = 8_192;
/** Flows that share a hash and so compete for room. */
export const FLOWS_PER_BUCKET = 8;
/** RFC 4787 REQ-5 recommends 5 minutes for UDP mappings; whoever keeps a NAT open keeps us open. */
export const FLOW_LIFE_S = 300;
/** RFC 5508 REQ-1: an ICMP query session lives for 60 s. */
export const ECHO_LIFE_S = 60;
