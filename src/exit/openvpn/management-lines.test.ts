import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ManagementEvent, ManagementLines } from "./management-lines.ts";

/** As OpenVPN 2.6.14 wrote it to a management client, with the names replaced. */
const CONNECT = `>INFO:OpenVPN Management Interface Version 5 -- type 'help' for more info\r
>CLIENT:CONNECT,7,1\r
>CLIENT:ENV,n_clients=3\r
>CLIENT:ENV,password=p=a,"ss\\word\r
>CLIENT:ENV,username=abcdefghijkl\r
>CLIENT:ENV,untrusted_port=49152\r
>CLIENT:ENV,untrusted_ip=192.0.2.2\r
>CLIENT:ENV,common_name=abcdefghijkl\r
>CLIENT:ENV,IV_VER=2.6.14\r
>CLIENT:ENV,END\r
`;

const question: ManagementEvent = {
  type: "question",
  reauth: false,
  cid: 7,
  kid: 1,
  login: { username: "abcdefghijkl", password: 'p=a,"ss\\word', address: "192.0.2.2" },
};

const STATUS = `TITLE,OpenVPN 2.6.14 x86_64-pc-linux-gnu\r
TIME,2026-11-22 17:00:00,1795366800\r
HEADER,CLIENT_LIST,Common Name,Real Address,Virtual Address,Virtual IPv6 Address,Bytes Received,Bytes Sent,Connected Since,Connected Since (time_t),Username,Client ID,Peer ID,Data Channel Cipher\r
CLIENT_LIST,abcdefghijkl,192.0.2.2:49152,10.66.0.2,fd6c::2,3,4,2026-11-22 17:00:00,1795366800,abcdefghijkl,7,0,AES-256-GCM\r
>CLIENT:DISCONNECT,5\r
>CLIENT:ENV,bytes_received=17\r
CLIENT_LIST,mnopqrstuvwx,192.0.2.3:49153,,,0,0,2026-11-22 17:00:00,1795366800,mnopqrstuvwx,8,1,AES-256-GCM\r
>CLIENT:ENV,END\r
HEADER,ROUTING_TABLE,Virtual Address,Common Name,Real Address,Last Ref,Last Ref (time_t)\r
ROUTING_TABLE,10.66.0.2,abcdefghijkl,192.0.2.2:49152,2026-11-22 17:00:00,1795366800\r
GLOBAL_STATS,Max bcast/mcast queue length,0\r
END\r
`;

const all = (text: string, chunkBytes = text.length): { events: ManagementEvent[]; refused: number } => {
  const lines = new ManagementLines();
  const bytes = Buffer.from(text);
  const events: ManagementEvent[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes)
    events.push(...lines.push(bytes.subarray(at, at + chunkBytes)));
  return { events, refused: lines.refused };
};

test("a login is read with username, password and address, whatever the pieces", () => {
  for (const chunkBytes of [1, 2, 7, CONNECT.length]) {
    assert.deepEqual(all(CONNECT, chunkBytes), { events: [question], refused: 0 });
  }
});

test("the answer to status is read while notifications stand between its lines", () => {
  for (const chunkBytes of [1, STATUS.length]) {
    assert.deepEqual(all(STATUS, chunkBytes), {
      events: [
        { type: "status-client", cid: 7, username: "abcdefghijkl" },
        { type: "status-client", cid: 8, username: undefined },
        { type: "disconnected", cid: 5 },
        { type: "status-end" },
      ],
      refused: 0,
    });
  }
});

test("a name with commas in it, of a client that waits to be let in, makes no row of another client's", () => {
  // As OpenVPN 2.6.14 writes it while that client's question stands: its name twice, neither time escaped.
  const name = "x,192.0.2.9:1,10.66.0.9,,0,0,now,0,victim,7,0,AES-256-GCM";
  const forged = STATUS.replace(
    /CLIENT_LIST,abcdefghijkl.*\r\n/,
    `CLIENT_LIST,${name},192.0.2.2:49152,,,3,4,2026-11-22 17:00:00,1795366800,${name},9,0,AES-256-GCM\r\n`,
  );
  const { events, refused } = all(forged);
  assert.deepEqual(
    events.flatMap((event) => (event.type === "status-client" ? [event.cid] : [])),
    [8],
  );
  assert.equal(refused, 1);
});

test("an IPv6 client's address is its own field, and the trusted one counts at a renewal", () => {
  const { events } = all(
    ">CLIENT:REAUTH,1,2\n>CLIENT:ENV,username=u\n>CLIENT:ENV,password=\n>CLIENT:ENV,untrusted_ip6=2001:db8::1\n>CLIENT:ENV,trusted_ip6=2001:db8::2\n>CLIENT:ENV,END\n",
  );
  assert.deepEqual(events, [
    {
      type: "question",
      reauth: true,
      cid: 1,
      kid: 2,
      login: { username: "u", password: "", address: "2001:db8::2" },
    },
  ]);
});

test("a line past the limit spoils its own question and none after it", () => {
  for (const name of ["username=", "untrusted_ip="]) {
    const long = CONNECT.replace(name, `${name}${"x".repeat(20_000)}`);
    for (const chunkBytes of [1000, long.length]) {
      const { events, refused } = all(long + CONNECT, chunkBytes);
      assert.deepEqual(events, [{ ...question, login: undefined }, question]);
      assert.equal(refused, 1);
    }
  }
});

test("what makes no sense is counted and passed over", () => {
  const nonsense = [
    ">CLIENT:CONNECT,x,1",
    ">CLIENT:CONNECT,1",
    ">CLIENT:CONNECT,-1,1",
    ">CLIENT:CONNECT,99999999999,1",
    ">CLIENT:SOMETHING,1",
    ">CLIENT:",
    ">CLIENT:ENV,username=nobody",
    "CLIENT_LIST,a,b,c",
    "HEADER,CLIENT_LIST,Common Name",
  ];
  const { events, refused } = all(`${nonsense.join("\n")}\n${CONNECT}`);
  assert.deepEqual(events, [question]);
  assert.equal(refused, nonsense.length);
});

test("a question without its username or password is asked without a login", () => {
  const { events } = all(">CLIENT:CONNECT,1,2\n>CLIENT:ENV,username=u\n>CLIENT:ENV,END\n");
  assert.deepEqual(events, [{ type: "question", reauth: false, cid: 1, kid: 2, login: undefined }]);
});

test("any bytes in any pieces end in events, never in an exception or in growth", () => {
  const word = fc.constantFrom(
    ">CLIENT:",
    "CONNECT,",
    "REAUTH,",
    "DISCONNECT,",
    "ENV,",
    "END",
    "\n",
    "\r\n",
    "1",
    ",",
    "=",
    "username",
    "password",
    "CLIENT_LIST,",
    "HEADER,CLIENT_LIST,",
    "Client ID",
    "\0",
    "é",
    "ERROR: ",
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof(word, fc.string()), { maxLength: 200 }),
      fc.integer({ min: 1, max: 50 }),
      (words, piece) => {
        const text = words.join("");
        const whole = all(text);
        assert.deepEqual(all(text, piece), whole);
        for (const event of whole.events) {
          if ("cid" in event) assert.ok(Number.isSafeInteger(event.cid) && event.cid >= 0);
        }
      },
    ),
  );
});
