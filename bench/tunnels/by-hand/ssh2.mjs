/**
 * A server of ssh2's for forwarding alone (`ssh -N -L`, `-D`), as its documentation shows one: https://github.com/mscdex/ssh2#server.
 * Takes the file of its key and the one password that it lets in.
 */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import ssh2 from "ssh2";

const [keyFile, password] = process.argv.slice(2);

const server = new ssh2.Server({ hostKeys: [readFileSync(keyFile)] }, (client) => {
  client.on("error", () => {});
  client.on("authentication", (context) => {
    if (context.method === "password" && context.password === password) context.accept();
    else context.reject(["password"]);
  });
  client.on("tcpip", (accept, reject, { destIP, destPort }) => {
    const target = connect({ host: destIP, port: destPort, noDelay: true });
    target.once("error", reject);
    target.once("connect", () => {
      target.off("error", reject);
      const channel = accept();
      target.on("error", () => channel.close());
      channel.on("error", () => target.destroy());
      target.pipe(channel).pipe(target);
    });
  });
});
server.listen(2222, () => process.stdout.write("listening\n"));
