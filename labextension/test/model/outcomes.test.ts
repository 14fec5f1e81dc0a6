import { expect, it } from 'vitest';

import { glyphOf, isSuccess, readOutcome } from '../../src/model/outcomes';

it.each([
  ['succeeded', '✔'],
  ['failed', '✖'],
  ['canceled', '✖'],
  ['rejected', '✖'],
  ['notSubmitted', '✖'],
  ['unknown', '?']
])('outcome %s has the glyph %s', (text, glyph) => {
  const outcome = readOutcome(text);
  expect(outcome).toBe(text);
  expect(glyphOf({ outcome })).toBe(glyph);
  expect(isSuccess({ outcome })).toBe(text === 'succeeded');
});

it.each([undefined, null, '', 'Succeeded', 'toString', 5])('the value %s is no outcome, but in progress', value => {
  expect(readOutcome(value)).toBeNull();
  expect(glyphOf({ outcome: readOutcome(value) })).toBe('•');
});
