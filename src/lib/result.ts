/**
 * An outcome that callers have to look at: a value, or one of a closed list of error codes. For what a person may get
 * wrong (a name that is taken); what only a bug or a broken machine brings about is thrown.
 */
export type Result<Value, Code extends string> = { ok: true; value: Value } | { ok: false; error: Code };

export const ok = <Value>(value: Value): { ok: true; value: Value } => ({ ok: true, value });

export const fail = <Code extends string>(error: Code): { ok: false; error: Code } => ({ ok: false, error });
