/** Passes on what is another message than the one before. */
export function onlyNews<Message extends object>(
  pass: (message: Message) => void,
): (message: Message) => void {
  let last = "";
  return (message) => {
    const text = JSON.stringify(message);
    if (text === last) return;
    last = text;
    pass(message);
  };
}
