import { expect, it } from 'vitest';

import { isCorrected } from '../../src/model/correctLines';

const change = (line: number, before: string, after: string) => ({
  line,
  before,
  after,
  reason: 'why',
  isLeftOut: false
});

it.each([
  ['a line is replaced', 'a==1\nb', 'a==2\nb\n', [change(1, 'a==1', 'a==2')]],
  ['a line is deleted', 'a\nuvloop\nb', 'a\nb', [change(2, 'uvloop', '')]],
  ['a line is split', 'pip install a b\nc', 'a\nb\nc', [change(1, 'pip install a b', 'a\nb')]],
  ['continued lines are joined', 'a==1 \\\n  --hash=x\nb', 'a==1\nb', [change(1, 'a==1 \\\n  --hash=x', 'a==1')]],
  ['invisible characters are escaped', 'a\u200b==1', 'a==1', [change(1, 'a\\u{200b}==1', 'a==1')]]
])('a text is the corrected one if %s', (_, text, corrected, changes) => {
  expect(isCorrected(text, { text: corrected, changes, isComplete: true, isChecked: true })).toBe(true);
  expect(isCorrected(`${text}\nmore`, { text: corrected, changes, isComplete: true, isChecked: true })).toBe(false);
  expect(isCorrected(`# first\n${text}`, { text: corrected, changes, isComplete: true, isChecked: true })).toBe(false);
});
