// The contact form without the sum: the browser works for a moment instead (support/challenge.ts).
import { sha256 } from "@noble/hashes/sha2.js";

const box = document.getElementById("work");
const form = box?.closest("form");
/** So many hashes between two looks at the page. */
const BATCH = 5_000;

/** Looks for a number that makes SHA-256 of `challenge.number` begin with `bits` zeros. */
async function work(challenge, bits) {
  const encoder = new TextEncoder();
  for (let counter = 0; ; ) {
    for (const end = counter + BATCH; counter < end; counter++) {
      const [a, b, c, d] = sha256(encoder.encode(`${challenge}.${counter}`));
      if (((a << 24) | (b << 16) | (c << 8) | d) >>> (32 - bits) === 0) return String(counter);
    }
    await new Promise((resolve) => setTimeout(resolve));
  }
}

if (form) {
  const { challenge, bits } = box.dataset;
  box.querySelector(".field").remove();
  // While the letter is written there is time enough.
  const found = work(challenge, Number(bits));
  form.addEventListener("submit", async (event) => {
    if (form.elements.work.value !== "") return;
    event.preventDefault();
    const working = document.getElementById("working");
    working.textContent = working.dataset.busy;
    form.elements.work.value = await found;
    form.submit();
  });
}
