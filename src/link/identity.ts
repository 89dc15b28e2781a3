import { z } from "zod";

/** What an exit's engines are known by, made on the exit: public keys that profiles and the status page show. */
export const serverIdentity = z.strictObject({
  /** WireGuard public key, base64. */
  wireguard: z
    .string()
    .regex(/^[A-Za-z0-9+/]{43}=$/)
    .exactOptional(),
  /** OpenSSH public keys, one a host key, without a comment: `ssh-ed25519 AAAA…`. */
  ssh: z
    .array(z.string().regex(/^(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp256) [A-Za-z0-9+/]{40,800}={0,2}$/))
    .max(4)
    .exactOptional(),
  /** What an obfs4 client is told (obfs4proxy(1)): `cert=…;iat-mode=0`. */
  obfs4: z
    .string()
    .regex(/^cert=[A-Za-z0-9+/]{70};iat-mode=[0-2]$/)
    .exactOptional(),
  /** Until when the exit's own certificate is good, UTC seconds. */
  certificateUntil: z.int().min(0).exactOptional(),
});

export type ServerIdentity = z.infer<typeof serverIdentity>;
