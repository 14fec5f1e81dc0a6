/** Puts the fix of a requirement in place of its line. */

/** Return the line with a fix instead of its requirement; its indent and its comment stay. Null if it has changed. */
export function fixLine(current: string | undefined, checked: string | undefined, fix: string): string | null {
  if (current === undefined || checked === undefined || isContinued(current)) {
    return null;
  }
  const requirement = requirementOf(current);
  return requirement && requirement === requirementOf(checked) ? current.replace(requirement, () => fix) : null;
}

function requirementOf(line: string): string {
  return line.slice(0, commentStart(line)).trim();
}

/** Return where a comment starts: at a `#` at the start of the line or after a blank. */
function commentStart(line: string): number {
  for (let index = line.indexOf('#'); index >= 0; index = line.indexOf('#', index + 1)) {
    if (line.slice(0, index).trimEnd().length < index || index === 0) {
      return index;
    }
  }
  return line.length;
}

/** Return whether a requirement continues in the next line, which would be left over. */
function isContinued(line: string): boolean {
  return line.trimEnd().endsWith('\\');
}
