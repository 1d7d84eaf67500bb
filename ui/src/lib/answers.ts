/**
 * What a person fills in: the texts as typed, what a field wants, and what of it is sent. Pure. Rust checks again and has
 * the last word.
 */
import type { Field, FieldAnswer, FieldInput, TextFormat } from "../contract";
import { count } from "./words";

/** One field as it is being filled in. */
export interface Filled {
  /** The values; one for everything but "some of several". */
  values: string[];
  /** "Something else" is chosen, and its text. */
  other: boolean;
  otherText: string;
}

export const initial = (field: Field): Filled => {
  const { input } = field;
  if (input.kind === "one") {
    const known = field.initial.filter((value) => input.options.some((option) => option.value === value));
    const strange = field.initial.find((value) => !known.includes(value));
    return { values: known.slice(0, 1), other: input.other && strange !== undefined, otherText: strange ?? "" };
  }
  if (input.kind === "toggle") return { values: [field.initial[0] ?? "false"], other: false, otherText: "" };
  return { values: [...field.initial], other: false, otherText: "" };
};

const formats: Record<TextFormat, string> = {
  plain: "",
  email: "An e-mail address",
  uri: "A web address, such as https://example.com",
  date: "A day, such as 2026-11-22",
  dateTime: "A moment, such as 2026-11-22T18:00:00Z",
};

function range(what: string, min: number | null, max: number | null): string {
  if (min !== null && max !== null)
    return min === max ? `${count(min)} ${what}` : `${count(min)} to ${count(max)} ${what}`;
  if (min !== null && min > 0) return `At least ${count(min)} ${what}`;
  return max !== null ? `At most ${count(max)} ${what}` : "";
}

/** What a field wants, in a few words. Empty: anything. */
export function hint(input: FieldInput): string {
  switch (input.kind) {
    case "text": {
      const length = range("characters", input.minLength, input.maxLength);
      return [formats[input.format], length].filter((part) => part !== "").join(". ");
    }
    case "number": {
      const what = input.integer ? "A whole number" : "A number";
      if (input.min !== null && input.max !== null) return `${what} from ${count(input.min)} to ${count(input.max)}`;
      if (input.min !== null) return `${what}, ${count(input.min)} or more`;
      return input.max !== null ? `${what}, ${count(input.max)} or less` : what;
    }
    case "some":
      return range("of these", input.min, input.max);
    case "unsupported":
      return "Countersign cannot ask for this. It is left empty.";
    case "one":
    case "toggle":
      return "";
  }
}

/** The values that are sent. */
export function valuesOf(field: Field, filled: Filled): string[] {
  const { kind } = field.input;
  if (kind === "unsupported") return [];
  if (kind === "one")
    return filled.other ? [filled.otherText].filter((text) => text.trim() !== "") : filled.values.slice(0, 1);
  if (kind === "text" || kind === "number") {
    const secret = field.input.kind === "text" && field.input.secret;
    const typed = filled.values[0] ?? "";
    const text = secret ? typed : typed.trim();
    return text === "" ? [] : [text];
  }
  return filled.values;
}

const emptyWords: Record<FieldInput["kind"], string> = {
  text: "Fill this in.",
  number: "Fill this in.",
  toggle: "Fill this in.",
  one: "Choose one.",
  some: "Choose at least one.",
  unsupported: "This has to be filled in, and Countersign cannot ask for it. The form can only be denied.",
};

/** What is wrong with a field. `null`: nothing that can be seen from here. */
export function fault(field: Field, filled: Filled): string | null {
  const values = valuesOf(field, filled);
  const { input } = field;
  if (values.length === 0) return field.required ? emptyWords[input.kind] : null;
  const text = values[0] ?? "";
  switch (input.kind) {
    case "text": {
      const length = [...text].length;
      const tooShort = input.minLength !== null && length < input.minLength;
      const tooLong = input.maxLength !== null && length > input.maxLength;
      if (tooShort || tooLong)
        return `${range("characters", input.minLength, input.maxLength)}; these are ${count(length)}.`;
      return wrongFormat(input.format, text);
    }
    case "number": {
      const value = Number(text.replace(",", "."));
      const inside = (input.min === null || value >= input.min) && (input.max === null || value <= input.max);
      return Number.isFinite(value) && inside && (!input.integer || Number.isInteger(value)) ? null : `${hint(input)}.`;
    }
    case "some": {
      const few = input.min !== null && values.length < input.min;
      const many = input.max !== null && values.length > input.max;
      return few || many ? `${hint(input)}; ${count(values.length)} chosen.` : null;
    }
    case "toggle":
    case "one":
    case "unsupported":
      return null;
  }
}

function wrongFormat(format: TextFormat, text: string): string | null {
  const fine =
    format === "plain" ||
    (format === "email" && /^[^\s@]+@[^\s@]+$/.test(text)) ||
    (format === "uri" && /^[a-z][a-z0-9+.-]*:\S+$/i.test(text)) ||
    (format === "date" && /^\d{4}-\d{2}-\d{2}$/.test(text)) ||
    (format === "dateTime" && !Number.isNaN(Date.parse(text)));
  return fine ? null : `${formats[format]}.`;
}

/** All that is sent. A number is sent with a point, whatever the person's keyboard has. */
export const answersOf = (fields: readonly Field[], filled: (id: string) => Filled): FieldAnswer[] =>
  fields.map((field) => {
    const values = valuesOf(field, filled(field.id));
    return {
      id: field.id,
      values: field.input.kind === "number" ? values.map((text) => text.replace(",", ".")) : values,
    };
  });

/** A secret, which is kept nowhere. */
export const isSecret = ({ input }: Field): boolean => (input.kind === "text" || input.kind === "one") && input.secret;
