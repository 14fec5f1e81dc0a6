import { Text } from '@codemirror/state';
import { expect, it } from 'vitest';

import { diagnostics } from '../../src/cells/cellLinter';

const DOC = Text.of(['%%kusto_image img', 'humanize', '  -r more.txt  ']);

it.each([
  [1, 'humanize'],
  [2, '-r more.txt'],
  [9, '-r more.txt'],
  [null, '%%kusto_image img']
])('the problem of line %s underlines %j', (line, text) => {
  const [diagnostic] = diagnostics(DOC, [{ field: 'requirements', line, message: 'no' }]);
  expect(diagnostic && DOC.sliceString(diagnostic.from, diagnostic.to)).toBe(text);
  expect(diagnostic).toMatchObject({ severity: 'error', message: 'no' });
});
