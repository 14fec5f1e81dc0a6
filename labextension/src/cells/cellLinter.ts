/** Underlines what is wrong in a `%%kusto_image` cell, as the server says: by the rules of the kernel's own check. */
import { type Diagnostic, linter } from '@codemirror/lint';
import type { Extension, Text } from '@codemirror/state';

import type { IInputProblem } from '../api/requestAPI';
import type { IImagesModel } from '../tokens';

/** Milliseconds without a key until the text is checked. */
const PAUSE = 400;

/** Return the extension that checks; without the server part it underlines nothing. */
export function problemsExtension(model: IImagesModel): Extension {
  return linter(
    async view => {
      const { doc } = view.state;
      if (model.availability !== 'here' || doc.lines < 2) {
        return [];
      }
      const magic = doc.line(1);
      const body = doc.sliceString(magic.to + 1);
      const problems = await model.api.check(body, magic.text.includes('--allow-index-options')).catch(() => []);
      return diagnostics(doc, problems);
    },
    { delay: PAUSE }
  );
}

/** Return the problems of a cell's body where they stand in the cell: below the magic's own line. */
export function diagnostics(doc: Text, problems: ReadonlyArray<IInputProblem>): Diagnostic[] {
  return problems.map(({ line, message }) => {
    const at = doc.line(Math.min(doc.lines, (line ?? 0) + 1));
    const indent = at.text.length - at.text.trimStart().length;
    const from = at.length > indent ? at.from + indent : at.from;
    return { from, to: Math.max(from, at.from + at.text.trimEnd().length), severity: 'error', message };
  });
}
