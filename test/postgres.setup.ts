import { startCluster, type TestCluster, whyNoCluster } from "../src/store/test-cluster.ts";
import { TEST_POSTGRES } from "../src/store/testing.ts";

/** For `node --test --test-global-setup`: one PostgreSQL server for all test files of a run. */
let cluster: TestCluster | undefined;

export async function globalSetup(): Promise<void> {
  if (whyNoCluster() !== undefined) return;
  cluster = await startCluster();
  process.env[TEST_POSTGRES] = cluster.folder;
}

export async function globalTeardown(): Promise<void> {
  await cluster?.stop();
}
