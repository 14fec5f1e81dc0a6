import { expect, it } from 'vitest';

import { glyphOf, isSuccess, outcomeOf } from '../../src/model/buildStates';

it.each([
  ['Succeeded', 'succeeded', '✔'],
  ['Deleted', 'succeeded', '✔'],
  ['Failed', 'failed', '✖'],
  ['Canceled', 'canceled', '⊘'],
  ['Rejected', 'rejected', '✖'],
  ['Not submitted', 'notSubmitted', '✖'],
  ['Unknown', 'unknown', '?'],
  ['Building', undefined, '⏳'],
  ['Checking', undefined, '⏳']
])('state %s has the outcome %s and the glyph %s', (state, outcome, glyph) => {
  expect(outcomeOf(state)).toBe(outcome);
  expect(glyphOf(state)).toBe(glyph);
  expect(isSuccess(state)).toBe(outcome === 'succeeded');
});
