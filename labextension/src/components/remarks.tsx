/** Warnings and suggestions, a line each. */
import type * as React from 'react';

export function Remarks({ lines }: { lines: ReadonlyArray<string> }): React.JSX.Element | null {
  return lines.length ? (
    <ul className="jp-KustoImage-remarks">
      {lines.map(line => (
        <li key={line}>
          <bdi>{sentence(line)}</bdi>
        </li>
      ))}
    </ul>
  ) : null;
}

/** Return a text that begins with a capital letter. */
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
