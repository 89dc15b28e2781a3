import { createInterface } from "node:readline";
import { StartError } from "./start-error.ts";

/** Prints a line or more; what could steer a terminal (another process may have chosen the words) is left out. */
export const say = (text: string): void => void process.stdout.write(`${printable(text)}\n`);

export const printable = (text: string): string => text.replace(/[^\P{C}\n]/gu, "");

/** Prints an answer: JSON for programs, or the text for people. */
export function show(json: boolean, answer: unknown, text: string): void {
  say(json ? JSON.stringify(answer) : text);
}

/**
 * A password, which never stands among a command's words, where other users of the machine would see it: typed without
 * being shown on a terminal, or the first line of standard input.
 */
export async function readPassword(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  if (stdin.isTTY) {
    stderr.write(prompt);
    stdin.setRawMode(true);
  }
  try {
    const line = await (stdin.isTTY ? typedLine() : firstLine());
    if (line === undefined)
      throw new StartError("No password was given: type it, or send it on standard input.");
    return line;
  } finally {
    if (stdin.isTTY) {
      stdin.setRawMode(false);
      stderr.write("\n");
    }
    stdin.pause();
  }
}

/** A code that gives something away to whoever reads it: typed (and seen, to compare it with paper), or the first line of standard input. */
export async function readCode(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  if (stdin.isTTY) stderr.write(prompt);
  const line = (await firstLine())?.trim() ?? "";
  stdin.pause();
  if (line === "") throw new StartError("No code was given: type it, or send it on standard input.");
  return line;
}

/** All of standard input, UTF-8; on a terminal `prompt` says what is expected. Throws StartError where nothing came. */
export async function readText(prompt: string): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write(prompt);
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString("utf8");
  if (text.trim() === "") throw new StartError("No text was given: type it, or send it on standard input.");
  return text;
}

async function firstLine(): Promise<string | undefined> {
  for await (const line of createInterface({ input: process.stdin })) return line;
  return undefined;
}

/** In raw mode nothing is echoed, and the line's keys are ours to understand. */
async function typedLine(): Promise<string | undefined> {
  process.stdin.setEncoding("utf8");
  let line = "";
  for await (const chunk of process.stdin) {
    for (const key of chunk as string) {
      if (key === "\r" || key === "\n") return line;
      if (key === "\u0003" || key === "\u0004") return undefined;
      line = key === "\u007f" || key === "\b" ? line.slice(0, -1) : line + key;
    }
  }
  return undefined;
}
