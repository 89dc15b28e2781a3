import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { startCluster, TEST_SUPERUSER, whyNoCluster } from "../../src/store/test-cluster.ts";

export interface Database {
  /** As `store.url` takes it. */
  url: string;
  version: string;
  pid: number;
  stop(): Promise<void>;
}

/** A server as an operator would run it where a commit counts: synced to the disk; Debian's defaults but for some memory. */
const DURABLE = {
  fsync: "on",
  synchronous_commit: "on",
  shared_buffers: "256MB",
  autovacuum: "on",
  max_wal_size: "2GB",
  min_wal_size: "80MB",
};

/** Undefined, with a word on why, where there is no PostgreSQL. */
export async function startPostgres(): Promise<Database | string> {
  const missing = whyNoCluster();
  if (missing !== undefined) return missing;
  const cluster = await startCluster(DURABLE);
  const client = new Client({ host: cluster.folder, user: TEST_SUPERUSER, database: "postgres" });
  await client.connect();
  const { rows } = await client.query("select current_setting('server_version') as version");
  await client.query("create database lethe");
  await client.end();
  return {
    url: `postgres://${TEST_SUPERUSER}@/lethe?host=${cluster.folder}`,
    version: rows[0].version,
    pid: Number(readFileSync(join(cluster.data, "postmaster.pid"), "latin1").split("\n", 1)[0]),
    stop: cluster.stop,
  };
}
