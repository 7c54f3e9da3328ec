/** Lives so short that every fault meets a renewal, and the long ones outlast a life. */
export const lives = { leaseSeconds: 12, leaseMaxSeconds: 36, tokenSeconds: 20 } as const

/** How long the load's transactions stay open. */
export const openMs = 1500
