/**
 * The mark on this node's own packets (SO_MARK): rules of routes/route-plan.ts lead what bears it around an exit node
 * and around subnets of peers, through the main table.
 */
/** In bits that programs like Tailscale's use likewise, and another value than theirs. */
export const UNDERLAY_MARK = 0x57_0000;
/** asm-generic/socket.h; needs CAP_NET_ADMIN, as the tunnel's device does. */
export const SO_MARK = 36;
