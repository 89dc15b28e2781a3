// Comfort only: everything on the page works without this file.

/** Copies the text of the element that a button names; without the clipboard API (plain http) by way of the selection. */
async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  if (!source) return;
  let copied = false;
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    copied = true;
  } catch {
    const selection = window.getSelection();
    selection.selectAllChildren(source);
    copied = document.execCommand("copy");
  }
  const label = button.textContent;
  button.textContent = copied ? button.dataset.copied : button.dataset.press;
  button.disabled = true;
  setTimeout(() => {
    button.textContent = label;
    button.disabled = false;
  }, 2000);
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}

/** A form goes out once, however often its button is pressed. (The server gives the same answer to both anyway.) */
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000);
  });
}
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
