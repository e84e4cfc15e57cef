/** Sizes of DNS and how much of it is taken. */

/** A label, RFC 1035 section 2.3.4. */
export const labelBytesMax = 63;
/** A whole name on the wire, length bytes and root included, RFC 1035 section 2.3.4. */
export const nameBytesMax = 255;
/** What a client without EDNS takes over UDP, RFC 1035 section 2.3.4. */
export const plainUdpBytesMax = 512;
/** What we offer and what we answer over UDP: fits any path of IPv6 unfragmented, DNS Flag Day 2020. */
export const ednsUdpBytes = 1232;
/** Whatever a client says, no larger answer goes out over UDP: what the old resolvers offered. */
export const answerUdpBytesMax = 4096;
/** A message over TCP: its length is 16 bits, RFC 1035 section 4.2.2. */
export const messageBytesMax = 65_535;
/** Records of one message: the most that 64 KiB hold is 5,957, and no honest answer has half of that. */
export const recordsMax = 2048;
/** Questions that wait for resolvers: far above what a busy machine asks at once. */
export const questionsMax = 256;
/** Exchanges with resolvers under way, a socket each: half of what a process may open by default. */
export const exchangesMax = 512;
/** Clients that wait for the same question: more of them is a loop or a flood. */
export const waitersMax = 64;
/** Kept answers. */
export const cacheEntriesMax = 4096;
/** Bytes of kept answers together. */
export const cacheBytesMax = 2 * 1024 * 1024;
/** Resolvers for one suffix; more would never be asked within a query's time. */
export const upstreamsMax = 8;
