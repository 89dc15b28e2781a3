// Tickets are encrypted to the operator's age key, which the office does not have. The identity file is read here, in the page, is
// kept in its memory alone and sent to nobody. So that it has to be chosen once, the ticket pages follow one another without a new page.
const picker = document.getElementById("identity-picker");
const said = document.getElementById("identity-said");
const main = document.getElementById("main");
let age;
let decrypter;

async function readIdentities(file) {
  // An identity file of age-keygen: comments and AGE-SECRET-KEY-… lines.
  const lines = (await file.text()).split(/\r?\n/).filter((line) => /^AGE-SECRET-KEY-/.test(line.trim()));
  if (lines.length === 0) throw new Error("none");
  age ??= await import(picker.dataset.age);
  const made = new age.Decrypter();
  for (const line of lines) made.addIdentity(line.trim());
  return made;
}

async function openAll() {
  if (decrypter === undefined) return;
  for (const sealed of document.querySelectorAll("[data-sealed]")) {
    try {
      sealed.textContent = await decrypter.decrypt(age.armor.decode(sealed.dataset.sealed), "text");
      sealed.classList.remove("muted");
    } catch {
      sealed.textContent = "This identity does not open it.";
    }
  }
}

async function goTo(url, request, remember) {
  const answer = await fetch(url, request);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const shown = page.querySelector("#ticket-area");
  const here = document.getElementById("ticket-area");
  // The visit is over, or this is another kind of page: the browser shows it itself.
  if (shown === null || here === null) {
    location.href = answer.url;
    return;
  }
  here.replaceWith(document.adoptNode(shown));
  document.title = page.title;
  if (remember) history.pushState(null, "", answer.url);
  await openAll();
  main?.focus();
}

picker?.addEventListener("change", async () => {
  try {
    decrypter = await readIdentities(picker.files[0]);
    said.textContent = "The identity is there until this page is closed.";
    await openAll();
  } catch {
    decrypter = undefined;
    said.textContent = "This is no identity file: it has lines that begin with AGE-SECRET-KEY-.";
  }
});
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("#ticket-area a[data-stay]");
  if (link === null || link === undefined || event.ctrlKey || event.metaKey || event.button !== 0) return;
  event.preventDefault();
  goTo(link.href, {}, true);
});
document.addEventListener("submit", (event) => {
  const form = event.target.closest("#ticket-area form");
  if (form === null) return;
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  // `form.action` would be the field of that name.
  goTo(form.getAttribute("action"), { method: "POST", body: fields }, false);
});
addEventListener("popstate", () => goTo(location.href, {}, false));
document.getElementById("identity")?.removeAttribute("hidden");
