// Finds elements of the page by role and accessible name. The body of a function:
// arguments[0] is the path of steps {role, name, part}, outermost first, each looked
// for inside the one before. Returns the elements and, in the same order, what is to be
// known of each; with no path, {outline: text} of all that has a role.

const IMPLICIT = {
  article: "article",
  button: "button, summary, input[type=button], input[type=submit], input[type=reset]",
  checkbox: "input[type=checkbox]",
  combobox: "select:not([multiple])",
  complementary: "aside",
  dialog: "dialog",
  form: "form",
  group: "fieldset, details",
  heading: "h1, h2, h3, h4, h5, h6",
  img: "img",
  link: "a[href]",
  list: "ul, ol, menu",
  listitem: "li",
  main: "main",
  navigation: "nav",
  option: "option",
  progressbar: "progress",
  radio: "input[type=radio]",
  region: "section",
  row: "tr",
  searchbox: "input[type=search]",
  separator: "hr",
  slider: "input[type=range]",
  spinbutton: "input[type=number]",
  status: "output",
  table: "table",
  textbox:
    "textarea, input:not([type]), input[type=text], input[type=email], input[type=url], input[type=tel], input[type=password]",
};
// Roles that are named by what they contain.
const NAMED_BY_CONTENT = new Set(
  "button cell checkbox columnheader gridcell heading link menuitem menuitemcheckbox menuitemradio option radio row rowheader switch tab tooltip treeitem".split(
    " ",
  ),
);

const tidy = (text) => (text || "").replace(/\s+/g, " ").trim();

const roleOf = (element) => {
  const explicit = tidy(element.getAttribute("role")).split(" ")[0];
  if (explicit) return explicit;
  return Object.keys(IMPLICIT).find((role) => element.matches(IMPLICIT[role]));
};

// Not in the accessibility tree: not rendered, or taken out by its author.
const isHidden = (element) =>
  element.closest("[aria-hidden=true], [inert]") !== null ||
  !element.checkVisibility({ visibilityProperty: true });

const content = (node) => {
  if (node.nodeType === Node.TEXT_NODE) return node.data;
  if (node.nodeType !== Node.ELEMENT_NODE || isHidden(node)) return "";
  if (node.hasAttribute("aria-label")) return ` ${node.getAttribute("aria-label")} `;
  if (node.matches("img")) return ` ${node.alt} `;
  const inline = getComputedStyle(node).display.startsWith("inline");
  const inner = [...node.childNodes].map(content).join("");
  return inline ? inner : ` ${inner} `;
};

const byIds = (element, attribute) =>
  tidy(element.getAttribute(attribute))
    .split(" ")
    .map((id) => id && document.getElementById(id))
    .filter(Boolean)
    .map((referred) => tidy(referred.getAttribute("aria-label") ?? referred.textContent))
    .join(" ");

const nameOf = (element, role) =>
  byIds(element, "aria-labelledby") ||
  tidy(element.getAttribute("aria-label")) ||
  [...(element.labels ?? [])].map((label) => tidy(label.textContent)).join(" ") ||
  tidy(element.getAttribute("alt")) ||
  tidy(element.matches("fieldset") && element.querySelector("legend")?.textContent) ||
  tidy(element.matches("details") && element.querySelector("summary")?.textContent) ||
  (element.matches("input") && /^(button|submit|reset)$/.test(element.type) && tidy(element.value)) ||
  (NAMED_BY_CONTENT.has(role) && tidy([...element.childNodes].map(content).join(""))) ||
  tidy(element.getAttribute("title")) ||
  tidy(element.getAttribute("placeholder"));

const inRole = (root, role) => {
  const explicit = `[role~="${role}"]`;
  const selector = IMPLICIT[role] ? `${explicit}, ${IMPLICIT[role]}` : explicit;
  return [...root.querySelectorAll(selector)].filter(
    (element) => roleOf(element) === role && !isHidden(element),
  );
};

const matches = (element, { role, name, part }) => {
  const actual = nameOf(element, role);
  return (name === null || actual === name) && (part === null || actual.includes(part));
};

const path = arguments[0];
if (path) {
  let found = [document];
  for (const step of path) {
    const inside = found.flatMap((root) => inRole(root, step.role));
    found = [...new Set(inside)].filter((element) => matches(element, step));
  }
  return {
    found,
    texts: found.map((element) => element.innerText),
    enabled: found.map((element) => !element.matches(":disabled, [aria-disabled=true]")),
    focused: found.map((element) => element === document.activeElement),
  };
}
const lines = [];
const walk = (element, depth) => {
  if (isHidden(element)) return;
  const role = roleOf(element);
  if (role) {
    const name = nameOf(element, role);
    const state = element.matches(":disabled, [aria-disabled=true]") ? " (disabled)" : "";
    lines.push(`${"  ".repeat(depth)}${role} ${JSON.stringify(name)}${state}`);
  }
  for (const child of element.children) walk(child, role ? depth + 1 : depth);
};
walk(document.body, 0);
return { outline: `${lines.join("\n")}\n\n${document.body.innerText}` };
