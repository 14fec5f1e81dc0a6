/** Whether corrected requirements can take the place of a text. */
import { visible } from './json';
import type { ICorrection } from './plan';

/**
 * Return whether a text is the one that was corrected: only then nothing is lost that its user has typed since.
 *
 * It is if each changed line is as it was, and the other lines are those of the corrected text.
 */
export function isCorrected(text: string, { changes, text: corrected }: ICorrection): boolean {
  const lines = text.split('\n');
  const result: string[] = [];
  let next = 0;
  for (const { line, before, after } of changes) {
    const end = line - 1 + before.split('\n').length; // a continued line has several
    if (!isSame(lines.slice(line - 1, end).join('\n'), before)) {
      return false;
    }
    result.push(...lines.slice(next, line - 1), ...(after ? [after] : []));
    next = end;
  }
  return [...result, ...lines.slice(next)].join('\n').trimEnd() === corrected.trimEnd();
}

/** Return whether lines are those that a correction shows, where invisible characters are escaped. */
function isSame(lines: string, before: string): boolean {
  return visible(lines).trim() === before.trim();
}
