/**
 * A proxy auto-config file (Netscape 1996; "Proxy Auto-Configuration (PAC) file" on MDN): everything through our HTTP
 * proxy but what only the own machine or network can answer. There is no `DIRECT` after the proxy: where the proxy is
 * away, the browser must say so, and not go out with the member's own address.
 */
export function proxyAutoConfig(proxy: { host: string; port: number }): string {
  const host = proxy.host.includes(":") ? `[${proxy.host}]` : proxy.host;
  return `function FindProxyForURL(url, host) {
  if (isPlainHostName(host) || host === "127.0.0.1" || host === "::1" || dnsDomainIs(host, ".local")) return "DIRECT";
  return ${JSON.stringify(`PROXY ${host}:${proxy.port}`)};
}
`;
}
