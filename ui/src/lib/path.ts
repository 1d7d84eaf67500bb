/** Paths for the eye. Pure. */

/** Writes the home folder as `~`. */
export function fromHome(path: string, home: string): string {
  const base = home.replace(/[/\\]+$/, "");
  if (base === "" || !path.startsWith(base)) return path;
  const rest = path.slice(base.length);
  return rest === "" || /^[/\\]/.test(rest) ? `~${rest}` : path;
}

/** Makes a path relative to a folder that holds it. */
export function within(path: string, folder: string): string {
  const base = folder.replace(/[/\\]+$/, "");
  return base !== "" && path.startsWith(base) && /^[/\\]/.test(path.slice(base.length))
    ? path.slice(base.length + 1)
    : path;
}

/**
 * Takes whole segments out of the middle until the path fits in `limit` characters. The first segment and the last stay,
 * as they tell paths apart; a last segment that alone is too long loses its own middle.
 */
export function shorten(path: string, limit: number): string {
  if (path.length <= limit) return path;
  const separator = path.includes("/") ? "/" : "\\";
  const parts = path.split(separator);
  const last = parts.pop() ?? "";
  const first = parts.shift() ?? "";
  const tail = [last];
  const length = () => first.length + 2 + tail.reduce((sum, part) => sum + part.length + 1, 0);
  while (parts.length > 0 && length() + (parts.at(-1)?.length ?? 0) + 1 <= limit) tail.unshift(parts.pop() ?? "");
  const short = parts.length > 0 ? [first, "…", ...tail].join(separator) : [first, ...tail].join(separator);
  if (short.length <= limit || last.length < limit / 2) return short;
  const keep = Math.max(8, limit - (short.length - last.length));
  return short.slice(0, short.length - last.length) + squeeze(last, keep);
}

/** Takes characters out of the middle. */
export function squeeze(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const head = Math.ceil((limit - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (limit - 1 - head))}`;
}
