import type { ChildProcess } from "node:child_process";
import type { FleetOffice } from "./fleet-office.ts";
import type { Machine } from "./machine.ts";
import { until } from "./namespace.ts";

/** What a fresh machine's root has for an environment. */
const ENVIRONMENT = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=dumb"];

/** One server of the fleet: `lethe server add` at the office, and its line pasted into root's shell on the machine. */
export class FleetExit {
  readonly name: string;
  readonly machine: Machine;
  readonly #office: FleetOffice;
  #shell: ChildProcess | undefined;
  /** What the shell has shown. */
  output = "";

  constructor(office: FleetOffice, machine: Machine, name: string) {
    this.#office = office;
    this.machine = machine;
    this.name = name;
  }

  /** The printed line. */
  async invite(address: string, city: string, countryCode: string): Promise<string> {
    const printed = await this.#office.mustCommand(
      ...["server", "add", this.name, "--city", city, "--country-code", countryCode],
      ...["--address", address, "--bandwidth", "100"],
    );
    return lineIn(printed);
  }

  /** Types the line into a shell of root's. The shell stays: without systemd the exit runs in its foreground. */
  paste(line: string): void {
    this.shell(line);
  }

  /** What starts an exit that has joined, where there is no systemd. */
  startAgain(): void {
    this.shell("/opt/lethe-exit/start foreground");
  }

  shell(line: string): void {
    const shell = this.machine.start([...ENVIRONMENT, "sh"], ["pipe", "pipe", "pipe"]);
    this.#shell = shell;
    for (const stream of [shell.stdout, shell.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
    shell.stdin?.on("error", () => {});
    shell.stdin?.write(`${line}\n`);
  }

  get shellEnded(): boolean {
    return this.#shell?.exitCode !== null;
  }

  /** Until the pasted line has said that it has joined. */
  async enrolled(timeoutMs = 300_000): Promise<void> {
    try {
      await until(`${this.name} to enrol`, timeoutMs, () => this.output.includes("Enrolled as"));
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.name} showed:\n${this.output}`);
    }
  }

  /** Until the office's list shows it with news; how long that took, in ms. */
  async up(timeoutMs = 60_000): Promise<number> {
    const startedMs = performance.now();
    try {
      await until(
        `${this.name} on the status page`,
        timeoutMs,
        async () =>
          (await this.#office.servers()).some(
            (server) =>
              server.name === this.name &&
              server.news === "up" &&
              server.services.length > 0 &&
              server.services.every(({ healthy }) => healthy),
          ),
        500,
      );
    } catch (error) {
      const listed = (await this.#office.servers()).find(({ name }) => name === this.name);
      throw new Error(
        `${(error as Error).message}\n${JSON.stringify(listed)}\n${this.name} showed:\n${this.output}\n${this.#office.output}`,
      );
    }
    return performance.now() - startedMs;
  }
}

/** The one long line among what `lethe server add` says. */
export function lineIn(printed: string): string {
  const line = printed.split("\n").find((each) => each.includes("curl"));
  if (line === undefined) throw new Error(`no line to paste in:\n${printed}`);
  return line.trim();
}
