// Keeps the servers' figures fresh: once a minute the same page is fetched and what changed in it is put in place.

const PERIOD_MS = 60_000;
const region = document.getElementById("live");
const note = document.getElementById("live-note");

function replaceChanged(fresh) {
  const now = new Map([...region.children].map((element) => [element.id, element]));
  const next = [...fresh.children];
  const sameList = next.length === now.size && next.every((element) => now.has(element.id));
  if (!sameList) {
    region.replaceChildren(...next);
    return;
  }
  for (const element of next) {
    const old = now.get(element.id);
    if (old.outerHTML !== element.outerHTML && !old.contains(document.activeElement))
      old.replaceWith(element);
  }
  // In the new page's order, without touching what stands right already.
  next.forEach((element, index) => {
    const placed = document.getElementById(element.id);
    if (region.children[index] !== placed) region.insertBefore(placed, region.children[index] ?? null);
  });
}

/** Only what is new is said: a screen reader reads the note out whenever it is set. */
function say(text) {
  if (note.textContent !== text) note.textContent = text;
}

async function refresh() {
  try {
    const answer = await fetch(location.pathname + location.search, {
      credentials: "omit",
      cache: "no-cache",
      signal: AbortSignal.timeout(20_000),
    });
    if (!answer.ok) throw new Error("no page");
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    if (!fresh) throw new Error("no figures");
    replaceChanged(fresh);
    say(note.dataset.fresh);
  } catch {
    say(note.dataset.stale);
  }
}

say(note.dataset.fresh);
note.hidden = false;
setInterval(() => {
  if (!document.hidden) refresh();
}, PERIOD_MS);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
