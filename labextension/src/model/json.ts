/** Reads JSON that can come from anywhere: members of a wrong type count as absent. */

/** Return a function that reads the text of a key, "" if there is none. */
export function textReader(data: Record<string, unknown>): (key: string) => string {
  return key => (typeof data[key] === 'string' ? visible(data[key]) : '');
}

export function readTexts(data: unknown): string[] {
  return Array.isArray(data) ? data.filter(item => typeof item === 'string').map(visible) : [];
}

/** Control, bidirectional and zero-width characters, except in emoji. `kusto_magic/display_text.py` has all of them. */
const INVISIBLE =
  /(?![\t\n])\p{Cc}|\u00ad|\u061c|[\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]|(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d|[\u{e0000}-\u{e0fff}]/gu;

/** Return a text with its invisible characters as escapes: a notebook of another user can contain any text. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, char => `\\u{${char.codePointAt(0)?.toString(16) ?? ''}}`);
}

export function readObjects(data: unknown): Array<Record<string, unknown>> {
  return Array.isArray(data) ? data.filter(isObject) : [];
}

export function readNumber(data: unknown): number {
  return typeof data === 'number' ? data : 0;
}

export function isObject(data: unknown): data is Record<string, unknown> {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}
