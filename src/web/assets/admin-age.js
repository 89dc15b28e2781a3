// What opens tickets, as one file: loaded when an identity is chosen, since it is as large as all the rest of the page five times.
export { armor, Decrypter } from "age-encryption";
