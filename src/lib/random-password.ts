import { randomBytes } from "node:crypto";
import { base32 } from "./base32.ts";
import { grouped } from "./typed-code.ts";

/** 100 random bits, in groups that can be read out. */
export const randomPassword = (): string => grouped(base32(randomBytes(13), 20));
