/** Bounds of the PacketEngine that aren't WireGuard's own (those stand in `wireguard/`). */

/** Peers; a larger network is refused peer by peer and counted. Tailnets end near 10,000. */
export const MAX_PEERS = 16_384;

/** Paths of one peer that a packet goes out on: a direct one and a relay, with room for one more of each. */
export const MAX_PATHS = 4;

/** Packets in one `relay-send`: what a relay link of 50 Mbit/s carries in 100 ms. More is dropped here, early. */
export const MAX_RELAY_PACKETS = 512;

/** Disco and STUN datagrams that may go up at once; a birthday attack opens 256 sockets in one go. */
export const UP_DATAGRAM_BURST = 1_024;
/**
 * And then per second, so that a flood from outside can't fill the other engine's mailbox. From strangers and
 * from places that we asked lately apart, so that strangers can't drown answers.
 */
export const UP_DATAGRAMS_PER_SECOND = 2_000;
/** Pings are answered within 5 s, and repeated every 3 s where data goes. */
export const ASKED_REMOTE_MS = 10_000;
/** Places that we asked; the oldest make room. All candidates of some dozen peers at once. */
export const MAX_ASKED_REMOTES = 1_024;

/** `peer-active`, `authenticated` and `send-failed` go up once per this and subject. */
export const REPORT_INTERVAL_MS = 1_000;

/** Paths per peer whose last authenticated packet is remembered; more in one second go unreported. */
export const REPORTED_PATHS = 8;

/** Failed sends (socket and remote) remembered for the rate limit. */
export const REPORTED_SEND_FAILURES = 256;

/** A `followsSource` peer moves at most once per this: two sources in turn must not flood the other engine. */
export const ROAM_INTERVAL_MS = 100;

/** Sources whose path object is kept; beyond that all are forgotten at once and made anew. */
export const MAX_KNOWN_SOURCES = 4_096;
