// What only a script can find out: who resolves names, as soon as somebody has asked, and which addresses WebRTC shows.

const TRIES = 8;
const BETWEEN_MS = 1000;
const GATHER_MS = 6000;
const OTHER_MS = 8000;
/** Whose an address is, in the language of the page. */
const { ours: OURS, nobodys: NOBODYS } = document.getElementById("seen").dataset;
const whose = (ours) => (ours ? OURS.replace("{0}", () => ours) : NOBODYS);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What stands in a template, as a comment: text browsers would show it otherwise. */
const markupIn = (template) =>
  document.createRange().createContextualFragment(template.content.firstChild.data);

function line(text, after) {
  const item = document.createElement("li");
  const code = document.createElement("code");
  code.textContent = text;
  item.append(code, after);
  return item;
}

function list(items) {
  const made = document.createElement("ul");
  made.className = "plain";
  made.append(...items);
  return made;
}

async function showResolvers(place) {
  let before = 0;
  for (let tries = 0; tries < TRIES; tries++) {
    await wait(BETWEEN_MS);
    const answer = await fetch(place.dataset.seen).catch(() => undefined);
    if (!answer?.ok) continue;
    const { resolvers } = await answer.json();
    if (resolvers.length === 0) continue;
    const items = resolvers.map(({ address, ours }) => line(address, whose(ours)));
    if (resolvers.length !== before) place.replaceChildren(list(items));
    // Large resolvers ask from several addresses, a moment apart.
    if (before === resolvers.length) return;
    before = resolvers.length;
  }
  if (before === 0) place.textContent = place.dataset.unasked;
}

/** Addresses that a website's script gets to know (RFC 8828 section 5.2). */
async function webrtcAddresses(servers) {
  const found = new Set();
  const connection = new RTCPeerConnection({ iceServers: [{ urls: servers.map((each) => `stun:${each}`) }] });
  try {
    const done = new Promise((resolve) => {
      connection.addEventListener("icecandidate", ({ candidate }) => {
        if (candidate === null) resolve();
        // A name under .local stands for an address that is kept from the script.
        else if (candidate.address && !candidate.address.endsWith(".local")) found.add(candidate.address);
      });
    });
    connection.createDataChannel("");
    await connection.setLocalDescription(await connection.createOffer());
    await Promise.race([done, wait(GATHER_MS)]);
  } finally {
    connection.close();
  }
  return [...found];
}

async function showWebrtc(place) {
  if (!("RTCPeerConnection" in window)) {
    place.textContent = place.dataset.without;
    return;
  }
  place.textContent = place.dataset.asking;
  const known = new Set(place.dataset.known.split(" "));
  const addresses = await webrtcAddresses(place.dataset.stun.split(" ")).catch(() => []);
  if (addresses.length === 0) place.textContent = place.dataset.none;
  else
    place.replaceChildren(
      list(
        addresses.map((address) =>
          line(address, known.has(address) ? place.dataset.same : place.dataset.another),
        ),
      ),
    );
  const leaks = place.dataset.behind === "yes" && addresses.some((address) => !known.has(address));
  const leak = document.getElementById("leak");
  if (leaks) leak.replaceChildren(markupIn(leak.querySelector("template")));
}

/** Not an error page, a site that does not see where visitors come from, or a name that has addresses of the page's own version, too. */
const tells = (answer, version) =>
  typeof answer?.address === "string" &&
  answer.address !== "" &&
  (version === undefined || answer.address.includes(":") === (version === "IPv6"));

/** What a website sees by the version of IP that this page did not come by. A name that has that one alone is asked. */
async function showOther(place) {
  const { address, inside, version } = place.dataset;
  const verdict = document.getElementById("verdict");
  place.textContent = place.dataset.asking;
  const signal = AbortSignal.timeout(OTHER_MS);
  const response = await fetch(address, { credentials: "omit", signal }).catch(() => undefined);
  const answer = await response?.json().catch(() => undefined);
  const say = (of, className = "notice") => {
    const words = verdict.querySelector(`template[data-of="${of}"]`);
    verdict.className = className;
    verdict.replaceChildren(markupIn(words));
  };
  if (response === undefined) {
    place.textContent = place.dataset.nothing;
    say("whole");
  } else if (!tells(answer, inside === "yes" ? undefined : version)) {
    // Something gets out, as whom nobody knows: the page says no more than it did.
    place.textContent = place.dataset.unclear;
  } else if (answer.ours !== undefined) {
    place.replaceChildren(list([line(answer.address, whose(answer.ours))]));
    say("whole");
  } else {
    place.replaceChildren(list([line(answer.address, whose())]));
    if (inside === "yes") say("unclear", "notice warn");
    else say("bare", "notice bad");
  }
}

const other = document.getElementById("other");
if (other) showOther(other);
const dns = document.getElementById("dns");
if (dns) showResolvers(dns);
const webrtc = document.getElementById("webrtc");
if (webrtc) showWebrtc(webrtc);
