/** Servers' totals are counted in stretches of so many seconds, from exit to status page. */
export const TRAFFIC_STEP_S = 300;
