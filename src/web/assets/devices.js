// A device's key pair is made here, so that its private key never leaves this browser. What goes to the site is the public key.
import { x25519 } from "@noble/curves/ed25519.js";
import { create } from "qrcode/lib/core/qrcode.js";
import "./enhance.js";

/** What is to be said, in the language of the page: device-file's data. */
const words = document.getElementById("device-file")?.dataset ?? {};
/** The line of a file that the private key takes the place of: profiles/wireguard.ts. */
const KEY_LINE = /^# PrivateKey = .*$/m;
const SVG = "http://www.w3.org/2000/svg";
/** ISO/IEC 18004 section 9.1: four modules of nothing around it. */
const QUIET = 4;

const base64 = (bytes) => btoa(String.fromCharCode(...bytes));

function newPair() {
  const { secretKey, publicKey } = x25519.keygen();
  // As `wg genkey` writes it (RFC 7748 section 5: these bits count for nothing).
  secretKey[0] &= 248;
  secretKey[31] = (secretKey[31] & 127) | 64;
  return { privateKey: base64(secretKey), publicKey: base64(publicKey) };
}

/** A QR code as one path, dark on white whatever the page's colours are. */
function qrCode(text, label) {
  const { modules } = create(text, { errorCorrectionLevel: "L" });
  const side = modules.size + 2 * QUIET;
  let path = "";
  for (let row = 0; row < modules.size; row++)
    for (let column = 0; column < modules.size; column++)
      if (modules.get(row, column)) path += `M${column + QUIET} ${row + QUIET}h1v1h-1z`;
  const element = (name, attributes) => {
    const made = document.createElementNS(SVG, name);
    for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
    return made;
  };
  const svg = element("svg", {
    viewBox: `0 0 ${side} ${side}`,
    class: "qr",
    role: "img",
    "aria-label": label,
    "shape-rendering": "crispEdges",
  });
  svg.append(element("rect", { width: side, height: side, fill: "#fff" }));
  svg.append(element("path", { d: path, fill: "#000" }));
  return svg;
}

/** Sends a form's fields, with these instead of some of them. Resolves to the site's JSON; throws what to tell the member. */
async function send(form, fields) {
  const data = new URLSearchParams(new FormData(form));
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  let answer;
  try {
    answer = await fetch(form.action, {
      method: "POST",
      headers: { accept: "application/json" },
      body: data,
      redirect: "error",
    });
  } catch {
    throw new Error(words.noAnswer);
  }
  const body = await answer.json().catch(() => undefined);
  if (answer.ok && body !== undefined) return body;
  throw new Error(body?.error?.message ?? words.failed);
}

/** What stands in a template, as a comment: text browsers would show it otherwise. */
const markupIn = (template) =>
  document.createRange().createContextualFragment(template.content.firstChild.data);

function offer(place, { name, content, code }, privateKey) {
  const withKey = (text) => (privateKey ? text.replace(KEY_LINE, `PrivateKey = ${privateKey}`) : text);
  const part = markupIn(document.getElementById("device-file"));
  const link = part.querySelector("a");
  link.href = URL.createObjectURL(new Blob([withKey(content)], { type: "application/octet-stream" }));
  link.download = name;
  link.textContent = words.download.replace("{0}", () => name);
  part.querySelector("pre code").textContent = withKey(content);
  if (code && privateKey) {
    const figure = part.querySelector("figure");
    figure.hidden = false;
    figure.prepend(qrCode(withKey(code), words.code));
  }
  part.querySelector("[data-without-key]").hidden = privateKey !== undefined;
  part.querySelector("[data-with-key]").hidden = privateKey === undefined;
  place.replaceChildren(part);
  place.hidden = false;
  place.querySelector("h3").focus();
}

function complain(place, text) {
  const box = document.createElement("div");
  box.className = "notice bad";
  box.setAttribute("role", "alert");
  const line = document.createElement("p");
  line.textContent = text;
  box.append(line);
  place.replaceChildren(box);
  place.hidden = false;
}

/** While something is under way the button cannot be pressed again. */
async function during(button, work) {
  button.disabled = true;
  try {
    await work();
  } finally {
    button.disabled = false;
  }
}

const adding = document.getElementById("add-device");
if (adding) {
  const button = adding.querySelector("button[data-make-keys]");
  const place = document.getElementById("added-device");
  button.hidden = false;
  adding.addEventListener("submit", (event) => {
    // A key of the member's own goes the plain way.
    if (adding.elements["public-key"].value.trim() !== "") return;
    event.preventDefault();
    during(button, async () => {
      const { privateKey, publicKey } = newPair();
      try {
        const { file } = await send(adding, { "public-key": publicKey });
        offer(place, file, privateKey);
        adding.elements.name.value = "";
        await listNew();
      } catch (error) {
        complain(place, error.message);
      }
    });
  });
}

/** A device's file for another server takes its key out of one that the member has, without sending it anywhere. */
function wire(form) {
  const picker = form.querySelector("input[type=file]");
  const place = form.parentElement.querySelector("[data-place]");
  picker.closest(".field").hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    during(form.querySelector("button"), async () => {
      try {
        const former = picker.files[0] ? await picker.files[0].text() : undefined;
        const privateKey = former && /^\s*PrivateKey\s*=\s*([A-Za-z0-9+/]{43}=)\s*$/m.exec(former)?.[1];
        if (former !== undefined && !fits(privateKey, form.dataset.profile)) throw new Error(words.otherKey);
        const { file } = await send(form, {});
        offer(place, file, privateKey);
      } catch (error) {
        complain(place, error.message);
      }
    });
  });
}

for (const form of document.querySelectorAll("form[data-profile]")) wire(form);

/** The devices that are not in the page's list yet; what is open in it stays as it is. */
async function listNew() {
  const answer = await fetch(location.pathname + location.search).catch(() => undefined);
  if (!answer?.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const panel of fresh.querySelectorAll("#devices > section")) {
    if (document.getElementById(panel.id)) continue;
    document.getElementById("devices").append(panel);
    for (const form of panel.querySelectorAll("form[data-profile]")) wire(form);
  }
}

function fits(privateKey, publicKey) {
  if (!privateKey) return false;
  const secret = Uint8Array.from(atob(privateKey), (character) => character.charCodeAt(0));
  return base64(x25519.getPublicKey(secret)) === publicKey;
}
