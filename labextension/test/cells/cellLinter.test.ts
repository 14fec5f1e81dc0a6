import { EditorState, Text } from '@codemirror/state';
import type { EditorView } from '@codemirror/view';
import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import { diagnostics } from '../../src/cells/cellLinter';

const trans = nullTranslator.load('kusto_magic');
const DOC = Text.of(['%%kusto_image img', 'humanize', '  -r more.txt  ']);

it.each([
  [1, 'humanize'],
  [2, '-r more.txt'],
  [9, '-r more.txt'],
  [null, '%%kusto_image img']
])('the problem of line %s underlines %j', (line, text) => {
  const [diagnostic] = diagnostics(DOC, [{ field: 'requirements', line, message: 'no', hint: null }], trans);
  expect(diagnostic && DOC.sliceString(diagnostic.from, diagnostic.to)).toBe(text);
  expect(diagnostic).toMatchObject({ severity: 'error', message: 'no' });
});

it('shows what else the user can do than to correct the line', () => {
  const hint = { kind: 'allow-index-options', name: '', values: [], then: null } as const;
  const [diagnostic] = diagnostics(DOC, [{ field: 'requirements', line: 1, message: 'no', hint }], trans);
  expect(diagnostic?.message).toBe('no. In a cell, add --allow-index-options if you trust the indexes.');
});

describe('the action of a problem with a known fix', () => {
  const [, , fixed] = diagnostics(
    DOC,
    [1, 2, 2].map(line => ({
      field: 'requirements',
      line,
      message: 'no',
      hint: null,
      fix: line === 2 ? '  more' : ''
    })),
    trans
  );

  /** Apply the action to a document; return its text. */
  function applied(doc: Text): string {
    let state = EditorState.create({ doc });
    const view = { focus: () => undefined, dispatch: (spec: object) => (state = state.update(spec).state) };
    Object.defineProperty(view, 'state', { get: () => state });
    fixed?.actions?.[0]?.apply(view as unknown as EditorView, fixed.from, fixed.to);
    return state.doc.toString();
  }

  it('replaces the line', () => {
    expect(fixed?.actions?.map(({ name }) => name)).toEqual(['Apply: more']);
    expect(applied(DOC)).toBe('%%kusto_image img\nhumanize\n  more');
  });

  it('changes nothing if the line has been edited since', () => {
    const edited = Text.of(['%%kusto_image img', 'humanize', '  -r other.txt']);
    expect(applied(edited)).toBe(edited.toString());
  });
});

it('offers no action without a fix', () => {
  const problem = { field: 'requirements', line: 1, message: 'no', hint: null, fix: '' };
  expect(diagnostics(DOC, [problem], trans)[0]?.actions).toEqual([]);
});
