/** Underlines errors in `%%kusto_image` cells. The server checks them with the kernel's own rules. */
import { type Action, type Diagnostic, linter } from '@codemirror/lint';
import type { Extension, Text } from '@codemirror/state';
import type { EditorView } from '@codemirror/view';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IInputProblem } from '../api/requestAPI';
import { withHint } from '../model/hints';
import type { IImagesModel } from '../tokens';

/** Milliseconds after the last key before the cell is checked. */
const CHECK_DELAY = 400;

const HELP = /\s(-h|--help)(\s|$)/;

/** Return the linter; it reports nothing if the server extension is not available. */
export function cellLinter(model: IImagesModel, trans: TranslationBundle): Extension {
  return linter(
    async view => {
      const { doc } = view.state;
      if (model.availability !== 'available' || doc.lines < 2) {
        return [];
      }
      const magic = doc.line(1);
      const body = doc.sliceString(magic.to + 1);
      if (!body.trim() || HELP.test(magic.text)) {
        return []; // nothing is typed yet, the requirements are in a file, or nothing is built
      }
      const allowIndexOptions = magic.text.includes('--allow-index-options');
      const problems = await model.checkRequirements(body, allowIndexOptions).catch(() => []);
      return diagnostics(doc, problems, trans);
    },
    { delay: CHECK_DELAY }
  );
}

/** Return the diagnostics of a cell. Problems count lines from the one below the magic. */
export function diagnostics(doc: Text, problems: ReadonlyArray<IInputProblem>, trans: TranslationBundle): Diagnostic[] {
  return problems.map(({ line, message: problem, hint, fix }) => {
    const message = withHint(problem, hint, trans);
    const { from, length, text } = doc.line(Math.min(doc.lines, (line ?? 0) + 1));
    const indent = text.length - text.trimStart().length;
    const start = length > indent ? from + indent : from;
    const actions = line && fix ? [fixAction(text, fix, trans)] : [];
    return { from: start, to: Math.max(start, from + text.trimEnd().length), severity: 'error', message, actions };
  });
}

/** Return the action that replaces the line `text`, unless it has been changed since it was checked. */
function fixAction(text: string, fix: string, trans: TranslationBundle): Action {
  return {
    name: trans.__('Apply: %1', fix.trim()),
    apply: (view: EditorView, from: number) => {
      const line = view.state.doc.lineAt(from);
      if (line.text === text) {
        view.dispatch({ changes: { from: line.from, to: line.to, insert: fix }, userEvent: 'input.fix' });
        view.focus();
      }
    }
  };
}
