import { Text } from '@codemirror/state';
import { nullTranslator } from '@jupyterlab/translation';
import { expect, it } from 'vitest';

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
