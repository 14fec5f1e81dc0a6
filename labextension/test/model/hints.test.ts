import { nullTranslator } from '@jupyterlab/translation';
import { expect, it } from 'vitest';

import { readHint } from '../../src/model/plan';
import { type HintKind, hintText, type IHint, SENTENCES, withHint } from '../../src/model/hints';

const trans = nullTranslator.load('kusto_magic');
const RETRY: IHint = { kind: 'retry', name: '', values: [], then: null };

function hint(kind: HintKind, then: IHint | null = null): IHint {
  return { kind, name: 'my image', values: ['one', 'two'], then };
}

it('has the sentences of the snapshot', async () => {
  const kinds = Object.keys(SENTENCES) as HintKind[];
  const lines = kinds.map(kind => `${kind}: ${hintText(hint(kind, kind === 'check-arrival' ? RETRY : null), trans)}\n`);
  await expect(lines.join('')).toMatchFileSnapshot('hints.txt');
});

it('shows the hint that follows after the first or in its place', () => {
  expect(hintText(hint('ask-for-role', RETRY), trans)).toBe(
    'Ask an owner of the cluster for a role with one, two. Try again.'
  );
  expect(hintText(hint('check-arrival', RETRY), trans)).toMatch(/Otherwise: Try again\.$/);
});

it('quotes a name as one argument of a magic', () => {
  expect(hintText(hint('resume'), trans)).toBe("In a cell, %kusto_image attach 'my image' resumes the operation.");
  expect(hintText({ ...RETRY, kind: 'resume', name: "it's" }, trans)).toContain(`attach 'it'"'"'s' resumes`);
});

it('quotes values if there are any', () => {
  expect(hintText(hint('remove-lock'), trans)).toContain("the lock 'one', 'two';");
  expect(hintText({ ...RETRY, kind: 'remove-lock' }, trans)).toContain('the lock;');
});

it.each([null, undefined, { ...RETRY, kind: 'toString' as HintKind }])('shows nothing for %j', unknown => {
  expect(hintText(unknown, trans)).toBe('');
  expect(withHint('it failed', unknown, trans)).toBe('it failed');
});

it('appends a hint to a message', () => expect(withHint('it failed', RETRY, trans)).toBe('it failed. Try again.'));

it.each([null, 'text', [], {}, { kind: 3 }])('reads %j as no hint', data => expect(readHint(data)).toBeNull());

it('reads members of a wrong type as absent, and shows no invisible characters', () => {
  const read = readHint({ kind: 'retry', name: 'a\u202eb', values: ['x', 3], then: { kind: 'resume' } });
  expect(read).toEqual({
    kind: 'retry',
    name: 'a\\u{202e}b',
    values: ['x'],
    then: { kind: 'resume', name: '', values: [], then: null }
  });
});
