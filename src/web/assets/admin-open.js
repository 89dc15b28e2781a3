// The code of a one-time link goes from behind the # into the form, and out of the address and the history.
const code = location.hash.slice(1);
const field = document.getElementById("code");
if (code !== "" && field !== null) {
  field.value = code;
  history.replaceState(null, "", location.pathname);
  document.querySelector("form button")?.focus();
}
