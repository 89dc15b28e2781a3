import type { Visit } from "../analytics/collector.ts";

/** How visits are counted, where the operator has switched that on; without it no page has a trace of any of this. */
export interface AnalyticsDoor {
  /** What a page's address begins with in what is sent. */
  origin: string;
  /** Sends a visit; never rejects. */
  visit(visit: Visit): Promise<void>;
}
