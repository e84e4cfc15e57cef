/**
 * Capability versions: one number that says what a client of this protocol understands.
 */

/**
 * What our client announces. 113 is the lowest that headscale admits today, and everything up to it is
 * honoured here: delta maps, separate lite updates (68), PacketFilters (81), HomeDERP (111), AllowedIPs left
 * out (112). Not higher: from 120 on a server may expect peer relays of us. headscale raises its floor about
 * every two months, so this has to follow.
 */
export const CAP_VERSION = 113;

/** The lowest that our server admits (stock 1.74); it relies on what came up to there. Never refuse higher. */
export const CAP_VERSION_MIN = 106;
