/** Of the workers in the chaos test: short, so that a pause outlasts it. */
export const LEASE_MS = 2000;
