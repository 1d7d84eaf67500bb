/** The keyboard's commands outside of text fields. Pure: a key event in, a command out. */
export type Shortcut =
  | { do: "nextTab" }
  | { do: "previousTab" }
  | { do: "tab"; index: number }
  | { do: "newSession" }
  | { do: "close" }
  | { do: "moveTab"; by: -1 | 1 }
  | { do: "palette" }
  | { do: "nextWaiting" }
  | { do: "settings" }
  | { do: "rename" };

type Key = Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">;

/** The command of a key press, or `null` when it is nobody's. */
export function shortcut(event: Key): Shortcut | null {
  if (event.key === "F2" && !event.ctrlKey && !event.metaKey && !event.altKey) return { do: "rename" };
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return null;
  if (event.key === "Tab" && event.ctrlKey) return { do: event.shiftKey ? "previousTab" : "nextTab" };
  if (event.shiftKey) {
    if (event.key === "PageUp") return { do: "moveTab", by: -1 };
    if (event.key === "PageDown") return { do: "moveTab", by: 1 };
    if (event.key.toLowerCase() === "a") return { do: "nextWaiting" };
    return null;
  }
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  if (digit) return { do: "tab", index: Number(digit[1]) - 1 };
  switch (event.key.toLowerCase()) {
    case "t":
      return { do: "newSession" };
    case "w":
      return { do: "close" };
    case "k":
      return { do: "palette" };
    case ",":
      return { do: "settings" };
    default:
      return null;
  }
}
